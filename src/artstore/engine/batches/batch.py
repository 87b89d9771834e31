"""One batch: documents that wait in staging until all of them are stored in one step, or none."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from artstore.attributes import FileAttributes, FileId, parse
from artstore.engine.batches.journal import Committed, Head, Journal, Member, journal_path
from artstore.engine.batches.surviving import Survivor
from artstore.engine.capacity import Reservation
from artstore.engine.draft import kept_from
from artstore.engine.durable import remove_behind, remove_durably
from artstore.engine.errors import (
    AlreadyStored,
    BatchClosed,
    BatchFull,
    BatchIncomplete,
    BatchUnknown,
    Damaged,
    DiskFull,
    LogFailed,
)
from artstore.engine.failpoints import hit
from artstore.engine.log.record import Lsn, Put
from artstore.engine.options import EngineOptions
from artstore.engine.threads import in_thread
from artstore.engine.upload import Upload

CommitAll = Callable[[Sequence[tuple[Put, FileAttributes]], Callable[[Lsn], None]], Awaitable[None]]
"""Makes all of them durable in one step, and calls the function in that step, with the last LSN."""


@dataclass(frozen=True)
class Surroundings:
    """What all batches of an element share."""

    options: EngineOptions
    staging: Path
    threads: Executor
    commit: CommitAll
    demand_open: Callable[[], None]
    """Raises ModeForbids, LogFull, Closed where the element takes no documents now."""
    forget: "Callable[[Batch], None]"
    """One that is gone: it counts no more."""


@dataclass(frozen=True, slots=True)
class _Coming:
    """A document that is to be noted."""

    member: Member
    upload: Upload
    told: "asyncio.Future[None]"


class Batch:
    """For the event loop's thread. Made by ``Batches``."""

    def __init__(
        self, around: Surroundings, head: Head, reservation: Reservation, found: Survivor | None = None
    ) -> None:
        """``found``: it is one of before a restart."""
        contents = None if found is None else found.contents
        told = None if contents is None else contents.committed
        members = [] if contents is None else contents.members
        self.head = head
        self.committed = found is not None and found.committed
        self.members: dict[FileId, str] = {}
        """Names of the staging files; of a committed one there are none any more."""
        if not self.committed:
            self.members = {each.file_id: each.staged for each in members}
        self.documents = len(members) if told is None else told.documents
        self.bytes = sum(each.size for each in members) if told is None else told.size
        """Of all of them, as they lie on the disk."""
        self.written_at = time.time() if found is None else found.written_at
        """When something was added last, in seconds since 1970."""
        self._around = around
        self._reservation = reservation
        self._journal = Journal(around.staging, head.batch_id, 0 if contents is None else contents.size)
        self._turn = asyncio.Lock()
        """Whoever has it is at the journal."""
        self._waiting: list[_Coming] = []
        self._coming: set[FileId] = set()
        """Those that wait or are being noted."""
        self._noting: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._is_in_doubt = False
        """Whether a failed commit may be in the log: the next start finds out."""
        self._is_removed = False
        self._last_lsn = Lsn(0)

    @property
    def id(self) -> str:
        return self.head.batch_id

    @property
    def expires_at(self) -> float:
        """In seconds since 1970."""
        return self.written_at + self._around.options.batch_seconds

    @property
    def is_open(self) -> bool:
        """Whether it takes documents."""
        is_over = self.committed or self._is_removed or self._is_in_doubt or self._committing is not None
        return self._journal.is_whole and not is_over

    @property
    def journal_bytes(self) -> int:
        return self._journal.size

    def holds(self, file_id: FileId) -> bool:
        """Whether a document waits in it, or is on its way into it."""
        return file_id in self.members or file_id in self._coming

    async def create(self) -> None:
        """Durable on return."""
        await in_thread(self._around.threads, self._journal.create, self.head)

    def demand_open(self) -> None:
        """Raises BatchClosed, BatchFull."""
        if not self.is_open:
            raise BatchClosed("it was committed or given up")
        limit = self._around.options.batch_documents
        if self.documents + len(self._coming) >= limit:
            raise BatchFull(limit)

    async def add(self, put: Put, attributes: FileAttributes, upload: Upload) -> None:
        """Takes a document whose bytes are durable in staging; it is in the batch, durably, on return.

        The staging file and the room of the upload are the batch's then. Raises BatchClosed, BatchFull,
        AlreadyStored, DiskFull, OSError, after ``upload.refused``.
        """
        assert put.staged is not None, "documents of a batch are staged"
        file_id = FileId(attributes.file_id)
        try:
            self.demand_open()
            if self.holds(file_id):
                raise AlreadyStored(file_id, None, attributes.checksum)
        except BaseException:
            upload.refused()
            raise
        written = bytes(put.attributes).decode()
        member = Member(file_id, attributes.size_on_disk, put.staged, written)
        coming = _Coming(member, upload, asyncio.get_running_loop().create_future())
        self._waiting.append(coming)
        self._coming.add(file_id)
        if self._noting is None:
            self._noting = asyncio.create_task(self._note(), name="note the documents of a batch")
        await coming.told

    async def attributes(self, file_id: FileId) -> FileAttributes | None:
        """Of a document that is in it and not yet stored."""
        if file_id not in self.members:
            return None
        async with self._turn:
            if self.committed or self._is_removed:
                return None
            members, _ = await in_thread(self._around.threads, self._journal.read)
        found = next((each for each in members if each.file_id == file_id), None)
        return None if found is None else parse(found.attributes.encode())

    async def read(self, offset: int, limit: int) -> tuple[list[Member], int | None]:
        """See ``Journal.read``. Raises ValueError for a place that is none, BatchUnknown, OSError."""
        if self.documents == 0:
            return [], None
        async with self._turn:
            if self._is_removed:
                raise BatchUnknown
            return await in_thread(self._around.threads, self._journal.read, offset, limit)

    async def commit(self, documents: int | None) -> None:
        """Stores all its documents in one step; of one that was committed nothing is done again.

        It is done also when the caller is cancelled. ``documents``: how many there must be. Raises
        BatchIncomplete, ModeForbids, LogFull, DiskFull; then it is open as before. Raises LogFailed, and
        BatchClosed for one that is given up or was committed with another number.
        """
        while not self.committed:
            if self._is_removed:
                raise BatchClosed("it was given up")
            mine = self._committing is None
            if self._committing is None:
                self._committing = asyncio.create_task(self._commit(documents), name="commit a batch")
                self._committing.add_done_callback(_retrieve)
            try:
                await asyncio.shield(self._committing)
            except BatchIncomplete:
                if mine:
                    raise
        if documents not in (None, self.documents):
            raise BatchClosed(f"it was committed with {self.documents} documents")

    async def remove(self) -> None:
        """Gives it up, with its documents unless they are stored. Durable on return; may be called again when
        it failed. Raises BatchClosed where it is being committed, or may have been.
        """
        if self._committing is not None:
            raise BatchClosed("it is being committed")
        if self._is_in_doubt:
            raise BatchClosed("whether it was committed is found out when the element is started again")
        self._is_removed = True
        async with self._turn:
            await in_thread(self._around.threads, self._remove, list(self.members.values()))
        self._reservation.end()
        self._around.forget(self)

    async def close(self) -> None:
        if self._committing is not None:
            await asyncio.wait([self._committing])

    # Within

    async def _note(self) -> None:
        """Notes what waits, with one flush for all who came during the one before."""
        async with self._turn:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                error = await self._noted([each.member for each in taken])
                for each in taken:
                    self._coming.discard(each.member.file_id)
                    self._settle(each, error)
            self._noting = None

    async def _noted(self, members: Sequence[Member]) -> Exception | None:
        """Why they are not noted; None where they are."""
        if self._is_removed or not self._journal.is_whole:
            return BatchClosed("it was given up")
        try:
            await in_thread(self._around.threads, self._journal.add, members)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            return error
        self.written_at = time.time()
        return None

    def _settle(self, coming: _Coming, error: Exception | None) -> None:
        member = coming.member
        if error is None:
            self.members[member.file_id] = member.staged
            self.documents += 1
            self.bytes += member.size
            coming.upload.handed_over(self._reservation)
        elif self._journal.is_whole:
            coming.upload.refused()
        # Otherwise the journal may name the file to the next start, and it stays.
        if coming.told.done():  # whoever waits may be gone
            return
        if error is None:
            coming.told.set_result(None)
        else:
            coming.told.set_exception(error)

    async def _commit(self, documents: int | None) -> None:
        try:
            async with self._turn:  # nobody is at it any more who came before
                if documents not in (None, self.documents) or self.documents == 0:
                    raise BatchIncomplete(documents or 1, self.documents)
                self._around.demand_open()
                entries = await in_thread(self._around.threads, self._entries)
                hit("batch.before_commit")
                await self._around.commit(entries, self._stored)
                hit("batch.committed")
                with suppress(OSError, DiskFull):  # a look at staging finds it out
                    await in_thread(self._around.threads, self._journal.tell_committed, self._told())
        except LogFailed as error:
            self._is_in_doubt = error.maybe_written
            raise
        finally:
            self._committing = None

    def _stored(self, last_lsn: Lsn) -> None:
        self.committed, self._last_lsn = True, last_lsn
        self.members = {}
        self._reservation.end()
        self.written_at = time.time()

    def _told(self) -> Committed:
        return Committed(self.documents, self.bytes, self._last_lsn)

    def _entries(self) -> list[tuple[Put, FileAttributes]]:
        members, _ = self._journal.read()
        if len(members) != len(self.members) or {each.file_id for each in members} != self.members.keys():
            raise Damaged(
                f"the journal of batch {self.id}", "it does not name the documents that were put in"
            )
        return [entry_of(member) for member in members]

    def _remove(self, staged: Sequence[str]) -> None:
        """The journal first: what is left then is removed at the next start."""
        staging = self._around.staging
        remove_durably(journal_path(staging, self.id))
        for name in staged:
            remove_behind(staging / name)


def entry_of(member: Member) -> tuple[Put, FileAttributes]:
    """What stores it now: from now on it is kept as long as it is to be."""
    written = member.attributes.encode()
    attributes = parse(written)
    kept = kept_from(attributes, datetime.now(UTC))
    return Put(written if kept is attributes else kept.to_bytes(), staged=member.staged), kept


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Whoever waits for it has the error, and may be gone."""
    if not task.cancelled():
        task.exception()
