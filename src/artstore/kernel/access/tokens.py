"""Verification of access tokens: RS256 signatures by keys of a key source, and the claims of our issuer."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from artstore.kernel.access.claims import check_times, count, invalid_token, key_id, signed_claims
from artstore.kernel.access.grants import GrantsUnreadable, read_grants
from artstore.kernel.access.keys import KeySource
from artstore.kernel.access.principal import Principal
from artstore.kernel.access.revocations import RevocationList
from artstore.wire.accounts import ACCOUNT_END_CLAIM, AUDIENCE, EPOCH_CLAIM, GRANTS_CLAIM
from artstore.wire.scopes import Scope

_REMEMBER_SECONDS = 60.0
_REMEMBER_TOKENS = 10_000
_RATE_LIMIT = 100
"""Of a token without the claim."""
_TEXT_CLAIMS = ("sub", "jti", "client_id", "username", "role", "scope")
_KNOWN_SCOPES = {scope.value: scope for scope in Scope}


class TokenVerifier:
    """Turns an access token into a Principal.

    A token that was verified is remembered by its digest, until it expires, at most a minute, and as long as
    its key is good: most requests cost one hash. Whether it was revoked is asked each time. ``now`` gives
    seconds since 1970.
    """

    def __init__(
        self,
        keys: KeySource,
        issuer: str,
        revocations: RevocationList | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._revocations = RevocationList(now=now) if revocations is None else revocations
        self._now = now
        self._seen: dict[bytes, tuple[float, str, Principal]] = {}
        """By digest of the token: until when, by which key, who."""

    async def verify(self, token: str) -> Principal:
        """The principal. Raises Problem UNAUTHENTICATED for a token that is not good, DEPENDENCY_UNAVAILABLE
        where the keys cannot be read."""
        principal = await self._verified(token)
        if self._revocations.covers(principal):
            raise invalid_token("The access token has been revoked.")
        return principal

    async def _verified(self, token: str) -> Principal:
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        now = self._now()
        seen = self._seen.get(digest)
        if seen is not None:
            until, kid, principal = seen
            if now < until and self._keys.knows(kid):
                return principal
            del self._seen[digest]
        kid = key_id(token)
        claims = await signed_claims(self._keys, token, kid)
        principal, expires = _principal(claims, token, self._issuer, now)
        self._remember(digest, (min(expires, now + _REMEMBER_SECONDS), kid, principal))
        return principal

    async def close(self) -> None:
        """Releases what the key source holds, where it holds anything."""
        close = getattr(self._keys, "close", None)
        if close is not None:
            await close()

    def _remember(self, digest: bytes, verified: tuple[float, str, Principal]) -> None:
        if len(self._seen) >= _REMEMBER_TOKENS:
            # The oldest goes; whoever still uses it is verified once more.
            del self._seen[next(iter(self._seen))]
        self._seen[digest] = verified


def _principal(claims: dict[str, Any], token: str, issuer: str, now: float) -> tuple[Principal, float]:
    """The principal, and when the token stops being good, leeway included."""
    text = {}
    for name in _TEXT_CLAIMS:
        value = claims.get(name)
        if not isinstance(value, str) or not (value or name == "scope"):
            raise invalid_token(f"The access token lacks the claim {name}.")
        text[name] = value
    if claims.get("iss") != issuer:
        raise invalid_token("The access token is from another issuer.")
    audience = claims.get("aud")
    if audience != AUDIENCE and not (isinstance(audience, list) and AUDIENCE in audience):
        raise invalid_token("The access token is meant for another audience.")
    expires = check_times(claims, now)
    scopes = frozenset(_KNOWN_SCOPES[name] for name in text["scope"].split() if name in _KNOWN_SCOPES)
    try:
        readable, changeable = read_grants(claims.get(GRANTS_CLAIM))
    except GrantsUnreadable as error:
        raise invalid_token("The access token has a claim grants that cannot be read.") from error
    session_id = claims.get("sid")
    principal = Principal(
        text["sub"],
        text["client_id"],
        text["username"],
        text["role"],
        scopes,
        token,
        session_id if isinstance(session_id, str) else None,
        jti=text["jti"],
        epoch=count(claims, EPOCH_CLAIM, absent=0),
        account_end=count(claims, ACCOUNT_END_CLAIM, absent=0) or None,
        rate_limit=count(claims, "rate_limit", absent=_RATE_LIMIT),
        readable_owners=readable,
        changeable_owners=changeable,
    )
    return principal, expires
