"""Access tokens: what stands in them and who may have which scope."""

import secrets
import time
from typing import Final

from joserfc import jwt

from artstore.admin.auth.refusals import ErrorCode, TokenRefused
from artstore.admin.keys.ring import KeyRing
from artstore.wire.accounts import AUDIENCE, ServiceAccount, TokenAnswer
from artstore.wire.scopes import Scope

ALGORITHM: Final = "RS256"
_REQUESTS_PER_MINUTE = 100
"""The claim ``rate_limit`` of every account."""


def grant_scopes(account: ServiceAccount, requested: frozenset[str] | None) -> list[Scope]:
    """What the token may do: all that the account may, or the part of it that was asked for.

    Raises TokenRefused ``invalid_scope`` when more was asked for, rather than giving less in silence.
    """
    if requested is None:
        return account.scopes
    granted = [scope for scope in account.scopes if scope in requested]
    if len(granted) != len(requested):
        raise TokenRefused(ErrorCode.INVALID_SCOPE, "The account lacks a scope that was asked for.")
    return granted


class TokenIssuer:
    """Signs access tokens in the profile of RFC 9068."""

    def __init__(self, keys: KeyRing, *, issuer: str, lifetime_seconds: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._lifetime_seconds = lifetime_seconds

    def issue(self, account: ServiceAccount, scopes: list[Scope]) -> TokenAnswer:
        """A token for an authenticated account. Costs about a millisecond for the signature."""
        key = self._keys.signing_key()
        now, scope = int(time.time()), " ".join(scopes)
        claims = {
            "iss": self._issuer,
            "sub": str(account.id),
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime_seconds,
            "jti": secrets.token_urlsafe(16),
            "client_id": account.client_id,
            "username": account.name,
            "role": account.role,
            "scope": scope,
            "rate_limit": _REQUESTS_PER_MINUTE,
        }
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return TokenAnswer(
            access_token=jwt.encode(header, claims, key, algorithms=[ALGORITHM]),
            expires_in=self._lifetime_seconds,
            scope=scope,
        )
