"""The files follower: makes every document of the log appear below ``files/``.

Invariants:

1. A document's bytes are in place before its attribute file is, and go after it: whoever sees attributes
   finds the bytes.
2. The checkpoint moves past a record only after everything up to it was flushed, and a segment is let go only
   after the checkpoint moved past it. Until then the log has it all, and following again repairs whatever a
   crash left.
3. Records are followed in order. Of several on one document within a batch only the outcome is made, so
   that the documents of a batch may be made side by side, where the storage gains by it.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, replace
from pathlib import Path

from artstore.attributes import FileId, attribute_name
from artstore.engine.blobs import BlobMissing, Blobs
from artstore.engine.durable import remove_behind
from artstore.engine.effects import Effect, effect_of
from artstore.engine.failpoints import hit
from artstore.engine.log.log import Log
from artstore.engine.log.record import BodyInvalid, Bytes, Delete, Lsn, ModeChange, Put, Record

_BATCH_RECORDS = 2000
_FEW_FOR_EACH_WRITER = 8
"""Records of a batch where no flush is shared by them: the position moves on the sooner."""
_BATCH_BYTES = 32 << 20
_IDLE_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
"""Before trying again what failed: a full disk, most likely."""


@dataclass(frozen=True, slots=True)
class Position:
    """``files/`` as it is when everything up to ``lsn`` is in it. Bytes include attribute files."""

    lsn: Lsn
    used_bytes: int
    documents: int


@dataclass(slots=True)
class _Outcome:
    """What a batch makes of one document."""

    file_id: FileId
    storage_path: str
    attributes: Bytes | None = None
    content: Bytes | None = None
    staged: str | None = None
    deleted: bool = False


class _OutOfTime(Exception):
    """The end has come; the rest is followed at the next start."""


class FilesFollower:
    """Runs in its own thread from ``start`` to ``stop``; ``position`` and ``failure`` may be read from any.

    Batches begin ``pace_seconds`` apart, the first one so long after this was made. ``checkpoint`` makes a
    position durable and tells up to where segments may be let go; ``followed`` is told after that;
    ``set_mode`` makes a mode durable in the element's description. All run in its thread.
    """

    def __init__(
        self,
        log: Log,
        blobs: Blobs,
        staging: Path,
        position: Position,
        *,
        pace_seconds: float,
        checkpoint: Callable[[Position], Lsn],
        followed: Callable[[Lsn, list[FileId]], None],
        set_mode: Callable[[str], None],
    ) -> None:
        self.position = position
        self.failure: str | None = None
        """Why it does not get on, until it does."""
        self.flushes = 0
        self._log = log
        self._blobs = blobs
        self._staging = staging
        self._pace_seconds = pace_seconds
        self._begun_at = time.monotonic()
        self._checkpoint = checkpoint
        self._followed = followed
        self._set_mode = set_mode
        writers = blobs.abilities.writers
        self._batch_records = _BATCH_RECORDS if blobs.abilities.flushes else _FEW_FOR_EACH_WRITER * writers
        self._writers = ThreadPoolExecutor(writers, "artstore-writer") if writers > 1 else None
        self._stopping = threading.Event()
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="artstore-files", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Follows what is there and ends, after ``seconds`` at the latest with what it is doing. Blocks."""
        self._deadline = time.monotonic() + seconds
        self._stopping.set()
        self._log.wake()
        self._thread.join()
        if self._writers is not None:
            self._writers.shutdown(wait=True)

    def _run(self) -> None:
        while True:
            behind = self._log.wait_beyond(self.position.lsn, 0 if self._stopping.is_set() else _IDLE_SECONDS)
            if self._stopping.is_set() and (not behind or self._is_late()):
                return
            try:
                if behind:
                    self._stopping.wait(self._seconds_to_gather())
                    if self._is_late():
                        return
                    self._begun_at = time.monotonic()
                    self._follow()
                else:
                    self._let_go()
            except Exception as error:  # noqa: BLE001 - the log keeps everything, so that trying again is safe
                self.failure = f"{type(error).__name__}: {error}"
                if self._stopping.wait(_PAUSE_SECONDS):
                    return
            else:
                self.failure = None

    def _seconds_to_gather(self) -> float:
        """A change that comes alone is followed at once, many in batches of what comes within the pace."""
        waiting = self._log.durable_lsn - self.position.lsn
        if waiting >= self._batch_records or self._log.bytes_after(self.position.lsn) >= _BATCH_BYTES:
            return 0.0
        return max(0.0, self._begun_at + self._pace_seconds - time.monotonic())

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _follow(self) -> None:
        """One batch: make it, flush it, remember it, tell of it, let segments go."""
        records = self._log.read_after(self.position.lsn, self._batch_records, _BATCH_BYTES)
        hit("files.before_batch")
        outcomes, position = self._outcomes(records)
        self._make_all(outcomes)
        hit("files.before_flush")
        self._blobs.flush()
        self.flushes += 1
        hit("files.before_checkpoint")
        releasable = self._checkpoint(position)
        hit("files.after_checkpoint")
        self.position = position
        self._followed(position.lsn, [outcome.file_id for outcome in outcomes])
        self._log.release(releasable)

    def _let_go(self) -> None:
        """Followers outside may have moved meanwhile, so that segments can go."""
        if len(self._log.segments()) > 1:
            self._log.release(self._checkpoint(self.position))

    def _outcomes(self, records: Sequence[Record]) -> tuple[list[_Outcome], Position]:
        """What the records come to, up to one that stores a document whose id another was deleted under: that
        may lie elsewhere, so the deletion has to be done first, in a batch before.
        """
        outcomes: dict[FileId, _Outcome] = {}
        position = self.position
        for record in records:
            try:
                entry = record.entry()
                effect = effect_of(entry)
            except BodyInvalid:
                position = replace(position, lsn=record.lsn)  # recovery tells of it
                continue
            before = None if effect is None else outcomes.get(effect.file_id)
            if isinstance(entry, Put) and before is not None and before.deleted:
                break
            position = replace(position, lsn=record.lsn)
            if isinstance(entry, ModeChange):
                self._set_mode(entry.mode)
                continue
            assert effect is not None
            position = _counted(position, effect)
            outcome = outcomes.setdefault(effect.file_id, _Outcome(effect.file_id, effect.storage_path))
            match entry:
                case Put(attributes, staged, content):
                    outcome.attributes, outcome.staged, outcome.content = attributes, staged, content
                case Delete():
                    outcome.deleted = True
                case _:
                    outcome.attributes = entry.attributes
        return list(outcomes.values()), position

    def _make_all(self, outcomes: list[_Outcome]) -> None:
        if self._writers is None:
            for outcome in outcomes:
                self._make(outcome)
            return
        made = [self._writers.submit(self._make, outcome) for outcome in outcomes]
        try:
            for each in as_completed(made):
                each.result()
        finally:
            # Nobody may still be at it when the batch is tried again.
            for each in made:
                each.cancel()
            wait(made)

    def _make(self, outcome: _Outcome) -> None:
        if self._is_late():
            raise _OutOfTime
        attribute_file = attribute_name(outcome.storage_path)
        if outcome.deleted:
            self._blobs.delete(attribute_file)
            hit("files.deleted_attributes")
            self._blobs.delete(outcome.storage_path)
            if outcome.staged is not None:
                remove_behind(self._staging / outcome.staged)
            return
        if outcome.content is not None:
            self._blobs.put(outcome.storage_path, memoryview(outcome.content))
        elif outcome.staged is not None:
            # Without its bytes the document is lost, or deleted by a later record. Its attributes are put in
            # place all the same: whoever reads it is told that it is damaged, not that it never existed.
            with contextlib.suppress(BlobMissing):
                self._blobs.put_staged(outcome.storage_path, self._staging / outcome.staged)
        hit("files.before_attributes")
        if outcome.attributes is not None:
            self._blobs.put(attribute_file, memoryview(outcome.attributes))
        hit("files.after_document")


def _counted(position: Position, effect: Effect) -> Position:
    return Position(
        position.lsn, position.used_bytes + effect.used_bytes, position.documents + effect.documents
    )
