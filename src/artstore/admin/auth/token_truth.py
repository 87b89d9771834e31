"""What Admin knows of a token that somebody shows it: decided by PostgreSQL, not by what was told around."""

import json
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError

from artstore.admin.administrators import session_repository
from artstore.admin.keys.ring import KeyRing
from artstore.admin.revocations.repository import is_revoked
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.repository import account_by_id
from artstore.kernel.access import KeysUnavailable
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.accounts import AUDIENCE, EPOCH_CLAIM, AccountStatus
from artstore.wire.problems import ProblemType

_MAX_CHARACTERS = 8192


@dataclass(frozen=True)
class KnownToken:
    """A token that was issued here, whether or not it is still good."""

    claims: dict[str, Any]

    @property
    def account_id(self) -> UUID:
        return UUID(self.claims["sub"])

    @property
    def session_id(self) -> UUID | None:
        """Of a person; None: the token is a service account's."""
        return UUID(self.claims["sid"]) if "sid" in self.claims else None

    @property
    def jti(self) -> str:
        return str(self.claims["jti"])

    @property
    def client_id(self) -> str:
        return str(self.claims["client_id"])

    @property
    def username(self) -> str:
        return str(self.claims["username"])

    @property
    def expires(self) -> datetime:
        return datetime.fromtimestamp(float(self.claims["exp"]), UTC)


class TokenTruth:
    """Reads tokens and says whether they are good."""

    def __init__(self, database: Database, keys: KeyRing, issuer: str) -> None:
        self._database = database
        self._keys = keys
        self._issuer = issuer

    async def read(self, token: str) -> KnownToken | None:
        """None for what was not issued here. Raises Problem DEPENDENCY_UNAVAILABLE."""
        kid = _kid(token) if len(token) <= _MAX_CHARACTERS else None
        if kid is None:
            return None
        try:
            key = await self._keys.key(kid)
        except KeysUnavailable as e:
            raise Problem(ProblemType.DEPENDENCY_UNAVAILABLE, "The keys cannot be read now.") from e
        if key is None:
            return None
        try:
            claims = jwt.decode(token, key, algorithms=["RS256"]).claims
            known = KnownToken(claims)
            ours = (claims["iss"], claims["aud"]) == (self._issuer, AUDIENCE)
            _ = (
                known.account_id,
                known.session_id,
                known.jti,
                known.client_id,
                known.username,
                known.expires,
            )
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return known if ours else None

    async def is_active(self, token: KnownToken) -> bool:
        """Raises DatabaseDown: to say of a token that it is good without knowing would be worse."""
        if token.expires.timestamp() <= time.time():
            return False
        async with self._database.read() as connection:
            if await is_revoked(connection, token.jti):
                return False
            if token.session_id is not None:
                return await session_repository.is_live(connection, token.session_id, token.account_id)
            return _is_current(await account_by_id(connection, token.account_id), token)


def _is_current(account: Account | None, token: KnownToken) -> bool:
    if account is None or account.status is not AccountStatus.ACTIVE:
        return False
    return int(token.claims.get(EPOCH_CLAIM, 0)) >= account.token_epoch


def _kid(token: str) -> str | None:
    try:
        encoded = token.partition(".")[0]
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        return None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None
