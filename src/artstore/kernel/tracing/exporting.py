"""Sends spans to a collector by OTLP over HTTP, from a thread of its own: requests never wait for it.

Of OpenTelemetry there are the queue and the exporter. Ids and what spans tell are ours: logs and calls have
them whether spans are sent or not, and what a library tells of a request can have names and secrets in it.

To load this module is to load OpenTelemetry's exporter, which a service that sends nothing does without. The
thread begins with `start`: call it in the process that serves, which was forked by then.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from artstore.kernel.logging import blot_out, get_logger
from artstore.kernel.tracing import spans

TRACES_PATH: Final = "/v1/traces"
QUEUE_SPANS: Final = 8192
"""More than these wait for a collector that is slow or away: the oldest are dropped."""
EXPORT_SECONDS: Final = 5.0
"""For one batch, trying again included; then the batch is dropped."""
CLOSE_SECONDS: Final = 2.0
"""For what waits when the service ends: well below the time in which a service must have closed."""
_BATCH_SPANS: Final = 512
_EVERY_MILLIS: Final = 1000
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_QUERY: Final = re.compile(r"\?\S*")
_log = get_logger(__name__)


def start(endpoint: str, *, service: str, version: str, instance: str) -> "Exporting":
    """Makes spans be recorded, and sent to ``endpoint``, a collector's base address."""
    exporter = _Exporter(endpoint.rstrip("/") + TRACES_PATH)
    named = {"service.namespace": "artstore", "service.name": service, "service.version": version}
    resource = Resource({**named, "service.instance.id": instance} if instance else named)
    exporting = Exporting(exporter, resource)
    spans.use(exporting)
    return exporting


class Exporting:
    """A recorder that gives spans to OpenTelemetry's queue."""

    def __init__(self, exporter: "_Exporter", resource: Resource) -> None:
        self._exporter = exporter
        self._resource = resource
        self._processor = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=_EVERY_MILLIS,
            max_export_batch_size=_BATCH_SPANS,
        )

    def record(self, span: spans.Span) -> None:
        self._processor.on_end(_readable(span, self._resource))

    async def close(self) -> None:
        """Sends what waits, for a bounded time, if sending has worked. Nothing is recorded any more."""
        spans.use(None)
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def send_rest() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # the loop has ended, for the time was over
                loop.call_soon_threadsafe(done.set)

        # A daemon, as OpenTelemetry's own thread: the process ends without either.
        threading.Thread(target=send_rest, name="last spans", daemon=True).start()
        if self._exporter.failing:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans were not sent in time")


class _Exporter(SpanExporter):
    """OpenTelemetry's, which tells once that it fails, and once that it works again."""

    def __init__(self, address: str) -> None:
        self.failing = False
        self._address = address
        self._reason = _LastReason()
        libraries = logging.getLogger("opentelemetry")
        libraries.handlers, libraries.propagate = [self._reason], False
        self._inner = OTLPSpanExporter(address, timeout=EXPORT_SECONDS)

    def export(self, batch: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(batch)
        failing = result is not SpanExportResult.SUCCESS
        changed, self.failing = failing != self.failing, failing
        # Once nothing is recorded any more, the process may be ending under this thread.
        if changed and spans.recorder() is not None:
            if failing:
                _log.warning(
                    "spans cannot be sent and are dropped", to=self._address, reason=self._reason.text
                )
            else:
                _log.info("spans are sent again", to=self._address)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]


class _LastReason(logging.Handler):
    """Keeps what OpenTelemetry says of the batch that failed last, instead of some lines for each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self._before = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("opentelemetry.exporter"):
            return
        if record.levelno < logging.ERROR:  # it tries again; when it gives up, it does not say why
            self._before = record.getMessage()
            return
        self.text = " ".join(filter(None, (record.getMessage(), self._before)))
        self._before = ""


def _readable(span: spans.Span, resource: Resource) -> ReadableSpan:
    """As OpenTelemetry has it, with the ids that the request had from its beginning."""
    trace_id = int(span.trace_id, 16)
    parent = None
    if span.parent_id is not None:
        parent = SpanContext(trace_id, int(span.parent_id, 16), span.parent_is_remote, _SAMPLED)
    return ReadableSpan(
        span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
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
