"""One batch: documents that wait in staging until all of them are stored in one step, or none."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artstore.attributes import FileAttributes, FileId, parse
from artstore.engine.batches.journal import Head, Journal, Member, Survivor, journal_path
from artstore.engine.capacity import Reservation
from artstore.engine.durable import remove_behind, remove_durably
from artstore.engine.errors import BatchClosed, BatchFull, BatchIncomplete, BatchUnknown, DiskFull
from artstore.engine.failpoints import hit
from artstore.engine.log.record import Put
from artstore.engine.options import EngineOptions
from artstore.engine.threads import in_thread
from artstore.engine.upload import Upload

CommitAll = Callable[[Sequence[tuple[Put, FileAttributes]], Callable[[], None]], Awaitable[None]]
"""Makes all of them durable in one step, and calls the function in that step."""


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
        self.head = head
        self.committed = found is not None and found.committed
        self.members: dict[FileId, int] = {} if contents is None else contents.members
        """The bytes of each document that is in it."""
        self.bytes = sum(self.members.values())
        """Of all of them, as they lie on the disk."""
        self.written_at = time.time() if found is None else found.written_at
        """When something was added last, in seconds since 1970."""
        self._around = around
        self._reservation = reservation
        self._journal = Journal(around.staging, head.batch_id, 0 if contents is None else contents.size)
        self._turn = asyncio.Lock()
        """Whoever has it is at the journal."""
        self._waiting: list[_Coming] = []
        self._coming = 0
        """How many wait or are being noted."""
        self._noting: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._is_removed = False

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
        return not (self.committed or self._is_removed or self._committing is not None)

    async def create(self) -> None:
        """Durable on return."""
        await in_thread(self._around.threads, self._journal.create, self.head)

    def demand_open(self) -> None:
        """Raises BatchClosed, BatchFull."""
        if not self.is_open:
            raise BatchClosed("it was committed or given up")
        limit = self._around.options.batch_documents
        if len(self.members) + self._coming >= limit:
            raise BatchFull(limit)

    async def add(self, put: Put, attributes: FileAttributes, upload: Upload) -> None:
        """Takes a document whose bytes are durable in staging; it is in the batch, durably, on return.

        The staging file and the room of the upload are the batch's then. Raises BatchClosed, BatchFull,
        DiskFull, OSError, after ``upload.refused``.
        """
        assert put.staged is not None, "documents of a batch are staged"
        try:
            self.demand_open()
        except BaseException:
            upload.refused()
            raise
        written = bytes(put.attributes).decode()
        member = Member(FileId(attributes.file_id), attributes.size_on_disk, put.staged, written)
        coming = _Coming(member, upload, asyncio.get_running_loop().create_future())
        self._waiting.append(coming)
        self._coming += 1
        if self._noting is None:
            self._noting = asyncio.create_task(self._note(), name="note the documents of a batch")
        await coming.told

    async def attributes(self, file_id: FileId) -> FileAttributes | None:
        """Of a document that is in it and not yet stored."""
        if file_id not in self.members or self.committed:
            return None
        for member in await self._all():
            if member.file_id == file_id:
                return parse(member.attributes.encode())
        return None

    async def read(self, offset: int, limit: int) -> tuple[list[Member], int | None]:
        """See ``Journal.read``. Raises ValueError for a place that is none, BatchUnknown, OSError."""
        if len(self.members) == 0:
            return [], None
        async with self._turn:
            if self._is_removed:
                raise BatchUnknown
            return await in_thread(self._around.threads, self._journal.read, offset, limit)

    async def commit(self, documents: int | None) -> None:
        """Stores all its documents in one step; of one that was committed nothing is done again.

        It is done also when the caller is cancelled. ``documents``: how many there must be. Raises
        BatchIncomplete, BatchClosed for one that is given up, ModeForbids, LogFull, DiskFull, LogFailed;
        then it is open as before.
        """
        if self.committed:
            self._demand_count(documents)
            return
        if self._committing is None:
            if self._is_removed:
                raise BatchClosed("it was given up")
            self._committing = asyncio.create_task(self._commit(documents), name="commit a batch")
            self._committing.add_done_callback(self._committed)
        await asyncio.shield(self._committing)
        self._demand_count(documents)

    async def remove(self) -> None:
        """Gives it up, with its documents unless they are stored. Durable on return. Raises BatchClosed where
        it is being committed.
        """
        if self._committing is not None:
            raise BatchClosed("it is being committed")
        was_committed, self._is_removed = self.committed, True
        async with self._turn:
            try:
                members = [] if was_committed else await self._all()
            except FileNotFoundError:  # an earlier try removed it
                members = []
            await in_thread(self._around.threads, self._remove, members)
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
                self._coming -= len(taken)
                for each in taken:
                    if error is None:
                        self.members[each.member.file_id] = each.member.size
                        self.bytes += each.member.size
                        each.upload.handed_over(self._reservation)
                    else:
                        each.upload.refused()
                    if not each.told.done():  # whoever waits may be gone
                        each.told.set_result(None) if error is None else each.told.set_exception(error)
            self._noting = None

    async def _noted(self, members: Sequence[Member]) -> Exception | None:
        """Why they are not noted; None where they are."""
        if self._is_removed:
            return BatchClosed("it was given up")
        try:
            await in_thread(self._around.threads, self._journal.add, members)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            return error
        self.written_at = time.time()
        return None

    def _demand_count(self, documents: int | None) -> None:
        if documents is not None and documents != len(self.members):
            raise BatchIncomplete(documents, len(self.members))

    async def _commit(self, documents: int | None) -> None:
        async with self._turn:  # nobody is at it any more who came before
            self._demand_count(documents)
            if not self.members:
                raise BatchIncomplete(1, 0)
            self._around.demand_open()
            entries = await in_thread(self._around.threads, self._entries)
            hit("batch.before_commit")
            await self._around.commit(entries, self._stored)
            hit("batch.committed")
            with suppress(OSError, DiskFull):  # a look at staging finds it out
                await in_thread(self._around.threads, self._journal.tell_committed)
        self.written_at = time.time()

    def _stored(self) -> None:
        self.committed = True
        self._reservation.end()

    def _committed(self, task: "asyncio.Task[None]") -> None:
        self._committing = None
        if not task.cancelled():
            task.exception()  # whoever waits for it has it, and may be gone

    def _entries(self) -> list[tuple[Put, FileAttributes]]:
        members, _ = self._journal.read(0, len(self.members))
        return [
            (Put(written := member.attributes.encode(), staged=member.staged), parse(written))
            for member in members
        ]

    async def _all(self) -> list[Member]:
        members, _ = await in_thread(self._around.threads, self._journal.read, 0, len(self.members))
        return members

    def _remove(self, members: Sequence[Member]) -> None:
        """The journal first: what is left then is removed at the next start."""
        staging = self._around.staging
        remove_durably(journal_path(staging, self.id))
        for member in members:
            remove_behind(staging / member.staged)
