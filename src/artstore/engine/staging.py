"""A document that is too large for a log record, on its way into a file of the staging folder.

Bytes are gathered, then hashed and written by a thread, while the event loop receives the next: at most two
gatherings are in memory, and where memory is short one piece. The file is durable, name included, when
``finish`` returns; only then may a record name it. A file that no record names is removed at the next start.
"""

import asyncio
import hashlib
import os
import secrets
from concurrent.futures import Executor, Future
from pathlib import Path

from artstore.engine.body_memory import BodyMemory
from artstore.engine.durable import disk_errors, flush_folder, remove_behind, write_all
from artstore.engine.failpoints import hit

GATHER_BYTES = 1 << 20


class StagingFile:
    """For one caller at a time. Raises DiskFull, OSError; what a thread met is raised by the next call."""

    def __init__(self, folder: Path, threads: Executor, memory: BodyMemory | None = None) -> None:
        """``memory`` is what it shares with others; without it, it gathers as if it were alone."""
        self.path = folder / f"{secrets.token_hex(16)}.part"
        self.written = 0
        """Bytes that are in the file."""
        self._threads = threads
        self._memory = memory or BodyMemory(2 * GATHER_BYTES)
        self._digest = hashlib.sha256()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._descriptor: int | None = None
        self._underway: Future[None] | None = None

    async def write(self, chunk: bytes) -> None:
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        self._memory.take(len(chunk))
        is_short = self._memory.is_short
        if is_short or self._gathered_bytes >= GATHER_BYTES:
            await self._settle()
            self._send()
        if is_short:
            await self._settle()

    async def finish(self) -> str:
        """Makes the file durable; returns the SHA-256 of its bytes. Once."""
        await self._settle()
        self._send()
        await self._settle()
        self._underway = self._threads.submit(self._flush)
        await self._settle()
        hit("upload.staged")
        return self._digest.hexdigest()

    async def discard(self) -> None:
        """Removes the file. May be called again, also after a failure."""
        underway, self._underway = self._underway, None
        if underway is not None:
            # Waited for without taking its error: whatever it was, the file goes.
            await asyncio.wait([asyncio.wrap_future(underway)])
        self._memory.give_back(self._gathered_bytes)
        self._gathered, self._gathered_bytes = [], 0
        await asyncio.wrap_future(self._threads.submit(self._remove))

    async def _settle(self) -> None:
        if (underway := self._underway) is None:
            return
        try:
            await asyncio.wrap_future(underway)
        finally:
            # A thread goes on when whoever waits for it is cancelled: ``discard`` must wait for it then, for
            # a descriptor that is closed under it may be that of another document by the time it writes.
            if underway.done():
                self._underway = None

    def _send(self) -> None:
        chunks, self._gathered, self._gathered_bytes = self._gathered, [], 0
        self._underway = self._threads.submit(self._take, chunks)

    def _take(self, chunks: list[bytes]) -> None:
        size = sum(map(len, chunks))
        try:
            with disk_errors("write the document"):
                self._write(chunks)
        finally:
            chunks.clear()  # the one who waits for this may hold the list for longer
            self._memory.give_back(size)

    def _write(self, chunks: list[bytes]) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o640)
        for chunk in chunks:
            self._digest.update(chunk)
            self.written += write_all(self._descriptor, chunk)

    def _flush(self) -> None:
        assert self._descriptor is not None, "a document that is staged has bytes"
        with disk_errors("flush the document"):
            hit("upload.before_staging_flush")
            os.fdatasync(self._descriptor)
            self._close()
            flush_folder(self.path.parent)

    def _remove(self) -> None:
        self._close()
        remove_behind(self.path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
