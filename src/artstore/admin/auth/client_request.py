"""Reading a request of an OAuth client: RFC 6749 §2.3.1 and §3.2, RFC 7523 §2.2. Pure: bytes in, value out.

The token endpoint, revocation and introspection all take the same form: parameters in the body, the client
authenticated by HTTP Basic, by a secret in the body, or by a signed assertion. Whatever comes in, the outcome
is a value or a RequestRefused with an error code of §5.2.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from artstore.admin.auth.refusals import ErrorCode, RequestRefused

MAX_BODY_BYTES = 16 * 1024
"""More than any such request needs; read before anything is known about the client."""
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAX_PARAMETERS = 32
_MAX_CREDENTIAL_CHARACTERS = 256
_MAX_ASSERTION_CHARACTERS = 8192
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_OWN_PARAMETERS = frozenset(
    {
        *("grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"),
        *("token", "token_type_hint"),
    }
)


@dataclass(frozen=True)
class SecretCredentials:
    """A client id with a secret; nothing has been verified."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class AssertionCredentials:
    """A JWT that the client signed; not even its form has been looked at."""

    assertion: str = field(repr=False)
    client_id: str | None
    """The client id beside it, which must be the one in it."""


Credentials = SecretCredentials | AssertionCredentials


def read_parameters(*, content_types: list[str], query: str, body: bytes) -> dict[str, str]:
    """The parameters that have a value: one without counts as omitted (§3.2), also in JSON.

    ``content_types``: the values of the header. Raises RequestRefused ``invalid_request``.
    """
    _refuse_parameters_in_url(query)
    media_type = (_single("Content-Type", content_types) or "").partition(";")[0].strip().lower()
    if len(body) > MAX_BODY_BYTES:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    if media_type == _FORM:
        pairs = _form_pairs(body)
    elif media_type == _JSON:
        pairs = _json_pairs(body)
    else:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, f"The Content-Type must be {_FORM} or {_JSON}.")
    return {name: value for name, value in _unrepeated(pairs).items() if value}


def read_credentials(authorizations: list[str], parameters: dict[str, str]) -> Credentials:
    """How the client authenticates itself. ``authorizations``: the values of the header.

    Raises RequestRefused: ``invalid_request`` where they contradict each other or are repeated,
    ``invalid_client`` where they are missing or unreadable.
    """
    authorization = _single("Authorization", authorizations)
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    assertion = parameters.get("client_assertion")
    if sum(way is not None for way in (authorization, secret, assertion)) > 1:
        raise RequestRefused(
            ErrorCode.INVALID_REQUEST,
            "Authenticate by the Authorization header, a secret in the body or an assertion, not by several.",
        )
    if assertion is not None:
        return _assertion(assertion, client_id, parameters.get("client_assertion_type"))
    if authorization is None:
        return _usable(client_id, secret)
    basic_id, basic_secret = _basic(authorization)
    # Naming the client in the body as well is not a second authentication, and common libraries do it.
    if client_id is not None and client_id != basic_id:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The header and the body name different clients.")
    return _usable(basic_id, basic_secret)


def _single(header: str, values: list[str]) -> str | None:
    if len(values) > 1:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, f"The header {header} is repeated.")
    return values[0] if values else None


def _refuse_parameters_in_url(query: str) -> None:
    """A secret in a URL ends in logs, so §2.3.1 forbids it: say so rather than look elsewhere in silence."""
    names = {part.partition("=")[0] for part in query.split("&")}
    if names & _OWN_PARAMETERS:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "Send the parameters in the body, not in the URL.")


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as e:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The form cannot be read as UTF-8.") from e


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        # Pairs instead of objects, because a dict would swallow a repeated member.
        members = json.loads(body.decode("utf-8"), object_pairs_hook=_JsonObject)
    except (ValueError, RecursionError) as e:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The body is not JSON in UTF-8.") from e
    if not isinstance(members, _JsonObject):
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The JSON body must be an object.")
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
        raise RequestRefused(ErrorCode.INVALID_REQUEST, f"The parameter {name} must be a string.")
    return "?"  # unknown parameters are ignored (§3.2), but counted when repeated


def _unrepeated(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise RequestRefused(ErrorCode.INVALID_REQUEST, "A parameter is repeated.")
        parameters[name] = value
    return parameters


def _assertion(assertion: str, client_id: str | None, kind: str | None) -> AssertionCredentials:
    if kind != ASSERTION_TYPE:
        raise RequestRefused(
            ErrorCode.INVALID_REQUEST, f"The client_assertion_type must be {ASSERTION_TYPE}."
        )
    if len(assertion) > _MAX_ASSERTION_CHARACTERS:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The client_assertion is too long.")
    return AssertionCredentials(assertion, client_id)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret from HTTP Basic; both are form-encoded inside it (§2.3.1)."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        raise RequestRefused(ErrorCode.INVALID_CLIENT, "The Authorization header must use the scheme Basic.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        if not colon:
            raise ValueError("no colon")
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError) as e:
        raise RequestRefused(ErrorCode.INVALID_CLIENT, "The Basic credentials cannot be read.") from e


def _usable(client_id: str | None, secret: str | None) -> SecretCredentials:
    if not client_id or not secret:
        raise RequestRefused(ErrorCode.INVALID_CLIENT, "The request has no client_id or no client_secret.")
    if max(len(client_id), len(secret)) > _MAX_CREDENTIAL_CHARACTERS:
        raise RequestRefused(ErrorCode.INVALID_REQUEST, "The client_id or the client_secret is too long.")
    if not (is_text(client_id) and is_text(secret)):
        raise RequestRefused(
            ErrorCode.INVALID_CLIENT, "The client_id or the client_secret is not valid text."
        )
    return SecretCredentials(client_id, secret)


def is_text(value: str) -> bool:
    """PostgreSQL's text knows no NUL, and a lone surrogate (possible in JSON) has no UTF-8."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
