"""One document on its way in."""

import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from artstore.attributes import MAX_BYTES, AttributesTooLarge, FileAttributes
from artstore.engine.body_memory import BodyMemory
from artstore.engine.capacity import Reservation
from artstore.engine.coding import Coded, Coder, CodingFigures, as_coded, code_whole
from artstore.engine.content_type import HEAD_BYTES, content_type_of
from artstore.engine.draft import Describes, Given
from artstore.engine.errors import ChecksumMismatch, TooLarge
from artstore.engine.log.record import Put
from artstore.engine.options import EngineOptions
from artstore.engine.staging import StagingFile
from artstore.engine.threads import in_thread

Commit = Callable[[Put, FileAttributes, "Upload", Given], Awaitable[None]]
"""Makes a put durable and, in the same step, ends the reservation and hands the staging file over. The last
argument tells where the id comes from."""


_KEPT_FREE_BYTES = 128
"""Of attributes that tell of a coding: for what comes later, such as the mark of a transfer."""


class Staged(Protocol):
    """A file of the staging folder that takes the bytes of a document: see ``StagingFile``."""

    path: Path
    written: int

    async def write(self, chunk: bytes) -> None: ...

    async def finish(self) -> str: ...

    async def discard(self) -> None: ...


class _State(Enum):
    OPEN = auto()
    COMMITTING = auto()
    ENDED = auto()


