"""``POST /api/v1/auth/token``: an access token for a service account."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from artstore.admin.auth import exchange
from artstore.admin.auth.clients import ClientAuthentication
from artstore.admin.auth.token_request import wanted_scopes
from artstore.admin.auth.tokens import TokenIssuer, grant_scopes
from artstore.admin.grants.repository import grants_of
from artstore.kernel.database import Database
from artstore.wire.accounts import TokenAnswer

TOKEN_PATH: Final = "/api/v1/auth/token"  # noqa: S105 - an address


class TokenEndpoint:
    """Called with each request to ``TOKEN_PATH``."""

    def __init__(self, database: Database, clients: ClientAuthentication, tokens: TokenIssuer) -> None:
        self._database = database
        self._clients = clients
        self._tokens = tokens

    async def __call__(self, request: Request) -> Response:
        return await exchange.answer(request, self._issue)

    async def _issue(self, request: Request, parameters: dict[str, str]) -> Response:
        wanted = wanted_scopes(parameters)
        account = await self._clients.authenticate(request, parameters)
        scopes = grant_scopes(account, wanted)
        # The epoch was read before the secret was hashed: a token of an account that was suspended meanwhile,
        # or lost a grant, is void from the beginning.
        async with self._database.read() as connection:
            grants = await grants_of(connection, account.id)
        return exchange.json_answer(self._tokens.issue(account, scopes, grants))


TOKEN_OPERATION: Final[dict[str, Any]] = exchange.operation(
    "An access token for a service account (RFC 6749 §4.4)",
    operation_id="issue_token",
    required=["grant_type"],
    parameters={
        "grant_type": {"type": "string", "const": "client_credentials"},
        "scope": {"type": "string", "description": "Names with spaces between; absent: all of the account"},
    },
    success=exchange.described("The token", TokenAnswer),
)
