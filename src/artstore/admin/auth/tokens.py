"""Access tokens: what stands in them and who may have which scope."""

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

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
        scope = " ".join(scopes)
        claims = {
            "sub": str(account.id),
            "client_id": account.client_id,
            "username": account.name,
            "role": account.role,
            "scope": scope,
            "rate_limit": _REQUESTS_PER_MINUTE,
        }
        return TokenAnswer(
            access_token=self.sign(claims, self._lifetime_seconds),
            expires_in=self._lifetime_seconds,
            scope=scope,
        )

    def sign(self, claims: Mapping[str, Any], lifetime_seconds: int) -> str:
        """A token with these claims about its subject, and those that every token has."""
        key = self._keys.signing_key()
        now = int(time.time())
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        all_claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_seconds,
            "jti": secrets.token_urlsafe(16),
            **claims,
        }
        return jwt.encode(header, all_claims, key, algorithms=[ALGORITHM])