class Upload:
    """Takes the bytes of one document; ends with ``commit`` or ``abort``, which leaves nothing behind.

    For one task at a time. Up to ``inline_limit`` bytes are kept in memory, more go to a staging file with
    about two MiB in memory; less where uploads together hold much: see ``body_memory``. Whatever a method
    raises but AttributesError, the caller aborts.
    """

    def __init__(
        self,
        options: EngineOptions,
        staging: Path,
        threads: Executor,
        reservation: Reservation,
        memory: BodyMemory,
        commit: Commit,
        figures: CodingFigures,
        *,
        staged: Staged | None = None,
        head: bytes = b"",
    ) -> None:
        """``staged`` has bytes of the document already, which begin with ``head``."""
        self.size = 0 if staged is None else staged.written
        """Bytes taken so far."""
        self._options = options
        self._staging = staging
        self._threads = threads
        self._reservation = reservation
        self._memory = memory
        self._commit = commit
        self._figures = figures
        self._head = head
        self._filename = ""
        self._content_type: str | None = None
        self._chunks: list[bytes] = []
        self._file: Staged | None = staged
        self._coding_file: StagingFile | None = None
        """The same, where its bytes may be coded."""
        self._checksum: str | None = None
        self._state = _State.OPEN

    def expect(self, filename: str, content_type: str | None) -> None:
        """What the client says of the document, as far as it is known before the bytes: by that, or by the
        first bytes, it is decided whether a large one may be coded.
        """
        self._filename, self._content_type = filename, content_type

    async def write(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes; the caller may reuse them.

        Raises TooLarge, NoRoom, DiskFull, OSError.
        """
        self._demand(_State.OPEN)
        size = self.size + len(chunk)
        if size > self._options.max_file_bytes:
            raise TooLarge(self._options.max_file_bytes)
        self._reservation.cover(size)
        self.size = size
        data = bytes(chunk)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if self._file is None and size <= self._options.inline_limit and not self._memory.is_short:
            self._memory.take(len(data))
            self._chunks.append(data)
            return
        await self._stage(data)

    async def commit(self, draft: Describes, *, announced_checksum: str | None = None) -> FileAttributes:
        """Stores the document. When it returns, bytes and attributes are durable and can be read.

        ``announced_checksum`` is the SHA-256 in hexadecimal that the bytes must have. Raises ChecksumMismatch
        where they have not, AttributesError where the draft cannot be stored and AlreadyStored where its id
        is not new (commit again with another one, or abort), LogFull, ModeForbids, DiskFull, LogFailed. When
        cancelled the document is stored or not, as a whole.
        """
        self._demand(_State.OPEN)
        if self.size == 0:
            raise ValueError("a document has at least one byte")
        content = b"".join(self._chunks)
        self._chunks = [content]
        checksum = await self._finished_checksum(content)
        if announced_checksum not in (None, checksum):
            raise ChecksumMismatch(announced_checksum, checksum)
        attributes = draft.attributes(self._head, self.size, checksum)
        if self._file is None:
            attributes, put = await self._put_of(attributes, content)
        else:
            attributes, put = await self._put_of_staged(attributes, self._file)
        self._state = _State.COMMITTING
        await self._commit(put, attributes, self, draft.given)
        return attributes

    async def is_coded(self) -> bool:
        """Whether the document is coded in a file of staging. After the last byte; for the engine only."""
        if self._coding_file is None:
            return False
        await self._finished_checksum(b"")
        return self._coding_file.coded is not None

    async def abort(self) -> None:
        """Gives everything back. May be called at any time and again; after ``commit`` it does nothing."""
        if self._state is not _State.OPEN:
            return
        self._state = _State.ENDED
        self._forget_chunks()
        try:
            if self._file is not None:
                await self._file.discard()
        finally:
            self._reservation.end()

    def committed(self) -> None:
        """The record is durable: the staging file belongs to the log now. For the engine only."""
        self._state = _State.ENDED
        self._reservation.end()
        self._forget_chunks()
        self._count_undone()

    def handed_over(self, reservation: Reservation) -> None:
        """The staging file and the room for it belong to a batch now. For the engine only."""
        self._state = _State.ENDED
        assert self._file is not None, "documents of a batch are staged"
        reservation.take_in(self._reservation, self._file.written)
        self._forget_chunks()
        self._count_undone()

    def refused(self) -> None:
        """The record is not in the log: the caller aborts. For the engine only."""
        self._state = _State.OPEN

    def _count_undone(self) -> None:
        if self._coding_file is not None:
            self._figures.undone += self._coding_file.is_undone

    async def _stage(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._coding_file = StagingFile(
                self._staging, self._threads, self._memory, self._coder(), self._reservation.cover
            )
            for chunk in self._forget_chunks():
                await self._file.write(chunk)
        await self._file.write(data)
        self._reservation.staged(self._file.written)

    async def _put_of(self, attributes: FileAttributes, content: bytes) -> tuple[FileAttributes, Put]:
        """Of a document that travels in its record."""
        coding = self._options.coding.coding_of(attributes.content_type)
        if coding is not None and len(content) >= self._options.coding.min_bytes:
            found = await in_thread(self._threads, code_whole, coding, content)
            if found is not None and (told := _telling(attributes, found[0])) is not None:
                return told, Put(told.to_bytes(), content=found[1])
        return attributes, Put(attributes.to_bytes(), content=content)

    async def _put_of_staged(self, attributes: FileAttributes, file: Staged) -> tuple[FileAttributes, Put]:
        if self._coding_file is not None and self._coding_file.coded is not None:
            attributes.to_bytes()
            if (told := _telling(attributes, self._coding_file.coded)) is not None:
                return told, Put(told.to_bytes(), staged=file.path.name)
            await self._coding_file.write_plain()
        return attributes, Put(attributes.to_bytes(), staged=file.path.name)

    def _coder(self) -> Coder | None:
        kind = self._content_type or content_type_of(self._head, self._filename)
        coding = self._options.coding.coding_of(kind)
        return None if coding is None else Coder(coding, self._options.coding.min_bytes)

    def _forget_chunks(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        self._memory.give_back(sum(map(len, chunks)))
        return chunks

    async def _finished_checksum(self, content: bytes) -> str:
        """Of the whole document. A staging file is finished once, also when the commit is tried again."""
        if self._file is None:
            return hashlib.sha256(content).hexdigest()
        if self._checksum is None:
            self._checksum = await self._file.finish()
            self._reservation.staged(self._file.written)
        return self._checksum

    def _demand(self, state: _State) -> None:
        if self._state is not state:
            raise ValueError("the upload has ended")


def _telling(attributes: FileAttributes, coded: Coded) -> FileAttributes | None:
    """The attributes that tell how the document is coded; None where there is no room for that.

    A document does not fail by how it is stored: it stays as it is then.
    """
    told = as_coded(attributes, coded)
    try:
        return told if len(told.to_bytes()) <= MAX_BYTES - _KEPT_FREE_BYTES else None
    except AttributesTooLarge:
        return None
