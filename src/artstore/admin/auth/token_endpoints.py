"""What a client may do with a token that it has: end it (RFC 7009), and ask what it is (RFC 7662)."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from artstore.admin import audit
from artstore.admin.auth import exchange
from artstore.admin.auth.clients import ClientAuthentication
from artstore.admin.auth.refusals import NO_STORE, ErrorCode, RequestRefused
from artstore.admin.auth.token_truth import KnownToken, TokenTruth
from artstore.admin.revocations.feed import RevocationFeed
from artstore.admin.revocations.repository import end_token
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.repository import lock_account
from artstore.kernel import tracing
from artstore.kernel.client_address import address_of
from artstore.kernel.database import Database
from artstore.wire.accounts import Introspection
from artstore.wire.scopes import Scope

REVOKE_PATH: Final = "/api/v1/auth/revoke"
INTROSPECT_PATH: Final = "/api/v1/auth/introspect"


class RevokeEndpoint:
    """Called with each request to ``REVOKE_PATH``. Another client's token only with ``accounts:write``."""

    def __init__(
        self, database: Database, clients: ClientAuthentication, truth: TokenTruth, feed: RevocationFeed
    ) -> None:
        self._database = database
        self._clients = clients
        self._truth = truth
        self._feed = feed

    async def __call__(self, request: Request) -> Response:
        return await exchange.answer(request, self._revoke)

    async def _revoke(self, request: Request, parameters: dict[str, str]) -> Response:
        text = _token(parameters)
        account = await self._clients.authenticate(request, parameters)
        token = await self._truth.read(text)
        if token is not None:
            if token.account_id != account.id and Scope.ACCOUNTS_WRITE not in account.scopes:
                raise RequestRefused(ErrorCode.UNAUTHORIZED_CLIENT, "The token was issued to another client.")
            await self._end(token, request, account)
        # One that is unknown or has expired is no error: it is as the client wants it (RFC 7009 §2.2).
        return Response(status_code=200, headers=NO_STORE)

    async def _end(self, token: KnownToken, request: Request, by: Account) -> None:
        async with self._database.write() as connection:
            if token.session_id is None:
                await lock_account(connection, token.account_id)
            ended = await end_token(connection, token.account_id, token.jti, token.expires)
            if ended and by.id != token.account_id:
                await audit.append(connection, _entry(token, request, by))
        self._feed.decided()


def _entry(token: KnownToken, request: Request, by: Account) -> audit.AuditEntry:
    actor = audit.Actor(
        audit.ActorKind.SERVICE_ACCOUNT,
        id=str(by.id),
        name=by.name,
        address=address_of(request.scope),
        request_id=tracing.current_request_id(),
    )
    return audit.AuditEntry(
        audit.Action.TOKEN_REVOKED,
        actor,
        "account" if token.session_id is None else "administrator",
        str(token.account_id),
        details={"name": token.username, "jti": token.jti},
    )


class IntrospectEndpoint:
    """Called with each request to ``INTROSPECT_PATH``. Others' tokens are shown with ``accounts:read``."""

    def __init__(self, clients: ClientAuthentication, truth: TokenTruth) -> None:
        self._clients = clients
        self._truth = truth

    async def __call__(self, request: Request) -> Response:
        return await exchange.answer(request, self._introspect)

    async def _introspect(self, request: Request, parameters: dict[str, str]) -> Response:
        text = _token(parameters)
        account = await self._clients.authenticate(request, parameters)
        token = await self._truth.read(text)
        if token is None or not _may_ask(account, token) or not await self._truth.is_active(token):
            return exchange.json_answer(Introspection(active=False))
        said = Introspection.model_validate(token.claims | {"active": True, "token_type": "Bearer"})
        return exchange.json_answer(said)


def _token(parameters: dict[str, str]) -> str:
    token = parameters.get("token")
    if token is None:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The parameter token is missing.")
    return token


def _may_ask(account: Account, token: KnownToken) -> bool:
    return token.account_id == account.id or Scope.ACCOUNTS_READ in account.scopes


_TOKEN: Final[dict[str, Any]] = {
    "token": {"type": "string", "minLength": 1},
    "token_type_hint": {
        "type": "string",
        "description": "access_token; not looked at, for there is no other",
    },
}
REVOKE_OPERATION: Final[dict[str, Any]] = exchange.operation(
    "End an access token (RFC 7009)",
    operation_id="revoke_token",
    required=["token"],
    parameters=_TOKEN,
    success={"description": "The token is not good, whatever it was before"},
)
INTROSPECT_OPERATION: Final[dict[str, Any]] = exchange.operation(
    "Whether an access token is good, and what it says (RFC 7662)",
    operation_id="introspect_token",
    required=["token"],
    parameters=_TOKEN,
    success=exchange.described("What is known of the token", Introspection),
)
