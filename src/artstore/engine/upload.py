"""One document on its way in."""

import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from artstore.attributes import FileAttributes
from artstore.engine.body_memory import BodyMemory
from artstore.engine.capacity import Reservation
from artstore.engine.content_type import HEAD_BYTES
from artstore.engine.draft import Describes
from artstore.engine.errors import ChecksumMismatch, TooLarge
from artstore.engine.log.record import Put
from artstore.engine.options import EngineOptions
from artstore.engine.staging import StagingFile

Commit = Callable[[Put, FileAttributes, "Upload", bool], Awaitable[None]]
"""Makes a put durable and, in the same step, ends the reservation and hands the staging file over. The last
argument tells whether the id was given with the document."""


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
        self._head = head
        self._chunks: list[bytes] = []
        self._file: Staged | None = staged
        self._checksum: str | None = None
        self._state = _State.OPEN

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
        written = attributes.to_bytes()
        if self._file is None:
            put = Put(written, content=content)
        else:
            put = Put(written, staged=self._file.path.name)
        self._state = _State.COMMITTING
        await self._commit(put, attributes, self, draft.file_id is not None)
        return attributes

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

    def handed_over(self, reservation: Reservation) -> None:
        """The staging file and the room for it belong to a batch now. For the engine only."""
        self._state = _State.ENDED
        reservation.take_in(self._reservation, self.size)
        self._forget_chunks()

    def refused(self) -> None:
        """The record is not in the log: the caller aborts. For the engine only."""
        self._state = _State.OPEN

    async def _stage(self, data: bytes) -> None:
        if self._file is None:
            self._file = StagingFile(self._staging, self._threads, self._memory)
            for chunk in self._forget_chunks():
                await self._file.write(chunk)
        await self._file.write(data)
        self._reservation.staged(self._file.written)

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
