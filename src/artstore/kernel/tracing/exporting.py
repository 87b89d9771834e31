"""Sends spans to a collector by OTLP over HTTP, from a thread of its own: requests never wait for it.

OpenTelemetry's SDK is loaded by `start` alone, and its thread begins there: call it in the process that
serves, which was forked by then.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from artstore.kernel.logging import blot_out, get_logger
from artstore.kernel.tracing import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

TRACES_PATH: Final = "/v1/traces"
QUEUE_SPANS: Final = 8192
"""More than these wait for a collector that is slow or away: the oldest are dropped."""
_BATCH_SPANS: Final = 512
_EVERY_MILLIS: Final = 1000
EXPORT_SECONDS: Final = 5.0
"""For one batch, trying again included; then the batch is dropped."""
CLOSE_SECONDS: Final = 2.0
"""For what waits when the service ends: well below the time in which a service must have closed."""
_QUERY: Final = re.compile(r"\?\S*")
_log = get_logger(__name__)


def start(endpoint: str, *, service: str, version: str, instance: str) -> "Exporting":
    """Makes spans be recorded, and sent to ``endpoint``, a collector's base address."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    reason = _LastReason()
    libraries = logging.getLogger("opentelemetry")
    libraries.handlers, libraries.propagate = [reason], False
    address = endpoint.rstrip("/") + TRACES_PATH
    exporter = _told_once(OTLPSpanExporter(address, timeout=EXPORT_SECONDS), address, reason)
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=QUEUE_SPANS,
        schedule_delay_millis=_EVERY_MILLIS,
        max_export_batch_size=_BATCH_SPANS,
    )
    resource = Resource(
        {
            "service.namespace": "artstore",
            "service.name": service,
            "service.version": version,
            **({"service.instance.id": instance} if instance else {}),
        }
    )
    exporting = Exporting(processor, resource)
    spans.use(exporting)
    return exporting


class Exporting:
    """A recorder that gives spans to OpenTelemetry's queue."""

    def __init__(self, processor: "BatchSpanProcessor", resource: "Resource") -> None:
        self._processor = processor
        self._resource = resource

    def record(self, span: spans.Span) -> None:
        self._processor.on_end(_readable(span, self._resource))

    async def close(self) -> None:
        """Sends what waits, for a bounded time. Nothing is recorded any more."""
        spans.use(None)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def send_rest() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # the loop has ended, for the time was over
                loop.call_soon_threadsafe(done.set)

        # A daemon, as OpenTelemetry's own thread: the process ends without either.
        threading.Thread(target=send_rest, name="last spans", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans were not sent in time")


class _LastReason(logging.Handler):
    """Keeps what OpenTelemetry says last, instead of a line for each batch that fails."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


def _told_once(exporter: "SpanExporter", address: str, reason: _LastReason) -> "SpanExporter":
    """The same exporter, which tells once that it fails, and once that it works again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Told(SpanExporter):
        failing = False

        def export(self, batch: "Sequence[ReadableSpan]") -> "SpanExportResult":
            result = exporter.export(batch)
            failed = result is not SpanExportResult.SUCCESS
            # Once nobody records any more, the process may be ending under this thread.
            if failed != self.failing and spans.recorder() is not None:
                self.failing = failed
                if failed:
                    _log.warning("spans cannot be sent and are dropped", to=address, reason=reason.text)
                else:
                    _log.info("spans are sent again", to=address)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

    return Told()


def _readable(span: spans.Span, resource: "Resource") -> "ReadableSpan":
    """As OpenTelemetry has it, with the ids that the request had from its beginning."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    trace_id, sampled = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    parent = (
        SpanContext(trace_id, int(span.parent_id, 16), span.parent_is_remote, sampled)
        if span.parent_id is not None
        else None
    )
    return ReadableSpan(
        span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=sampled),
        parent=parent,
        resource=resource,
        attributes=_plain(span.attributes),
        events=[Event(note.name, _plain(note.attributes), note.at) for note in span.notes],
        kind=SpanKind.SERVER if span.of_server else SpanKind.CLIENT,
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.began,
        end_time=span.ended,
    )


def _plain(attributes: Mapping[str, spans.Value]) -> dict[str, spans.Value]:
    """Without tokens, passwords and query strings: they hide in texts of exceptions."""
    return {
        name: _QUERY.sub("", blot_out(value)) if isinstance(value, str) else value
        for name, value in attributes.items()
    }
