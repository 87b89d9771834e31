"""What stands in a JSON Web Token that Admin has signed, and what is told of one that is not good."""

import base64
import json
import math
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from artstore.kernel.access.keys import KeySource, KeysUnavailable
from artstore.kernel.problems import CHALLENGE, Problem
from artstore.wire.problems import ProblemType

LEEWAY_SECONDS = 60
"""How far the clocks of issuer and verifier may be apart."""
_MAX_TOKEN_CHARACTERS = 8192


def invalid_token(detail: str) -> Problem:
    """The refusal of a token that came but is not good (RFC 6750 §3.1). ``detail`` is plain ASCII."""
    challenge = f'{CHALLENGE}, error="invalid_token", error_description="{detail}"'
    return Problem(ProblemType.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})


def key_id(token: str) -> str:
    """The ``kid`` of the token's head, which is not trusted yet: it only chooses the key."""
    head = _head(token) if len(token) <= _MAX_TOKEN_CHARACTERS else None
    if head is None:
        raise invalid_token("The access token is not a JSON Web Token.")
    if head.get("alg") != "RS256":
        raise invalid_token("The access token is not signed with RS256.")
    kid = head.get("kid")
    if not isinstance(kid, str) or not kid:
        raise invalid_token("The access token does not name its key.")
    return kid


def _head(token: str) -> dict[str, Any] | None:
    encoded, _, rest = token.partition(".")
    if rest.count(".") != 1:
        return None
    try:
        head = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None


async def signed_claims(keys: KeySource, token: str, kid: str) -> dict[str, Any]:
    """The claims of a token that the key ``kid`` has signed; nothing else about them was looked at.

    Raises Problem UNAUTHENTICATED, DEPENDENCY_UNAVAILABLE.
    """
    try:
        key = await keys.key(kid)
    except KeysUnavailable as error:
        raise Problem(
            ProblemType.DEPENDENCY_UNAVAILABLE,
            "Access tokens cannot be checked now, for Admin does not give its keys. Try again soon.",
        ) from error
    if key is None:
        raise invalid_token("The access token is signed with a key that is not known.")
    try:
        return jwt.decode(token, key, algorithms=["RS256"]).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise invalid_token("The access token is not signed as it says.") from error


def check_times(claims: dict[str, Any], now: float) -> float:
    """When it stops being good, leeway included. Raises Problem UNAUTHENTICATED for a token that is not."""
    expires = moment(claims, "exp") + LEEWAY_SECONDS
    if now >= expires:
        raise invalid_token("The access token has expired.")
    if max(moment(claims, "nbf"), moment(claims, "iat")) > now + LEEWAY_SECONDS:
        raise invalid_token("The access token is not valid yet.")
    return expires


def count(claims: dict[str, Any], name: str, *, absent: int) -> int:
    value = claims.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise invalid_token(f"The access token has a claim {name} that cannot be read.")
    return value


def moment(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid_token(f"The access token lacks the claim {name}.")
    return float(value)
