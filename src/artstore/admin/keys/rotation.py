"""How one key pair follows another: on schedule, when somebody asks, and at once when one is compromised."""

import asyncio
import math
from dataclasses import dataclass

from artstore.admin import audit
from artstore.admin.keys import metrics, repository
from artstore.admin.keys.pairs import PassphraseWrong, StoredPair, encrypt_anew, generate_pair, open_pair
from artstore.admin.keys.repository import GoodPair
from artstore.admin.keys.ring import KeyRing
from artstore.kernel.database import Database, DatabaseDown, WriteConnection
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.keys import KeyState, SigningKey
from artstore.wire.problems import ProblemType

_LOOK_EVERY_SECONDS = 1.0
MOST_PUBLISHED = 50
"""Every verifier reads all of them; a script that rotates in a loop must not make the set endless."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class Times:
    """Seconds."""

    rotate_every: float
    lead: float
    """From the publication of a key to its first token: longer than it takes all services to learn of it."""
    grace: float
    """From the last token of a key to its end: longer than that token is good."""

    @property
    def published(self) -> int:
        """How many keys are good at once, at most, where only the schedule makes them."""
        return 1 + math.ceil((self.lead + self.grace) / self.rotate_every)


class KeyRotation:
    """Changes the pairs, each time in one transaction under one lock, whichever process does it."""

    def __init__(self, database: Database, ring: KeyRing, passphrase: str, times: Times) -> None:
        self._database = database
        self._ring = ring
        self._passphrase = passphrase
        self._times = times

    async def prepare(
        self, connection: WriteConnection, passphrase_before: str | None
    ) -> list[audit.AuditEntry]:
        """Make the first pair if there is none; otherwise see that the pairs open, under the passphrase.

        Those that open with ``passphrase_before`` are encrypted anew. Returns what the caller must append to
        the audit trail. Raises PassphraseWrong.
        """
        await repository.hold_keys_lock(connection)
        pairs = await repository.good_pairs(connection)
        if not pairs:
            kid = await self._add(connection, signs_in=0)
            return [audit.AuditEntry(audit.Action.KEY_CREATED, audit.SYSTEM, "key", kid)]
        for pair in repository.that_may_sign(pairs):
            await self._open_or_encrypt(connection, pair.stored, passphrase_before)
        return []

    async def run(self) -> None:
        """Keeps the ring fresh and rotates on schedule. Runs until it is cancelled."""
        said = None
        while True:
            hindrance = None
            try:
                await self._ring.refresh()
                if self._is_due(self._ring.signing_seconds()):
                    await self._rotate(audit.SYSTEM, "schedule", only_if_due=True)
            except DatabaseDown as error:
                hindrance = "the keys cannot be followed; those that are known stand", error.reason
            except Problem as problem:
                hindrance = "no key is published on schedule; the one that signs goes on", problem.detail
            if hindrance is not None and hindrance != said:
                _log.warning(hindrance[0], reason=hindrance[1])
            said = hindrance
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def rotate(self, actor: audit.Actor) -> SigningKey:
        """Publish a new key that signs soon. While one is pending it is that one, whoever asks how often.

        Raises Problem CONFLICT when too many are published.
        """
        return await self._rotate(actor, "request", only_if_due=False)

    async def revoke(self, kid: str, actor: audit.Actor) -> SigningKey:
        """Make the key worthless now; if it signs, another one does at once. May be called again.

        Raises Problem NOT_FOUND.
        """
        async with self._database.write() as connection:
            await repository.hold_keys_lock(connection)
            known = await repository.key_by_id(connection, kid)
            if known is None:
                raise Problem(ProblemType.NOT_FOUND, "There is no key with this id.")
            done = []
            if known.revoked_at is None:
                await repository.revoke(connection, kid)
                details: dict[str, audit.Json] = {"was": known.state}
                done = [audit.AuditEntry(audit.Action.KEY_REVOKED, actor, "key", kid, details=details)]
                if made := await self._fill_the_place(connection, known.state):
                    done.append(_rotated(actor, made, follows=kid, cause="revocation"))
            revoked = await repository.key_by_id(connection, kid)
            if done:
                await audit.append_all(connection, done)
        assert revoked is not None
        _log.warning("a key is revoked", kid=kid, was=known.state)
        await self._ring.refresh()
        return revoked

    async def _fill_the_place(self, connection: WriteConnection, was: KeyState) -> str | None:
        """After a key went: the one before it signs on, the one after it signs now, or a new one does.

        The id of the new one, if there is one.
        """
        pairs = await repository.good_pairs(connection)
        if was is KeyState.PENDING:
            await repository.sign_on(connection, pairs[0].stored.kid)
        elif was is KeyState.SIGNING and pairs and pairs[0].signs_in > 0:
            await repository.sign_now(connection, pairs[0].stored.kid)
        elif was is KeyState.SIGNING:
            metrics.ROTATIONS.labels("revocation").inc()
            return await self._add(connection, signs_in=0)
        return None

    async def _rotate(self, actor: audit.Actor, cause: str, *, only_if_due: bool) -> SigningKey:
        async with self._database.write() as connection:
            await repository.hold_keys_lock(connection)
            pairs = await repository.good_pairs(connection)
            kid, last = pairs[0].stored.kid, pairs[0]
            done = []
            # Otherwise another process was here first.
            if last.signs_in <= 0 and (not only_if_due or self._is_due(-last.signs_in)):
                _refuse_too_many(pairs)
                kid = await self._add(connection, signs_in=self._times.lead)
                metrics.ROTATIONS.labels(cause).inc()
                done = [_rotated(actor, kid, follows=last.stored.kid, cause=cause)]
            key = await repository.key_by_id(connection, kid)
            if done:
                await audit.append_all(connection, done)
        assert key is not None
        if done:
            _log.info("a new key is published", kid=kid, signs_in_seconds=self._times.lead, cause=cause)
        await self._ring.refresh()
        return key

    async def _add(self, connection: WriteConnection, *, signs_in: float) -> str:
        pair = await asyncio.to_thread(generate_pair, self._passphrase)
        await repository.add_pair(connection, pair, signs_in=signs_in)
        await repository.end_all_but(connection, pair.kid, good_for=signs_in + self._times.grace)
        await repository.remove_private_parts(connection)
        return pair.kid

    async def _open_or_encrypt(
        self, connection: WriteConnection, stored: StoredPair, passphrase_before: str | None
    ) -> None:
        try:
            await asyncio.to_thread(open_pair, stored, self._passphrase)
        except PassphraseWrong:
            if passphrase_before is None:
                raise
            encrypted = await asyncio.to_thread(
                encrypt_anew, stored, before=passphrase_before, passphrase=self._passphrase
            )
            await repository.replace_private_part(connection, stored.kid, encrypted)
            _log.info("a private key is encrypted with the new passphrase", kid=stored.kid)

    def _is_due(self, signing_seconds: float) -> bool:
        return signing_seconds >= self._times.rotate_every - self._times.lead


def _rotated(actor: audit.Actor, kid: str, *, follows: str, cause: str) -> audit.AuditEntry:
    details: dict[str, audit.Json] = {"follows": follows, "cause": cause}
    return audit.AuditEntry(audit.Action.KEY_ROTATED, actor, "key", kid, details=details)


def _refuse_too_many(pairs: list[GoodPair]) -> None:
    if len(pairs) >= MOST_PUBLISHED:
        raise Problem(
            ProblemType.CONFLICT,
            f"There are {MOST_PUBLISHED} keys whose tokens are still good; wait until one has retired, or "
            "revoke one.",
        )
