"""Access tokens: what stands in them and who may have which scope."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from joserfc import jwt

from artstore.admin.auth.refusals import ErrorCode, RequestRefused
from artstore.admin.keys.ring import KeyRing
from artstore.admin.service_accounts.account import Account
from artstore.kernel.access.grants import grants_claim
from artstore.wire.accounts import ACCOUNT_END_CLAIM, AUDIENCE, EPOCH_CLAIM, GRANTS_CLAIM, Grant, TokenAnswer
from artstore.wire.scopes import Scope

ALGORITHM: Final = "RS256"
_ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105  RFC 9068


def grant_scopes(account: Account, requested: frozenset[str] | None) -> list[Scope]:
    """What the token may do: all that the account may, or the part of it that was asked for.

    Raises RequestRefused ``invalid_scope`` when more was asked for, rather than giving less in silence.
    """
    if requested is None:
        return account.scopes
    granted = [scope for scope in account.scopes if scope in requested]
    if len(granted) != len(requested):
        raise RequestRefused(ErrorCode.INVALID_SCOPE, "The account lacks a scope that was asked for.")
    return granted


class TokenIssuer:
    """Signs access tokens in the profile of RFC 9068."""

    def __init__(self, keys: KeyRing, *, issuer: str, lifetime_seconds: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._lifetime_seconds = lifetime_seconds

    def issue(self, account: Account, scopes: list[Scope], grants: Sequence[Grant]) -> TokenAnswer:
        """A token for an authenticated account; none outlives it. A signature costs about a millisecond."""
        lifetime, scope = self._lifetime_seconds, " ".join(scopes)
        end: dict[str, int] = {}
        if account.expires_at is not None:
            end = {ACCOUNT_END_CLAIM: int(account.expires_at.timestamp())}
            lifetime = min(lifetime, max(0, int(account.expires_at.timestamp() - time.time())))
        claims: dict[str, Any] = {
            "sub": str(account.id),
            "client_id": account.client_id,
            "username": account.name,
            "role": account.role,
            "scope": scope,
            "rate_limit": account.rate_limit,
            EPOCH_CLAIM: account.token_epoch,
            **end,
        }
        changeable = [grant.owner_id for grant in grants if Scope.FILES_WRITE in grant.scopes]
        if (granted := grants_claim((grant.owner_id for grant in grants), changeable)) is not None:
            claims[GRANTS_CLAIM] = granted
        return TokenAnswer(
            access_token=self.sign(claims, lifetime),
            expires_in=lifetime,
            scope=scope,
        )

    def sign(self, claims: Mapping[str, Any], lifetime_seconds: int, *, kind: str = _ACCESS_TOKEN) -> str:
        """A token with these claims about its subject, and those that every token has.

        One of another ``kind`` must have another ``aud``, too: it is what verifiers look at.
        """
        key = self._keys.signing_key()
        now = int(time.time())
        header = {"alg": ALGORITHM, "typ": kind, "kid": key.kid}
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
