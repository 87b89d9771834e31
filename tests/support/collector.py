"""A collector of traces: takes spans by OTLP over HTTP on a free port of the loopback, or fails to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Seen:
    """A span as the collector understands it."""

    service: str
    instance: str
    name: str
    of_server: bool
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    seconds: float
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def request_id(self) -> str | None:
        return self.attributes.get("artstore.request_id")


class Collector:
    """``status`` is what it answers; while it ``holds``, it answers nothing."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self.headers: dict[str, str] = {}
        """Of the last request."""
        self.spans: list[Seen] = []
        self.refused: list[Seen] = []
        self.asked = 0
        self._changed = threading.Condition()
        self._held = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Collector"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.let_go()
            self.leave()
            thread.join()

    def leave(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()

    def hold(self) -> None:
        self._held = True

    def let_go(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_until_asked(self, times: int = 1) -> None:
        with self._changed:
            came = self._changed.wait_for(lambda: self.asked >= times, PATIENCE_SECONDS)
        assert came, f"the collector was asked {self.asked} times"

    def span(self, **wanted: Any) -> Seen:
        """The first span with these members, once it came."""
        return self._first(self.spans, wanted)

    def refused_span(self, **wanted: Any) -> Seen:
        """The same of those that came and were not taken."""
        return self._first(self.refused, wanted)

    def _first(self, spans: list[Seen], wanted: dict[str, Any]) -> Seen:
        found: list[Seen] = []

        def came() -> bool:
            found[:] = [each for each in spans if all(getattr(each, k) == v for k, v in wanted.items())]
            return bool(found)

        with self._changed:
            assert self._changed.wait_for(came, PATIENCE_SECONDS), f"no span {wanted} in {spans}"
        return found[0]

    def _take(self, body: bytes) -> int:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held)
            self.bodies.append(body)
            (self.spans if self.status == 200 else self.refused).extend(parsed(body))
            self._changed.notify_all()
            return self.status

    def _handler(collector: "Collector") -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                assert self.headers["Content-Type"] == "application/x-protobuf"
                collector.headers = dict(self.headers)
                status = collector._take(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True  # it was not waited for

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def parsed(body: bytes) -> list[Seen]:
    seen = []
    for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _members(of_service.resource.attributes)
        assert resource["service.namespace"] == "artstore"
        for of_scope in of_service.scope_spans:
            seen += [_seen(span, resource) for span in of_scope.spans]
    return seen


def _seen(span: WireSpan, resource: dict[str, Any]) -> Seen:
    return Seen(
        service=resource["service.name"],
        instance=resource.get("service.instance.id", ""),
        name=span.name,
        of_server=span.kind == WireSpan.SPAN_KIND_SERVER,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        attributes=_members(span.attributes),
        events=[(event.name, _members(event.attributes)) for event in span.events],
    )


def _members(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
