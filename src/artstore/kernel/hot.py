"""Hot routes: endpoints for bytes, without FastAPI's reading of bodies and solving of dependencies."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from artstore.kernel.access.principal import Principal
from artstore.kernel.access.requirements import authenticate, verifier_of
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
        await response(asgi_scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._scope is None:
            return await self._endpoint(request)
        principal = await authenticate(request.scope, verifier_of(request.app), self._scope)
        return await self._endpoint(request, principal)
