"""All batches of an element."""

import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from artstore.attributes import MAX_BYTES, FileAttributes, FileId
from artstore.engine.batches.batch import Batch, CommitAll, Surroundings
from artstore.engine.batches.journal import Head, Survivor
from artstore.engine.capacity import Reservation, Room
from artstore.engine.errors import BatchClosed, BatchUnknown, EngineError, TooManyBatches
from artstore.engine.options import EngineOptions

_MOST_COMMITTED = 1000
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
        batch = Batch(self._around, head, Reservation(self._room, 0))
        self._batches[batch.id] = batch
        try:
            await batch.create()
        except BaseException:
            await batch.remove()
            raise
        return batch

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
        committed = sorted(
            (each for each in self._batches.values() if each.committed), key=lambda batch: batch.written_at
        )
        too_many = {each.id for each in committed[: max(0, len(committed) - _MOST_COMMITTED)]}
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
            except (EngineError, OSError) as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return removed

    def figures(self) -> BatchFigures:
        waiting = [batch for batch in self._batches.values() if not batch.committed]
        return BatchFigures(
            len(waiting), sum(len(each.members) for each in waiting), sum(each.bytes for each in waiting)
        )

    async def close(self) -> None:
        for batch in list(self._batches.values()):
            await batch.close()

    def _take_up(self, found: Survivor) -> None:
        """One of before a restart. Its room was promised then, and is needed unless it was committed."""
        if found.committed:
            reservation = Reservation(self._room, 0, staged_bytes=0)
            reservation.end()
        else:
            members = found.contents.members
            size, attributes = sum(members.values()), len(members) * MAX_BYTES
            reservation = Reservation(self._room, size + attributes, staged_bytes=size)
        head = found.contents.head
        self._batches[head.batch_id] = Batch(self._around, head, reservation, found)

    def _forget(self, batch: Batch) -> None:
        self._batches.pop(batch.id, None)
