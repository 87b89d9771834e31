"""One resumable upload: who is at it, what it takes, how it becomes a document."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from artstore.attributes import FileAttributes, FileId
from artstore.engine.body_memory import BodyMemory
from artstore.engine.capacity import Reservation
from artstore.engine.coding import CodingFigures
from artstore.engine.content_type import HEAD_BYTES
from artstore.engine.draft import Awaited
from artstore.engine.durable import remove_durably
from artstore.engine.errors import (
    AlreadyStored,
    Damaged,
    DiskFull,
    NotFound,
    OffsetMismatch,
    PartsUnfit,
    PieceMismatch,
    TooLarge,
    UploadBusy,
    UploadClosed,
    UploadUnknown,
)
from artstore.engine.failpoints import hit
from artstore.engine.options import EngineOptions
from artstore.engine.resumable.coded import coded_copy
from artstore.engine.resumable.file import Digest, ResumableFile
from artstore.engine.resumable.state import ResumableState, StateFile, Survivor, bytes_path, state_path
from artstore.engine.threads import in_thread
from artstore.engine.upload import Commit, Upload

LET_GO_SECONDS = 10.0
"""How long a request waits for the one before it, which may be flushing or storing the document."""


@dataclass(frozen=True)
class Surroundings:
    """What all uploads of an element share."""

    options: EngineOptions
    staging: Path
    threads: Executor
    memory: BodyMemory
    commit: Callable[[str], Commit]
    """Into the batch with this id; by itself where it is empty. Raises BatchUnknown."""
    figures: CodingFigures
    attributes: Callable[[FileId], Awaitable[FileAttributes]]
    """Of a document that is there, or waits in a batch. Raises NotFound."""
    demand_open: Callable[[], None]
    """Raises ModeForbids, LogFull, Closed where the element takes no documents now."""
    begin: Callable[[str, int], Upload]
    """Of a copy of so many bytes, that is staged, into a batch or by itself. Raises NoRoom, BatchUnknown."""
    find: "Callable[[str], ResumableUpload]"
    """Raises UploadUnknown."""
    forget: "Callable[[ResumableUpload], None]"
    """One that is gone: it counts no more."""


@dataclass(frozen=True)
class Checksum:
    """What the bytes of one request must come to. ``digest`` is new."""

    algorithm: str
    expected: bytes
    digest: Digest


class ResumableUpload:
    """``hold`` and ``settle`` it for whatever is done to it. Made by ``ResumableUploads``."""

    def __init__(
        self,
        around: Surroundings,
        state: ResumableState,
        reservation: Reservation,
        found: Survivor | None = None,
    ) -> None:
        """``found``: it is one of before a restart."""
        self.written_at = time.time() if found is None else found.written_at
        """When something of it was written last, in seconds since 1970."""
        self._around = around
        self._reservation = reservation
        self._lacks_bytes = found is not None and found.offset is None
        self._in_doubt = found is not None
        """It may have been committed without its state telling."""
        self._state_file = StateFile(around.staging, state)
        self._file = ResumableFile(
            bytes_path(around.staging, state.upload_id),
            around.threads,
            around.memory,
            self._state_file.note,
            size=0 if found is None else found.offset or 0,
        )
        self._is_removed = False
        self._lock = asyncio.Lock()
        self._turn: asyncio.Timeout | None = None
        self._completing: asyncio.Task[None] | None = None

    @property
    def state(self) -> ResumableState:
        return self._state_file.state

    @property
    def id(self) -> str:
        return self.state.upload_id

    @property
    def offset(self) -> int:
        """Bytes that are durable. Right while the upload is held and settled."""
        return (self.state.length or 0) if self.state.complete else self._file.noted

    @property
    def staged_bytes(self) -> int:
        return 0 if self.state.complete else self._file.written

    @property
    def expires_at(self) -> float:
        """In seconds since 1970."""
        return self.written_at + self._around.options.resumable_seconds

    @property
    def is_held(self) -> bool:
        return self._lock.locked()

    @property
    def is_in_doubt(self) -> bool:
        """Whether its document may be there though its state does not tell; ``settle`` finds out."""
        return self._in_doubt and not self.state.complete

    @property
    def is_full(self) -> bool:
        """Whether no more bytes are to come."""
        return self.state.length is not None and self.offset == self.state.length

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Nobody else is at it inside. Whoever is at it is told to let go, and keeps what it has got.

        For a client that comes again has given up its request before, which may hang at a dead line. Raises
        UploadBusy where that one does not let go in time, UploadUnknown where the upload is gone then.
        """
        self._interrupt()
        try:
            async with asyncio.timeout(LET_GO_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise UploadBusy from None
        try:
            if self._is_removed:
                raise UploadUnknown
            yield
        finally:
            self._lock.release()

    async def create(self) -> None:
        """Held: makes the files of a new upload; durable on return."""
        await in_thread(self._around.threads, self._create)

    async def settle(self) -> None:
        """Held: finds out what a restart or an interruption left open. Raises UploadUnknown, UploadBusy."""
        if self._completing is not None and not self._completing.done():
            # Begun by a request that was cancelled.
            await asyncio.wait([self._completing], timeout=LET_GO_SECONDS)
            if not self._completing.done():
                raise UploadBusy
        if self.state.complete:
            return
        await self._find_out()
        if not self.state.complete:
            await self._file.settle()
            self._tell_room()

    async def tell_length(self, length: int) -> None:
        """Held, settled: what the client did not know at the creation.

        Raises UploadClosed where it is not as it was said before, TooLarge, NoRoom.
        """
        if self.state.length == length:
            return
        if self.state.length is not None:
            raise UploadClosed(f"it was said to have {self.state.length} bytes, and now {length}")
        if length < self.offset:
            raise UploadClosed(f"it has {self.offset} bytes, more than the {length} that were told")
        self._demand_size(length)
        self._reservation.cover(length)
        state = self.state.changed(length=length)
        await in_thread(self._around.threads, self._state_file.write, state, self.offset)

    async def append(
        self,
        offset: int,
        pieces: AsyncIterator[bytes],
        *,
        size: int | None = None,
        checksum: Checksum | None = None,
    ) -> None:
        """Held, settled: adds what comes, behind ``offset``. What came is kept, however this ends.

        But bytes with a checksum are kept only when all of them came and it is right. ``size`` is how many
        will come, where that is known. Raises OffsetMismatch, UploadClosed, TooLarge, UploadBusy where
        another request wants the upload, PieceMismatch, NoRoom, ModeForbids, LogFull, DiskFull, OSError, and
        what ``pieces`` raises.
        """
        if self.state.parts:
            raise UploadClosed("it is made of other uploads")
        if offset != self.offset:
            raise OffsetMismatch(offset, self.offset)
        if self.state.complete:
            if size != 0:
                raise UploadClosed("it is complete")
            return
        self._around.demand_open()
        self._demand_size(offset + (size or 0))
        if checksum is None:
            await self._take(offset, pieces)
            return
        self._file.begin_checked(checksum.digest)
        is_right = False
        try:
            await self._take(offset, pieces)
            is_right = checksum.digest.digest() == checksum.expected
        finally:
            await self._file.end_checked(keep=is_right)
            self._tell_room()
        if not is_right:
            raise PieceMismatch(checksum.algorithm)

    async def complete(self) -> None:
        """Held, settled: makes the document of an upload that is full, or that is made of others.

        Once, however often it is called; a partial upload becomes none. It is done also when the caller is
        cancelled. Raises what a commit raises, and PartsUnfit; then it may be called again.
        """
        if self.state.complete or self.state.draft is None:
            return
        if self._completing is None or self._completing.done():
            self._completing = asyncio.create_task(self._complete(), name="complete an upload")
            self._completing.add_done_callback(_retrieve)
        await asyncio.shield(self._completing)

    async def remove(self) -> None:
        """Held: it is gone on return, durably; a document that was made of it stays."""
        if self._completing is not None:
            await asyncio.wait([self._completing])
        with suppress(UploadUnknown):  # its document was deleted
            await self._find_out()  # for the log may name the bytes
        await in_thread(self._around.threads, remove_durably, state_path(self._around.staging, self.id))
        self._is_removed = True
        try:
            if not self.state.complete:
                await self._file.discard()
        finally:
            self._reservation.end()
            self._around.forget(self)  # not before: a whole that is begun again has the same names

    async def close(self) -> None:
        """Ends what is under way: bytes that came are kept, a document that is being made is made."""
        if self._lock.locked():
            with suppress(UploadBusy, UploadUnknown):
                async with self.hold():
                    pass
        if self._completing is not None:
            await asyncio.wait([self._completing])

    # Within

    def _interrupt(self) -> None:
        if self._turn is not None:
            with suppress(RuntimeError):  # it is ending already
                self._turn.reschedule(0)

    def _create(self) -> None:
        self._file.create()
        self._state_file.write(self.state, 0)

    def _demand_size(self, size: int) -> None:
        """Raises TooLarge for more than was said, or than one document may have."""
        length = self.state.length
        limit = self._around.options.max_file_bytes if length is None else length
        if size > limit:
            raise TooLarge(limit, announced=length is not None)

    async def _find_out(self) -> None:
        """Ends the doubt whether it has become a document. Raises UploadUnknown where that was deleted."""
        if not self.is_in_doubt:
            return
        if (self._lacks_bytes or self.is_full) and await self._has_document():
            await self._mark_complete()
        elif self._lacks_bytes:
            raise UploadUnknown
        self._in_doubt = False

    async def _has_document(self) -> bool:
        if self.state.file_id is None:
            return False
        try:
            stored = await self._around.attributes(self.state.file_id)
        except Damaged:
            return True
        except NotFound:
            return False
        if stored.content_encoding is not None:
            await self._drop_bytes()
        return True

    async def _take(self, total: int, pieces: AsyncIterator[bytes]) -> None:
        """Writes the pieces and flushes them, whatever happens."""
        try:
            async with asyncio.timeout(None) as self._turn:
                async for piece in pieces:
                    total += len(piece)
                    self._demand_size(total)
                    self._reservation.cover(total)
                    await self._file.write(piece)
        except TimeoutError:
            if self._turn is not None and self._turn.expired():
                raise UploadBusy from None
            raise
        finally:
            self._turn = None
            self.written_at = time.time()
            await self._file.flush()
            self._tell_room()

    def _tell_room(self) -> None:
        self._reservation.staged(self._file.written)

    async def _complete(self) -> None:
        """The steps from bytes to document; a death between any two of them is found out by ``settle``."""
        assert self.state.draft is not None
        if self.state.parts:
            await self._put_together()
        draft, around = self.state.draft, self._around
        begin = partial(around.begin, self.state.batch_id)
        copy = await coded_copy(around.options, around.threads, begin, self._file, draft)
        upload = copy or await self._begin()
        self._in_doubt = True
        has_own_file = copy is not None
        try:
            # In a batch the time counts from when that is stored.
            await upload.commit(draft if self.state.batch_id else Awaited(draft, datetime.now(UTC)))
        except AlreadyStored as error:  # by an earlier try, of which its state does not tell
            has_own_file = error.stored is not None and error.stored.content_encoding is not None
        finally:
            if copy is not None:
                await copy.abort()  # which does nothing after a commit
        hit("resumable.committed")
        if has_own_file:
            await self._drop_bytes()
        await self._mark_complete()
        for part in self.state.parts:
            with suppress(UploadUnknown, UploadBusy, OSError, DiskFull):  # what is left expires
                held = around.find(part)
                async with held.hold():
                    await held.remove()

    async def _begin(self) -> Upload:
        """An upload that has the bytes already."""
        around = self._around
        return Upload(
            around.options,
            around.staging,
            around.threads,
            self._reservation,
            around.memory,
            around.commit(self.state.batch_id),
            around.figures,
            staged=self._file,
            head=await self._file.head(HEAD_BYTES),
        )

    async def _drop_bytes(self) -> None:
        """The bytes that came, where the document has a file of its own, and the log does not name them.

        Before the upload is marked complete: nobody looks for them then.
        """
        await self._file.discard()
        hit("resumable.dropped")

    async def _put_together(self) -> None:
        """Copies of the parts what is not copied yet."""
        begins = 0
        for part_id in self.state.parts:
            try:
                part = self._around.find(part_id)
                async with part.hold():
                    await part.settle()
                    length = part.state.length
                    if length is None or not part.is_full:
                        raise PartsUnfit("a part has not all its bytes")
                    start = max(0, self._file.written - begins)
                    await self._file.take_over(part.path, min(start, length), length)
            except UploadUnknown:
                raise PartsUnfit("a part is gone") from None
            begins += length
        await self._file.flush()
        self._tell_room()

    async def _mark_complete(self) -> None:
        """From here on it is known without a look at the document; of a loss of this a look makes up."""
        length = self.state.length
        assert length is not None
        self._reservation.end()
        self.written_at = time.time()
        try:
            await in_thread(self._around.threads, self._state_file.tell_complete, length)
        except (OSError, DiskFull):
            self._state_file.state = self.state.changed(complete=True)

    @property
    def path(self) -> Path:
        """Of its bytes."""
        return self._file.path


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Whoever waited for it may be gone; whoever comes next tries again."""
    if not task.cancelled():
        task.exception()
