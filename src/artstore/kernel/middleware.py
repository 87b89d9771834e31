"""What happens around every request: it gets its identity, is counted and logged, and is always answered.

Pure ASGI and one layer: each further one would cost every chunk of every document that passes.
"""

from time import perf_counter
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from artstore.kernel import metrics, tracing
from artstore.kernel.client_address import address_of
from artstore.kernel.exchange import Exchange
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import REFUSED_KEY, Problem, problem_response
from artstore.kernel.refusals import Refusals
from artstore.kernel.stalled import ClientStalled
from artstore.kernel.tracing import spans
from artstore.wire.problems import ProblemType

PRINCIPAL_KEY: Final = "artstore.principal"
"""In the ASGI scope: the principal, once access was checked."""
LOGGED_KEY: Final = "artstore.logged"
"""In the ASGI scope: set when the exception that is under way stands in the log already."""

_NOT_ENDED: Final = 499
"""Logged and counted where the exchange broke off, never sent: nginx's number for a client gone away."""
_UNMATCHED: Final = "unmatched"
_REFUSED: Final = frozenset({401, 403})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET: Final = frozenset({"/health/live", "/health/ready", "/metrics"})


class RequestMiddleware:
    """Wraps the whole application of one service."""

    def __init__(self, app: ASGIApp, *, service: str, routes: "RouteNames", refusals: Refusals) -> None:
        self._app = app
        self._service = service
        self._routes = routes
        self._refusals = refusals
        self._in_flight = metrics.IN_FLIGHT.labels(service)
        # Bound here: a logger that is not makes itself anew for every line.
        self._log = get_logger("access").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        tracing.enter(exchange.context)
        notes = spans.collect_notes(exchange.context)
        status = _NOT_ENDED
        self._in_flight.inc()
        try:
            status = await self._serve(scope, exchange)
        finally:
            self._in_flight.dec()
            self._record(scope, exchange, status, notes)
        await exchange.linger()

    async def _serve(self, scope: Scope, exchange: Exchange) -> int:
        """Lets the application answer; the status to be logged."""
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            if exchange.status:
                scope[LOGGED_KEY] = True
                raise
            # For who is there still: a body can also end early where its framing is wrong.
            await problem_response(_body_without_end())(scope, exchange.receive, exchange.send)
            return _NOT_ENDED
        except ClientStalled as stalled:
            scope[LOGGED_KEY] = True
            self._log.warning(
                "a client was cut off",
                method=scope["method"],
                route=self._routes.of(scope),
                reason=str(stalled),
            )
            raise
        except Exception:
            scope[LOGGED_KEY] = True
            self._log.exception("the request failed", method=scope["method"], route=self._routes.of(scope))
            if exchange.status:
                # The answer has begun: only a broken connection can still tell the client that it is wrong.
                raise
            await problem_response(_internal())(scope, exchange.receive, exchange.send)
        return exchange.status or _NOT_ENDED

    def _record(self, scope: Scope, exchange: Exchange, status: int, notes: list[spans.Note] | None) -> None:
        seconds = perf_counter() - exchange.started
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = self._routes.of(scope)
        bytes_in, bytes_out = exchange.bytes_in, exchange.bytes_out
        metrics.observe_request(
            self._service, method, route, status, seconds=seconds, bytes_in=bytes_in, bytes_out=bytes_out
        )
        principal = scope.get(PRINCIPAL_KEY)
        if status in _REFUSED or REFUSED_KEY in scope:
            self._refusals.count(principal, address_of(scope), method, route, status)
        if notes is not None and route not in _QUIET:
            spans.record_request(
                exchange.context,
                notes,
                method=method if method in _METHODS else None,
                route=None if route == _UNMATCHED else route,
                status=exchange.status,
                began=exchange.began,
                seconds=seconds,
                broken_off=status == _NOT_ENDED,
                bytes_in=bytes_in,
                bytes_out=bytes_out,
            )
        (self._log.debug if route in _QUIET else self._log.info)(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            client_id=principal.client_id if principal else None,
        )


def _body_without_end() -> Problem:
    return Problem(
        ProblemType.INVALID_REQUEST,
        "The body of the request broke off before its end, or is framed wrongly (Content-Length, chunks).",
    )


def _internal() -> Problem:
    return Problem(
        ProblemType.INTERNAL,
        "The service made a mistake; it is in its log under this request id. Trying again may help.",
    )


class RouteNames:
    """The template of the route that took a request: ``/api/v1/files/{file_id}``, never the path itself."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._templates: dict[object, str] | None = None

    def of(self, scope: Scope) -> str:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return _UNMATCHED
        if self._templates is None:
            # A route of an included router knows only its own part of the path; the application knows all.
            self._templates = {
                context.endpoint: context.path_format or ""
                for context in iter_route_contexts(self._app.routes)
                if context.endpoint is not None
            }
        return self._templates.get(endpoint) or getattr(scope.get("route"), "path_format", None) or "unknown"
