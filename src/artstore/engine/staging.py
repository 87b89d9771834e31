"""A document that is too large for a log record, on its way into a file of the staging folder.

The file is durable, name included, when ``finish`` returns; only then may a record name it. A file that no
record names is removed at the next start.
"""

import asyncio
import hashlib
import os
import secrets
from concurrent.futures import Executor
from pathlib import Path

from artstore.engine.body_memory import BodyMemory
from artstore.engine.durable import disk_errors, flush_folder, remove_behind, write_all
from artstore.engine.failpoints import hit
from artstore.engine.gathered import GatheredWrites


class StagingFile:
    """For one caller at a time. Raises DiskFull, OSError; what a thread met is raised by the next call."""

    def __init__(self, folder: Path, threads: Executor, memory: BodyMemory | None = None) -> None:
        self.path = folder / f"{secrets.token_hex(16)}.part"
        self.written = 0
        """Bytes that are in the file."""
        self._threads = threads
        self._writes = GatheredWrites(threads, memory, self._take)
        self._digest = hashlib.sha256()
        self._descriptor: int | None = None

    async def write(self, chunk: bytes) -> None:
        await self._writes.write(chunk)

    async def finish(self) -> str:
        """Makes the file durable; returns the SHA-256 of its bytes. Once."""
        await self._writes.finish()
        await self._writes.run(self._flush)
        hit("upload.staged")
        return self._digest.hexdigest()

    async def discard(self) -> None:
        """Removes the file. May be called again, also after a failure."""
        await self._writes.drop()
        await asyncio.wrap_future(self._threads.submit(self._remove))

    def _take(self, chunks: list[bytes]) -> None:
        with disk_errors("write the document"):
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
