"""The key pairs in memory: what tokens are signed with, what they are verified with, what is published."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from joserfc.jwk import RSAKey

from artstore.admin.keys import metrics, repository
from artstore.admin.keys.pairs import PassphraseWrong, StoredPair, open_pair, public_key
from artstore.admin.keys.repository import GoodPair
from artstore.kernel.access import KeysUnavailable
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_UNKNOWN_KID_SECONDS = 0.25

_log = get_logger(__name__)


class KeyRing:
    """Holds what the database had at the last ``refresh``, which is enough while the database is away.

    A KeySource for the verification of tokens: Admin needs no HTTP to ask itself. Belongs to one event loop.
    """

    def __init__(self, database: Database, passphrase: str) -> None:
        self._database = database
        self._passphrase = passphrase
        self._signing: list[tuple[float, RSAKey]] = []
        """Private keys with the moment of the monotonic clock from which they sign, the last first."""
        self._closed: set[str] = set()
        """Ids of pairs that do not open with the passphrase of this process."""
        self._public: dict[str, RSAKey] = {}
        self._published: list[dict[str, Any]] = []
        self._looking = asyncio.Lock()
        self._tried_at = float("-inf")
        self._behind = True
        self.changed = asyncio.Event()
        """Set when other keys are published than before; whoever waits for it clears it."""

    @property
    def is_current(self) -> bool:
        """Whether the last look at the database succeeded."""
        return not self._behind

    async def refresh(self) -> None:
        """Take over the pairs of the database. Raises PassphraseWrong if none can sign, DatabaseDown."""
        async with self._looking:
            await self._refresh()

    def signing_key(self) -> RSAKey:
        """The private key that signs new tokens; its ``kid`` names it. Only after the first ``refresh``."""
        now = time.monotonic()
        for signs_at, key in self._signing:
            if signs_at <= now:
                return key
        raise Problem(
            ProblemType.DEPENDENCY_UNAVAILABLE,
            "No key can sign tokens at the moment; try again in some seconds.",
        )

    def signing_seconds(self) -> float:
        """For how long the last key has been signing; negative while it is pending."""
        return time.monotonic() - max((signs_at for signs_at, _ in self._signing), default=float("inf"))

    def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JWK set (RFC 7517 §5), that which signs last first."""
        return {"keys": self._published}

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self._public)

    def knows(self, kid: str) -> bool:
        return kid in self._public

    async def key(self, kid: str) -> RSAKey | None:
        """The public key of that id; for an unknown one the database is asked, four times a second at most.

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
                    await self._refresh()
            if self._behind:
                raise KeysUnavailable("the database with the keys is away")

    async def _refresh(self) -> None:
        self._tried_at, self._behind = time.monotonic(), True
        async with self._database.read() as connection:
            pairs = await repository.good_pairs(connection)
        read_at = time.monotonic()
        if not pairs:
            raise LookupError("There is no signing key; the start of Admin makes the first one.")
        self._signing = await self._that_sign(pairs, read_at)
        kids = self.kids
        stored = [pair.stored for pair in pairs]
        self._public = {each.kid: self._public.get(each.kid) or public_key(each) for each in stored}
        self._published = [each.public_jwk for each in stored]
        self._behind = False
        metrics.PUBLISHED.set(len(pairs))
        metrics.SIGNING_SECONDS.set(next((-pair.signs_in for pair in pairs if pair.signs_in <= 0), 0))
        if self.kids != kids:
            _log.info("other keys are published", kids=sorted(self.kids))
            self.changed.set()

    async def _that_sign(self, pairs: list[GoodPair], read_at: float) -> list[tuple[float, RSAKey]]:
        """The keys that are pending and the one that signs, for ``self._signing``. Raises PassphraseWrong.

        Where another process has made keys under a new passphrase, the last one that this process has opened
        goes on signing while it is good.
        """
        opened = {key.kid: key for _, key in self._signing}
        may_sign = {pair.stored.kid for pair in repository.that_may_sign(pairs)}
        signing = []
        for pair in pairs:
            kid = pair.stored.kid
            key = opened.get(kid)
            if key is None and kid in may_sign:
                key = await self._opened(pair.stored)
            if key is not None:
                signing.append((read_at + pair.signs_in, key))
                if pair.signs_in <= 0:
                    return signing
        raise PassphraseWrong(pairs[0].stored.kid)

    async def _opened(self, pair: StoredPair) -> RSAKey | None:
        """The private key, or None where it does not open, which is said once."""
        if pair.kid in self._closed:
            return None
        try:
            return await asyncio.to_thread(open_pair, pair, self._passphrase)
        except PassphraseWrong as error:
            self._closed.add(pair.kid)
            _log.error("a private key does not open", kid=pair.kid, reason=str(error))
            return None
