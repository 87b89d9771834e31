"""Reading what a token request asks for: RFC 6749 §3.3 and §4.4.2. Pure: parameters in, value out."""

import re
from collections.abc import Mapping

from artstore.admin.auth.refusals import ErrorCode, RequestRefused

_GRANT = "client_credentials"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
"""RFC 6749 §3.3: tokens of printable ASCII without quote and backslash, one space between them."""


def wanted_scopes(parameters: Mapping[str, str]) -> frozenset[str] | None:
    """The scopes that are asked for; None: everything that the account has.

    Raises RequestRefused: ``unsupported_grant_type``, ``invalid_request`` without a grant type, and
    ``invalid_scope`` for a scope that breaks the syntax of §3.3.
    """
    grant = parameters.get("grant_type")
    if grant is None:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The parameter grant_type is missing.")
    if grant != _GRANT:
        raise RequestRefused(ErrorCode.UNSUPPORTED_GRANT_TYPE, f"The only grant_type here is {_GRANT}.")
    scope = parameters.get("scope")
    if scope is None:
        return None
    if not _SCOPE.fullmatch(scope):
        raise RequestRefused(ErrorCode.INVALID_SCOPE, "The scope is not a list of names with spaces between.")
    return frozenset(scope.split(" "))
