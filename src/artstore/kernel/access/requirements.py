"""What a route needs of its caller, and the search for routes that do not say it."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.types import Scope as AsgiScope

from artstore.kernel.access.claims import invalid_token
from artstore.kernel.access.principal import Principal
from artstore.kernel.access.tokens import TokenVerifier
from artstore.kernel.limits import RequestLimits
from artstore.kernel.middleware import PRINCIPAL_KEY
from artstore.kernel.problems import CHALLENGE, Problem
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

SECURITY_SCHEME = "accessToken"
_PUBLIC = "__artstore_public__"
_CREDENTIALS = re.compile(rb"bearer +([A-Za-z0-9\-._~+/]+=*) *", re.IGNORECASE)

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


async def authenticate(
    asgi_scope: AsgiScope, verifier: TokenVerifier, limits: RequestLimits | None, *needed: Scope
) -> Principal:
    """The principal of a request, with every scope in ``needed``.

    Raises Problem UNAUTHENTICATED without a good token, INSUFFICIENT_SCOPE where it lacks a scope
    (RFC 6750 §3.1), DEPENDENCY_UNAVAILABLE where tokens cannot be verified now, RATE_LIMITED where the
    account asks more often than it may, or its address fails too often.
    """
    try:
        principal = await verifier.verify(_token(asgi_scope))
    except Problem as problem:
        if limits is not None and problem.kind is ProblemType.UNAUTHENTICATED:
            await limits.failed(asgi_scope)
        raise
    asgi_scope[PRINCIPAL_KEY] = principal
    if limits is not None:
        await limits.asked(asgi_scope, principal)
    for scope in needed:
        if scope not in principal.scopes:
            raise insufficient(scope)
    return principal


async def reauthenticate(request: Request, *needed: Scope) -> None:
    """Raises what ``authenticate`` raises if the token of the request is not good any more, or never was.

    For the end of a request that may last longer than its token.
    """
    await authenticate(request.scope, verifier_of(request.app), None, *needed)


async def vouching(request: Request, token: str, needed: Scope) -> bool:
    """Whether ``token``, which came beside that of the caller, is of a service with the scope ``needed``.

    Raises Problem DEPENDENCY_UNAVAILABLE where tokens cannot be verified now.
    """
    try:
        service = await verifier_of(request.app).verify(token)
    except Problem as problem:
        if problem.kind is ProblemType.UNAUTHENTICATED:
            return False
        raise
    return service.has(needed)


def _token(asgi_scope: AsgiScope) -> str:
    values = [value for name, value in asgi_scope["headers"] if name == b"authorization"]
    if not values:
        # A request without credentials is told how to bring them, not that they are wrong (RFC 6750 §3.1).
        raise Problem(
            ProblemType.UNAUTHENTICATED,
            "The request has no access token. Get one from Admin and send it as 'Authorization: Bearer …'.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    match = _CREDENTIALS.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise invalid_token("The header Authorization must read: Bearer, a space, the access token.")
    return match[1].decode("ascii")


def insufficient(scope: Scope) -> Problem:
    """What a token without this scope is told."""
    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope.value}"'
    return Problem(
        ProblemType.INSUFFICIENT_SCOPE,
        f"The access token lacks the scope {scope.value}.",
        headers={"WWW-Authenticate": challenge},
        required_scope=scope.value,
    )


def Requires(*scopes: Scope) -> Any:  # noqa: N802 - reads like FastAPI's Depends, which it returns
    """In an endpoint: ``principal: Annotated[Principal, Requires(Scope.FILES_READ)]``."""
    return Security(_Requirement(scopes), scopes=[scope.value for scope in scopes])


class _Requirement(SecurityBase):
    """The dependency that FastAPI calls, and the security scheme that it shows in OpenAPI."""

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token from Admin.")
        self.scheme_name = SECURITY_SCHEME
        self._scopes = scopes

    async def __call__(self, request: Request) -> Principal:
        return await authenticate(
            request.scope, verifier_of(request.app), limits_of(request.app), *self._scopes
        )


def verifier_of(app: FastAPI) -> TokenVerifier:
    verifier: TokenVerifier | None = app.state.verifier
    if verifier is None:
        raise RuntimeError("a route needs a principal, but the application was made without a verifier")
    return verifier


def limits_of(app: FastAPI) -> RequestLimits | None:
    limits: RequestLimits | None = app.state.limits
    return limits


def public(endpoint: Endpoint) -> Endpoint:
    """Marks an endpoint as open to everybody on purpose."""
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def undeclared_routes(app: FastAPI) -> list[str]:
    """``METHOD /path`` of each route that neither requires a principal nor is marked public."""
    found = []
    for context in iter_route_contexts(app.routes):
        endpoint = context.endpoint
        dependant = getattr(context, "dependant", None)
        if getattr(endpoint, _PUBLIC, False) or getattr(endpoint, "declares_access", False):
            continue
        if isinstance(dependant, Dependant) and _requires(dependant):
            continue
        methods = ",".join(sorted(context.methods or {"*"}))
        found.append(f"{methods} {context.path or '?'}")
    return found


def _requires(dependant: Dependant) -> bool:
    return isinstance(dependant.call, _Requirement) or any(_requires(part) for part in dependant.dependencies)
