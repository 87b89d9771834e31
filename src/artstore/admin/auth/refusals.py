"""Refused requests of OAuth clients in the form of RFC 6749 §5.2, which they read: not problem details."""

from enum import StrEnum

from starlette.responses import Response

from artstore.kernel.problems import Problem
from artstore.wire.accounts import TokenError

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749 §5.1 requires both on every answer that holds a token; on refusals they do no harm."""
_CHALLENGE = 'Basic realm="artstore", charset="UTF-8"'


class ErrorCode(StrEnum):
    """The error codes of §5.2 that a client without users can meet."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    INVALID_SCOPE = "invalid_scope"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    """Of §4.1.2.1, the one registered code for what may be tried again; client libraries know it."""


class RequestRefused(Exception):
    """The request cannot be granted. ``description``: ASCII without quotes, no secrets."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


def refusal_response(refused: RequestRefused) -> Response:
    """The answer of §5.2: 400, or 401 with a challenge where the client could not be authenticated."""
    unauthenticated = refused.code is ErrorCode.INVALID_CLIENT
    return Response(
        TokenError(error=refused.code, error_description=refused.description).model_dump_json(),
        status_code=401 if unauthenticated else 400,
        headers=NO_STORE | ({"WWW-Authenticate": _CHALLENGE} if unauthenticated else {}),
        media_type="application/json",
    )


def too_many_response(problem: Problem) -> Response:
    """The same answer for a client that comes too often. ``problem``: one of status 429."""
    error = TokenError(error=ErrorCode.TEMPORARILY_UNAVAILABLE, error_description=problem.detail)
    return Response(
        error.model_dump_json(),
        status_code=problem.status,
        headers=NO_STORE | problem.headers,
        media_type="application/json",
    )
