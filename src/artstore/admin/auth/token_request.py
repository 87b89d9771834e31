"""Reading a token request: RFC 6749 §2.3.1 (client authentication), §3.2, §4.4.2. Pure: bytes in, value out.

Whatever comes in, the outcome is a TokenRequest or a TokenRefused with an error code of §5.2.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from artstore.admin.auth.refusals import ErrorCode, TokenRefused

MAX_BODY_BYTES = 16 * 1024
"""More than any token request needs; read before anything is known about the client."""
_MAX_PARAMETERS = 32
_MAX_CREDENTIAL_CHARACTERS = 256
_GRANT = "client_credentials"
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_OWN_PARAMETERS = frozenset({"grant_type", "client_id", "client_secret", "scope"})
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
"""RFC 6749 §3.3: tokens of printable ASCII without quote and backslash, one space between them."""


@dataclass(frozen=True)
class TokenRequest:
    """A well-formed request of the client credentials grant; nothing in it has been verified."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: frozenset[str] | None
    """None: the client asks for everything that its account has."""


def parse_token_request(
    *, content_types: list[str], authorizations: list[str], query: str, body: bytes
) -> TokenRequest:
    """Read a token request from the values of its headers, its query string and its body.

    Raises TokenRefused: ``invalid_request`` for what is malformed, repeated or contradictory,
    ``unsupported_grant_type``, ``invalid_client`` where credentials are missing or unreadable, and
    ``invalid_scope`` for a scope that breaks the syntax of §3.3.
    """
    _refuse_parameters_in_url(query)
    parameters = _parameters(_single("Content-Type", content_types), body)
    _check_grant(parameters.get("grant_type"))
    client_id, client_secret = _credentials(_single("Authorization", authorizations), parameters)
    return TokenRequest(client_id, client_secret, _scopes(parameters.get("scope")))


def _single(header: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, f"The header {header} is repeated.")
    return values[0] if values else None


def _refuse_parameters_in_url(query: str) -> None:
    """A secret in a URL ends in logs, so §2.3.1 forbids it: say so rather than look elsewhere in silence."""
    names = {part.partition("=")[0] for part in query.split("&")}
    if names & _OWN_PARAMETERS:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "Send the parameters in the body, not in the URL.")


def _parameters(content_type: str | None, body: bytes) -> dict[str, str]:
    """The parameters that have a value: one without counts as omitted (§3.2), also in JSON."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if len(body) > MAX_BODY_BYTES:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    if media_type == _FORM:
        pairs = _form_pairs(body)
    elif media_type == _JSON:
        pairs = _json_pairs(body)
    else:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, f"The Content-Type must be {_FORM} or {_JSON}.")
    return {name: value for name, value in _unrepeated(pairs).items() if value}


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as e:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The form cannot be read as UTF-8.") from e


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        # Pairs instead of objects, because a dict would swallow a repeated member.
        members = json.loads(body.decode("utf-8"), object_pairs_hook=_JsonObject)
    except (ValueError, RecursionError) as e:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The body is not JSON in UTF-8.") from e
    if not isinstance(members, _JsonObject):
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The JSON body must be an object.")
    return [(name, _json_text(name, value)) for name, value in members.pairs]


class _JsonObject:
    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        self.pairs = pairs


def _json_text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if name in _OWN_PARAMETERS:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, f"The parameter {name} must be a string.")
    return "?"  # unknown parameters are ignored (§3.2), but counted when repeated


def _unrepeated(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise TokenRefused(ErrorCode.INVALID_REQUEST, "A parameter is repeated.")
        parameters[name] = value
    return parameters


def _check_grant(grant: str | None) -> None:
    if grant is None:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The parameter grant_type is missing.")
    if grant != _GRANT:
        raise TokenRefused(ErrorCode.UNSUPPORTED_GRANT_TYPE, f"The only grant_type here is {_GRANT}.")


def _credentials(authorization: str | None, parameters: dict[str, str]) -> tuple[str, str]:
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if authorization is None:
        return _usable(client_id, secret)
    basic_id, basic_secret = _basic(authorization)
    if secret is not None:
        raise TokenRefused(
            ErrorCode.INVALID_REQUEST, "Authenticate by the Authorization header or in the body, not by both."
        )
    # Naming the client in the body as well is not a second authentication, and common libraries do it.
    if client_id is not None and client_id != basic_id:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The header and the body name different clients.")
    return _usable(basic_id, basic_secret)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret from HTTP Basic; both are form-encoded inside it (§2.3.1)."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        raise TokenRefused(ErrorCode.INVALID_CLIENT, "The Authorization header must use the scheme Basic.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        if not colon:
            raise ValueError("no colon")
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as e:
        raise TokenRefused(ErrorCode.INVALID_CLIENT, "The Basic credentials cannot be read.") from e


def _usable(client_id: str | None, secret: str | None) -> tuple[str, str]:
    if not client_id or not secret:
        raise TokenRefused(ErrorCode.INVALID_CLIENT, "The request has no client_id or no client_secret.")
    if max(len(client_id), len(secret)) > _MAX_CREDENTIAL_CHARACTERS:
        raise TokenRefused(ErrorCode.INVALID_REQUEST, "The client_id or the client_secret is too long.")
    # PostgreSQL's text knows no NUL, and a lone surrogate (possible in JSON) has no UTF-8.
    if "\0" in client_id or not (_encodable(client_id) and _encodable(secret)):
        raise TokenRefused(ErrorCode.INVALID_CLIENT, "The client_id or the client_secret is not valid text.")
    return client_id, secret


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _scopes(scope: str | None) -> frozenset[str] | None:
    if scope is None:
        return None
    if not _SCOPE.fullmatch(scope):
        raise TokenRefused(ErrorCode.INVALID_SCOPE, "The scope is not a list of names with spaces between.")
    return frozenset(scope.split(" "))
