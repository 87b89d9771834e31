"""The bytes of a resumable upload in staging, added to at the end.

Bytes are flushed, and then it is noted how many there are: only those count after the death of the process.
So of bytes that are still to be compared with a checksum nothing is noted.

When a flush fails, the bytes that it was for are given up, and must come again: the kernel may have dropped
their pages, and would report success of a second flush. The file is cut to what was flushed before, which
drops the pages that are left, so that a later flush is of pages that were written since.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from artstore.engine.body_memory import BodyMemory
from artstore.engine.durable import disk_errors, flush_folder, remove_behind, write_all
from artstore.engine.failpoints import hit
from artstore.engine.gathered import GatheredWrites
from artstore.engine.threads import in_thread

FLUSH_BYTES = 32 << 20
"""What a death of the element may cost at most of a request that goes on for hours."""
_READ_BYTES = 1 << 20
_AT_ONCE_BYTES = 64 << 20
"""Read or copied in one stretch of a thread, which others wait for."""


class Digest(Protocol):
    """What ``hashlib`` gives."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class ResumableFile:
    """For one caller at a time. Raises DiskFull, OSError; what a thread met is raised by the next call."""

    def __init__(
        self,
        path: Path,
        threads: Executor,
        memory: BodyMemory,
        note: Callable[[int], None],
        *,
        size: int = 0,
    ) -> None:
        """``note`` makes it durable how many bytes count; ``size``: so many were noted of a file before."""
        self.path = path
        self.written = size
        """Bytes that are in the file."""
        self.noted = size
        """Bytes that a loss of power does not take."""
        self._note = note
        self._threads = threads
        self._writes = GatheredWrites(threads, memory, self._take)
        self._descriptor: int | None = None
        self._hash = hashlib.sha256()
        self._hashed = 0
        """Bytes that the hash has taken; behind ``written`` only after a restart."""
        self._flushed = (size, self._hash.copy(), 0)
        """``written``, the hash and ``_hashed`` at the last flush. The number need not be noted yet."""
        self._checked: Digest | None = None

    def create(self) -> None:
        """Makes the empty file; durable with the next flush of its folder. Blocks."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.close(descriptor)

    async def write(self, chunk: bytes) -> None:
        await self._writes.write(chunk)

    async def flush(self) -> None:
        """Everything that was written counts on return; what the disk fails to take is given up.

        Between ``begin_checked`` and its end it is only written.
        """
        try:
            await self._writes.finish()
        finally:
            await self._writes.drop()
            await self._writes.run(self._flush)

    def begin_checked(self, digest: Digest) -> None:
        """What is written from now on goes into ``digest`` as well, and counts only after ``end_checked``.

        Everything that was written before counts already.
        """
        self._checked = digest

    async def end_checked(self, *, keep: bool) -> None:
        """Lets what was written since ``begin_checked`` count, or drops it."""
        await self._writes.drop()
        self._checked = None
        if not keep:
            self._give_up()
        await self._writes.run(self._flush)

    async def settle(self) -> None:
        """Ends what an earlier failure left open: what is not compared is dropped, the rest counts."""
        if self._checked is not None:
            await self.end_checked(keep=False)
        elif self.noted < self.written:
            await self.flush()

    async def finish(self) -> str:
        """Makes the file durable; returns the SHA-256 of its bytes. May be called again."""
        await self.flush()
        while self._hashed < self.written:
            await self._writes.run(self._catch_up)
        hit("upload.staged")
        return self._hash.hexdigest()

    async def take_over(self, source: Path, start: int, stop: int) -> None:
        """Adds the bytes of another file from ``start`` to ``stop``."""
        while start < stop:
            end = min(stop, start + _AT_ONCE_BYTES)
            await self._writes.run(self._copying(source, start, end))
            start = end

    async def head(self, size: int) -> bytes:
        """The first bytes."""
        return await in_thread(self._threads, self._read, 0, min(size, self.written))

    async def pieces(self) -> AsyncIterator[bytes]:
        """All bytes, when everything is flushed."""
        for offset in range(0, self.written, _READ_BYTES):
            length = min(_READ_BYTES, self.written - offset)
            yield await in_thread(self._threads, self._read, offset, length)

    async def discard(self) -> None:
        """Removes the file. May be called again, also after a failure."""
        await self._writes.drop()
        await in_thread(self._threads, self._remove)

    def _take(self, chunks: list[bytes]) -> None:
        with disk_errors("write the upload"):
            descriptor = self._open()
            for chunk in chunks:
                self._add(descriptor, chunk)
            if self._checked is None and self.written - self.noted >= FLUSH_BYTES:
                self._count(descriptor)

    def _add(self, descriptor: int, chunk: bytes) -> None:
        write_all(descriptor, chunk)
        if self._hashed == self.written:
            self._hash.update(chunk)
            self._hashed += len(chunk)
        if self._checked is not None:
            self._checked.update(chunk)
        self.written += len(chunk)

    def _open(self) -> int:
        """Placed behind what is written: of a write that failed, and of what was given up, there may be bytes
        in the file.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        os.ftruncate(self._descriptor, self.written)
        os.lseek(self._descriptor, self.written, os.SEEK_SET)
        return self._descriptor

    def _flush(self) -> None:
        with disk_errors("flush the upload"):
            try:
                descriptor = self._open()
                if self._checked is None and self.noted < self.written:
                    self._count(descriptor)
            finally:
                if self._checked is None:
                    self._close()  # not before: an error of writing back is told to who has the file open

    def _count(self, descriptor: int) -> None:
        size = self.written
        if self._flushed[0] < size:
            self._make_durable(descriptor)
        hit("resumable.flushed")
        self._note(size)
        self.noted = size
        hit("resumable.noted")

    def _make_durable(self, descriptor: int) -> None:
        try:
            hit("resumable.before_flush")
            os.fdatasync(descriptor)
        except BaseException:
            self._give_up()
            raise
        self._flushed = (self.written, self._hash.copy(), self._hashed)

    def _give_up(self) -> None:
        """Everything since the last flush. Whoever opens the file next cuts it."""
        self.written, flushed_hash, self._hashed = self._flushed
        self._hash = flushed_hash.copy()

    def _catch_up(self) -> None:
        with self.path.open("rb", buffering=0) as file:
            file.seek(self._hashed)
            stop = min(self.written, self._hashed + _AT_ONCE_BYTES)
            while self._hashed < stop:
                data = file.read(min(_READ_BYTES, stop - self._hashed))
                if not data:
                    raise OSError(f"{self.path.name} has lost bytes")
                self._hash.update(data)
                self._hashed += len(data)

    def _copying(self, source: Path, start: int, stop: int) -> Callable[[], None]:
        def copy() -> None:
            with disk_errors("put the parts of the upload together"), source.open("rb", buffering=0) as file:
                file.seek(start)
                descriptor, left = self._open(), stop - start
                while left:
                    data = file.read(min(_READ_BYTES, left))
                    if not data:
                        raise OSError(f"{source.name} has lost bytes")
                    self._add(descriptor, data)
                    left -= len(data)

        return copy

    def _read(self, offset: int, length: int) -> bytes:
        with self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) != length:
            raise OSError(f"{self.path.name} has lost bytes")
        return data

    def _remove(self) -> None:
        self._close()
        remove_behind(self.path)
        flush_folder(self.path.parent)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
