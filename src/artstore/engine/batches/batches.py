"""All batches of an element."""

import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artstore.attributes import MAX_BYTES, FileAttributes, FileId
from artstore.engine.batches.batch import Batch, CommitAll, Surroundings
from artstore.engine.batches.journal import Head, journal_path
from artstore.engine.batches.surviving import Survivor
from artstore.engine.capacity import Reservation, Room
from artstore.engine.durable import remove_durably
from artstore.engine.errors import BatchClosed, BatchUnknown, EngineError, TooManyBatches
from artstore.engine.options import EngineOptions
from artstore.engine.threads import in_thread

_MOST_COMMITTED = 1000
_MOST_JOURNAL_BYTES = 256 << 20
"""Committed batches that are remembered, for clients that lost the answer; the oldest go first."""


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """How things stand with those that are open."""

    open: int
    documents: int
    bytes: int


class Batches:
    """For the event loop's thread."""

    def __init__(
        self,
        options: EngineOptions,
        staging: Path,
        threads: Executor,
        room: Room,
        *,
        commit: CommitAll,
        demand_open: Callable[[], None],
        survivors: Iterable[Survivor] = (),
    ) -> None:
        self._options = options
        self._room = room
        self._staging = staging
        self._around = Surroundings(options, staging, threads, commit, demand_open, self._forget)
        self._batches: dict[str, Batch] = {}
        for found in survivors:
            self._take_up(found)

    def get(self, batch_id: str) -> Batch:
        """Raises BatchUnknown."""
        batch = self._batches.get(batch_id)
        if batch is None or batch.expires_at <= time.time():
            raise BatchUnknown
        return batch

    async def create(self, *, owner_id: str, told: str = "") -> Batch:
        """A new one, durable on return. Raises TooManyBatches, ModeForbids, NoRoom, LogFull, OSError."""
        self._around.demand_open()
        limit = self._options.batches
        if (
            sum(not each.committed and each.head.owner_id == owner_id for each in self._batches.values())
            >= limit
        ):
            raise TooManyBatches(limit)
        head = Head(secrets.token_hex(16), owner_id, told)
        reservation = Reservation(self._room, 0)
        batch = Batch(self._around, head, reservation)
        self._batches[batch.id] = batch
        try:
            await batch.create()
        except BaseException:
            self._forget(batch)
            reservation.end()
            with suppress(OSError, EngineError):  # an empty one that is left expires
                await in_thread(self._around.threads, remove_durably, journal_path(self._staging, batch.id))
            raise
        return batch

    def hold(self, file_id: FileId) -> bool:
        """Whether a document with this id waits in a batch, or is on its way into one."""
        return any(batch.holds(file_id) for batch in self._batches.values())

    async def attributes(self, file_id: FileId) -> FileAttributes | None:
        """Of a document that waits in a batch. Raises OSError."""
        for batch in list(self._batches.values()):
            if (found := await batch.attributes(file_id)) is not None:
                return found
        return None

    async def expire(self) -> int:
        """Removes what has expired, and of what is committed more than is remembered. Returns how many were
        open. What fails is left for the next time, and raised when the others are done.
        """
        now = time.time()
        too_many = self._too_many()
        removed, failures = 0, list[Exception]()
        for batch in list(self._batches.values()):
            if batch.expires_at > now and batch.id not in too_many:
                continue
            was_open = batch.is_open
            try:
                await batch.remove()
                removed += was_open
            except BatchClosed:
                continue
            except Exception as error:  # noqa: BLE001 - the others must not wait for it
                failures.append(error)
        if failures:
            raise failures[0]
        return removed

    def figures(self) -> BatchFigures:
        waiting = [batch for batch in self._batches.values() if not batch.committed]
        return BatchFigures(
            len(waiting), sum(each.documents for each in waiting), sum(each.bytes for each in waiting)
        )

    async def close(self) -> None:
        for batch in list(self._batches.values()):
            await batch.close()

    def _too_many(self) -> set[str]:
        """Of the committed ones, the oldest that are more than is remembered."""
        committed = [each for each in self._batches.values() if each.committed]
        committed.sort(key=lambda batch: batch.written_at, reverse=True)
        kept, size, too_many = 0, 0, set[str]()
        for batch in committed:
            kept, size = kept + 1, size + batch.journal_bytes
            if kept > _MOST_COMMITTED or size > _MOST_JOURNAL_BYTES:
                too_many.add(batch.id)
        return too_many

    def _take_up(self, found: Survivor) -> None:
        """One of before a restart. Its room was promised then, and is needed unless it was committed."""
        if found.committed:
            reservation = Reservation(self._room, 0, staged_bytes=0)
            reservation.end()
        else:
            members = found.contents.members
            size = sum(member.size for member in members)
            reserved = size + len(members) * MAX_BYTES
            reservation = Reservation(self._room, reserved, staged_bytes=size)
        head = found.contents.head
        self._batches[head.batch_id] = Batch(self._around, head, reservation, found)

    def _forget(self, batch: Batch) -> None:
        self._batches.pop(batch.id, None)
