"""``POST /api/v1/auth/token``: an access token for a service account."""

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from artstore.admin.auth.refusals import NO_STORE, ErrorCode, TokenRefused, refusal_response
from artstore.admin.auth.token_request import MAX_BODY_BYTES, TokenRequest, parse_token_request
from artstore.admin.auth.tokens import TokenIssuer, grant_scopes
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.accounts import ServiceAccount, TokenAnswer, TokenError
from artstore.wire.problems import ProblemType

TOKEN_PATH: Final = "/api/v1/auth/token"  # noqa: S105 - an address
_BODY_SECONDS = 10.0


class TokenEndpoint:
    """Called with each request to ``TOKEN_PATH``."""

    def __init__(self, database: Database, hasher: SecretHasher, tokens: TokenIssuer) -> None:
        self._database = database
        self._hasher = hasher
        self._tokens = tokens

    async def __call__(self, request: Request) -> Response:
        try:
            wanted = parse_token_request(
                content_types=request.headers.getlist("content-type"),
                authorizations=request.headers.getlist("authorization"),
                query=request.url.query,
                body=await _body(request),
            )
            account = await self._authenticate(wanted)
            answer = self._tokens.issue(account, grant_scopes(account, wanted.scopes))
        except TokenRefused as refused:
            return refusal_response(refused)
        return Response(answer.model_dump_json(), headers=NO_STORE, media_type="application/json")

    async def _authenticate(self, wanted: TokenRequest) -> ServiceAccount:
        """The account. An unknown client waits as long, and hears the same, as one with a wrong secret."""
        async with self._database.read() as connection:
            known = await repository.credentials_by_client_id(connection, wanted.client_id)
        hashes = known.secret_hashes if known else ()
        # Outside the transaction: while a secret is hashed, the connection serves others.
        if not await self._hasher.matches(wanted.client_secret, hashes) or known is None:
            raise TokenRefused(ErrorCode.INVALID_CLIENT, "The client is unknown or its secret is wrong.")
        return known.account


async def _body(request: Request) -> bytes:
    """The body, read up to its limit and for a limited time: whoever calls has not been authenticated."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
    except TimeoutError as e:
        raise Problem(
            ProblemType.REQUEST_TIMEOUT, f"The body did not arrive within {_BODY_SECONDS:.0f} seconds."
        ) from e
    return bytes(body)


def _answer(description: str, model: type[TokenAnswer | TokenError]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": model.model_json_schema()}},
        "headers": {"Cache-Control": {"schema": {"type": "string", "const": "no-store"}}},
    }


_PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "const": "client_credentials"},
        "client_id": {"type": "string", "description": "Unless it comes by HTTP Basic"},
        "client_secret": {"type": "string", "description": "Unless it comes by HTTP Basic"},
        "scope": {"type": "string", "description": "Names with spaces between; absent: all of the account"},
    },
}

TOKEN_OPERATION: Final[dict[str, Any]] = {
    "summary": "An access token for a service account (RFC 6749 §4.4)",
    "description": "The client authenticates by HTTP Basic, or with client_id and client_secret in the body.",
    "operationId": "issue_token",
    "tags": ["auth"],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {"schema": _PARAMETERS},
            "application/json": {"schema": _PARAMETERS},
        },
    },
    "responses": {
        "200": _answer("The token", TokenAnswer),
        "400": _answer("The request is refused (RFC 6749 §5.2)", TokenError),
        "401": _answer("The client is unknown or its secret is wrong (invalid_client)", TokenError),
    },
}
