"""Hot routes: endpoints for bytes, past FastAPI's middleware, reading of bodies and solving of dependencies.

Beside what they do they cost a fifth of a small upload; what is needed of it is done here.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from artstore.kernel.access.principal import Principal
from artstore.kernel.access.requirements import authenticate, limits_of, verifier_of
from artstore.kernel.exchange import BODY_LIMIT_KEY
from artstore.kernel.problems import REFUSED_KEY, Problem, problem_response
from artstore.wire.scopes import Scope

HotEndpoint = Callable[[Request, Principal], Awaitable[Response]]
OpenEndpoint = Callable[[Request], Awaitable[Response]]


def hot_route(
    app: FastAPI,
    path: str,
    endpoint: HotEndpoint | OpenEndpoint,
    *,
    methods: Collection[str],
    scope: Scope | None,
    operation: dict[str, Any],
    max_body_bytes: int | None = None,
) -> None:
    """Adds a plain route whose ``endpoint(request, principal)`` gets the request as it comes.

    The caller is authenticated and ``scope`` checked before the endpoint runs; ``scope=None`` makes the route
    public on purpose, and its endpoint is called with the request alone. HEAD is served only if listed.
    ``operation`` is the OpenAPI operation (summary, parameters, requestBody, responses); security is added.
    ``max_body_bytes`` limits the body; by default the endpoint itself must. Whatever the endpoint raises is
    answered as everywhere.
    """
    handler = _Hot(endpoint, scope, max_body_bytes)
    route = Route(path, handler, methods=methods, include_in_schema=False)
    route.methods = {method.upper() for method in methods}  # Starlette adds HEAD to GET unasked
    app.router.routes.append(route)
    app.state.hot_operations.append((route.path_format, sorted(route.methods), scope, operation))


class HotPath:
    """Answers what hot routes match; everything else, also a method that they do not have, is for ``rest``.

    ``around`` wraps the answering of hot routes as the middleware of ``rest`` wraps that of the others.
    """

    def __init__(self, app: FastAPI, rest: ASGIApp, around: Callable[[ASGIApp], ASGIApp]) -> None:
        self._routes = [
            route
            for route in app.router.routes
            if isinstance(route, Route) and isinstance(route.endpoint, _Hot)
        ]
        self._answer = around(_answer)
        self._rest = rest

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._routes:
                match, matched = route.matches(scope)
                if match is Match.FULL:
                    scope.update(matched)
                    await self._answer(scope, receive, send)
                    return
        await self._rest(scope, receive, send)


async def _answer(scope: AsgiScope, receive: Receive, send: Send) -> None:
    await scope["endpoint"](scope, receive, send)


class _Hot:
    """The ASGI application behind one hot route."""

    declares_access = True

    def __init__(
        self, endpoint: HotEndpoint | OpenEndpoint, scope: Scope | None, max_body_bytes: int | None
    ) -> None:
        self._endpoint: Callable[..., Awaitable[Response]] = endpoint
        self._scope = scope
        self._max_body_bytes = max_body_bytes

    async def __call__(self, asgi_scope: AsgiScope, receive: Receive, send: Send) -> None:
        asgi_scope[BODY_LIMIT_KEY] = self._max_body_bytes
        request = Request(asgi_scope, receive, send)
        try:
            response = await self._answer(request)
        except Problem as problem:
            if problem.is_refusal:
                asgi_scope[REFUSED_KEY] = True
            response = problem_response(problem)
        except Exception as error:
            answer = _handler_of(error, request.app.exception_handlers)
            if answer is None:
                raise
            response = await answer(request, error)
        await response(asgi_scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._scope is None:
            return await self._endpoint(request)
        app = request.app
        principal = await authenticate(request.scope, verifier_of(app), limits_of(app), self._scope)
        return await self._endpoint(request, principal)


def _handler_of(error: Exception, handlers: Mapping[Any, Any]) -> Callable[..., Awaitable[Response]] | None:
    """What the application has registered for errors of this class, as its own middleware would find it."""
    for kind in type(error).__mro__:
        if kind in handlers:
            handler: Callable[..., Awaitable[Response]] = handlers[kind]
            return handler
    return None
