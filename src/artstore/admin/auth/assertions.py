"""Client assertions: a JWT by which a client proves that it has a key (``private_key_jwt``, RFC 7523).

Pure: what was sent and what is known of the client in, an outcome out. That an assertion is used once is
``used_assertions``' business.
"""

import base64
import json
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning

from artstore.admin.auth.client_request import is_text
from artstore.admin.service_accounts.public_keys import PublicKey, algorithms_of, import_public_key

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
LEEWAY_SECONDS: Final = 60
"""How far the clock of a client may be from ours."""
MAX_LIFE_SECONDS: Final = 3600
"""An assertion that lives longer is refused: it must be remembered so long that it cannot be used again."""
_MAX_JTI = 256
_LAST_MOMENT: Final = 2**53
"""No number beyond is a time: integers of JSON may be too large for a float."""


class AssertionRefused(Exception):
    """The assertion is not good. The text says why, for whoever signed it."""


@dataclass(frozen=True)
class Peeked:
    """What an assertion says of itself, before any of it can be believed."""

    client_id: str
    algorithm: str
    kid: str | None


@dataclass(frozen=True)
class VerifiedAssertion:
    jti: str
    until: float
    """Seconds since 1970 from which it would be refused anyway."""


def peek(assertion: str) -> Peeked:
    """Raises AssertionRefused for what is no JWT of a client."""
    parts = assertion.split(".")
    if len(parts) != 3 or not assertion.isascii():
        raise AssertionRefused("The assertion is not a JSON Web Token.")
    header, claims = _decoded(parts[0]), _decoded(parts[1])
    client_id, algorithm, kid = claims.get("sub"), header.get("alg"), header.get("kid")
    if not isinstance(client_id, str) or not 0 < len(client_id) <= 256 or not is_text(client_id):
        raise AssertionRefused("The assertion has no usable claim sub; it must be the client id.")
    if algorithm not in ALGORITHMS:
        raise AssertionRefused(f"The assertion must be signed by one of {' '.join(ALGORITHMS)}.")
    return Peeked(client_id, str(algorithm), kid if isinstance(kid, str) else None)


def is_signed(assertion: str, peeked: Peeked, keys: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The claims, if the assertion is signed with one of these keys, else None."""
    for key in keys:
        if peeked.algorithm not in algorithms_of(key) or peeked.kid not in (None, key.get("kid")):
            continue
        claims = _verified(assertion, peeked.algorithm, import_public_key(key))
        if claims is not None:
            return claims
    return None


def check_claims(
    claims: dict[str, Any], peeked: Peeked, audiences: Collection[str], now: float
) -> VerifiedAssertion:
    """RFC 7523 §3. ``audiences``: the names of this server. Raises AssertionRefused."""
    if claims.get("iss") != peeked.client_id or claims.get("sub") != peeked.client_id:
        raise AssertionRefused("The claims iss and sub of the assertion must both be the client id.")
    named = claims.get("aud")
    listed = named if isinstance(named, list) else [named]
    if not listed or not all(isinstance(one, str) and one in audiences for one in listed):
        raise AssertionRefused("The assertion is meant for another audience.")
    expires = _moment(claims, "exp")
    if now >= expires + LEEWAY_SECONDS:
        raise AssertionRefused("The assertion has expired.")
    if expires > now + MAX_LIFE_SECONDS + LEEWAY_SECONDS:
        raise AssertionRefused(f"The assertion lives longer than {MAX_LIFE_SECONDS} seconds.")
    for name in ("nbf", "iat"):
        if name in claims and _moment(claims, name) > now + LEEWAY_SECONDS:
            raise AssertionRefused("The assertion is from the future; compare the clocks.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise AssertionRefused(f"The assertion needs a claim jti of 1 to {_MAX_JTI} characters.")
    return VerifiedAssertion(jti, expires + LEEWAY_SECONDS)


def _verified(assertion: str, algorithm: str, key: PublicKey) -> dict[str, Any] | None:
    try:
        with warnings.catch_warnings():
            # "EdDSA" has a newer name (RFC 9864), by which few clients call it yet.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.decode(assertion, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _decoded(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as e:
        raise AssertionRefused("The assertion is not a JSON Web Token.") from e
    if not isinstance(value, dict):
        raise AssertionRefused("The assertion is not a JSON Web Token.")
    return value


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LAST_MOMENT:
        raise AssertionRefused(f"The assertion needs a claim {name} in seconds.")
    return float(value)
