"""What happens around every request: its identity, the limit of its body, its count, its log line.

Pure ASGI, one layer: each further one would cost every chunk of every document that passes.
"""

from time import perf_counter

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore.kernel import metrics, tracing
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem, problem_response
from artstore.wire.problems import ProblemType

BODY_LIMIT_KEY = "artstore.body_limit"
"""In the ASGI scope: the most bytes that the body may have, or None. A hot route sets its own."""
PRINCIPAL_KEY = "artstore.principal"
"""In the ASGI scope: the principal, once access was checked."""
DEFAULT_BODY_LIMIT = 1 << 20

_CLIENT_WENT_AWAY = 499  # nginx's number for it; never sent, only logged and counted
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
_log = get_logger("access")


class RequestMiddleware:
    """Wraps the whole application of one service."""

    def __init__(self, app: ASGIApp, *, service: str, routes: "RouteNames") -> None:
        self._app = app
        self._service = service
        self._routes = routes
        self._in_flight = metrics.IN_FLIGHT.labels(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        tracing.enter(exchange.context)
        self._in_flight.inc()
        try:
            await self._serve(scope, exchange)
        finally:
            self._in_flight.dec()
            self._record(scope, exchange)

    async def _serve(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.outcome = _CLIENT_WENT_AWAY
            if exchange.status:
                raise
        except Exception:
            if exchange.client_gone:
                exchange.outcome = _CLIENT_WENT_AWAY
            _log.exception("the request failed", method=scope["method"], route=self._routes.of(scope))
            if exchange.status:
                # The answer has begun: only a broken connection can still tell the client that it is wrong.
                exchange.outcome = exchange.outcome or ProblemType.INTERNAL.status
                raise
            await problem_response(_internal())(scope, exchange.receive, exchange.send)

    def _record(self, scope: Scope, exchange: "_Exchange") -> None:
        seconds = perf_counter() - exchange.started
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = self._routes.of(scope)
        status = exchange.outcome or exchange.status or _CLIENT_WENT_AWAY
        bytes_in, bytes_out = exchange.bytes_in, exchange.bytes_out
        metrics.observe_request(
            self._service, method, route, status, seconds=seconds, bytes_in=bytes_in, bytes_out=bytes_out
        )
        principal = scope.get(PRINCIPAL_KEY)
        (_log.debug if route in _QUIET else _log.info)(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            client_id=principal.client_id if principal else None,
        )


def _internal() -> Problem:
    return Problem(
        ProblemType.INTERNAL,
        "The service made a mistake; it is in its log under this request id. Trying again may help.",
    )


class _Exchange:
    """One request and its answer as they pass."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = perf_counter()
        self.status = 0
        self.outcome = 0
        """The status to log where it is not the one that was sent."""
        self.bytes_in = 0
        self.bytes_out = 0
        self.client_gone = False
        self._scope = scope
        self._receive = receive
        self._send = send
        request_id = traceparent = None
        self._announced = 0
        self._pathsend_bytes = 0
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                request_id = value.decode("latin-1")
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == b"content-length":
                self._announced = int(value) if value.isdigit() else 0
        self.context = tracing.from_headers(request_id, traceparent)
        self._extra_headers = [
            (b"x-request-id", self.context.request_id.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
        ]
        state = scope.setdefault("state", {})
        state["request_id"] = self.context.request_id
        state["traceparent"] = self.context.traceparent
        scope[BODY_LIMIT_KEY] = DEFAULT_BODY_LIMIT

    async def receive(self) -> Message:
        limit = self._scope[BODY_LIMIT_KEY]
        if limit is not None and self._announced > limit:
            raise _too_large(limit)
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
            if limit is not None and self.bytes_in > limit:
                raise _too_large(limit)
        else:
            self.client_gone = True
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        elif kind == "http.response.start":
            self.status = message["status"]
            self._pathsend_bytes = _content_length(message)
            message["headers"] = [*message.get("headers", ()), *self._extra_headers]
        elif kind == "http.response.pathsend":
            # The server reads the file itself: the length is known from the head alone.
            self.bytes_out += self._pathsend_bytes
        await self._send(message)


def _content_length(message: Message) -> int:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _too_large(limit: int) -> HTTPException:
    # Not a Problem: FastAPI lets only this class through while it reads a body.
    return HTTPException(413, f"The body is larger than the {limit} bytes that this resource takes.")


class RouteNames:
    """The template of the route that took a request: ``/api/v1/files/{file_id}``, never the path itself."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._templates: dict[object, str] | None = None

    def of(self, scope: Scope) -> str:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return "unmatched"
        if self._templates is None:
            # A route of an included router knows only its own part of the path; the application knows all.
            self._templates = {
                context.endpoint: context.path_format or ""
                for context in iter_route_contexts(self._app.routes)
                if context.endpoint is not None
            }
        return self._templates.get(endpoint) or getattr(scope.get("route"), "path_format", None) or "unknown"
