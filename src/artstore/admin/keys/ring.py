"""The key pairs in memory: what tokens are signed with, what they are verified with, what is published."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from joserfc.jwk import RSAKey

from artstore.admin import audit
from artstore.admin.keys import repository
from artstore.admin.keys.pairs import StoredPair, generate_pair, open_pair, public_key
from artstore.kernel.access import KeysUnavailable
from artstore.kernel.database import Database, DatabaseDown, WriteConnection

_REFRESH_SECONDS = 30.0
_UNKNOWN_KID_SECONDS = 1.0


class KeyRing:
    """Holds what the database had at the last ``refresh``, which is enough while the database is away.

    A KeySource for the verification of tokens: Admin needs no HTTP to ask itself. Belongs to one event loop.
    """

    def __init__(self, database: Database, passphrase: str) -> None:
        self._database = database
        self._passphrase = passphrase
        self._signing: RSAKey | None = None
        self._public: dict[str, RSAKey] = {}
        self._published: list[dict[str, Any]] = []
        self._looking = asyncio.Lock()
        self._tried_at = float("-inf")
        self._behind = True

    async def ensure_pair(self, connection: WriteConnection) -> list[audit.AuditEntry]:
        """Make the first pair if there is none. The caller holds a lock, so that several processes agree.

        Returns what the caller must append to the audit trail.
        """
        if await repository.pairs_newest_first(connection):
            return []
        pair = await asyncio.to_thread(generate_pair, self._passphrase)
        await repository.add_pair(connection, pair)
        return [audit.AuditEntry(audit.Action.KEY_CREATED, audit.SYSTEM, "key", pair.kid)]

    async def refresh(self) -> None:
        """Take over the pairs of the database; the newest signs. Raises PassphraseWrong, DatabaseDown."""
        self._tried_at, self._behind = time.monotonic(), True
        async with self._database.read() as connection:
            stored = await repository.pairs_newest_first(connection)
        if not stored:
            raise LookupError("There is no signing key; the start of Admin makes the first one.")
        await self._sign_with(stored[0])
        self._public = {pair.kid: public_key(pair) for pair in stored}
        self._published = [pair.public_jwk for pair in stored]
        self._behind = False

    async def keep_fresh(self) -> None:
        """Follow what other Admin processes change. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            async with self._looking:
                await self.refresh()

    def signing_key(self) -> RSAKey:
        """The private key that signs new tokens; its ``kid`` names it. Only after the first ``refresh``."""
        assert self._signing is not None, "The ring is filled before the service takes requests."
        return self._signing

    def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JWK set (RFC 7517 §5), that which signs first."""
        return {"keys": self._published}

    async def key(self, kid: str) -> RSAKey | None:
        """The public key of that id; for an unknown one the database is asked, once a second.

        Raises KeysUnavailable for an unknown one while the database is away.
        """
        if kid not in self._public:
            await self._look_again()
        return self._public.get(kid)

    async def _look_again(self) -> None:
        """Read the pairs as they are after this call, together with all who ask meanwhile."""
        asked_at = time.monotonic()
        async with self._looking:
            if self._tried_at < asked_at:
                # To wait is better than to say of a key that was just made that there is none.
                await asyncio.sleep(self._tried_at + _UNKNOWN_KID_SECONDS - time.monotonic())
                with suppress(DatabaseDown):
                    await self.refresh()
            if self._behind:
                raise KeysUnavailable("the database with the keys is away")

    async def _sign_with(self, pair: StoredPair) -> None:
        if self._signing is None or self._signing.kid != pair.kid:
            self._signing = await asyncio.to_thread(open_pair, pair, self._passphrase)
