"""A document that is too large for a log record, on its way into a file of the staging folder.

The file is durable, name included, when ``finish`` returns; only then may a record name it. A file that no
record names is removed at the next start.

A document that is coded is so while it comes. Where the whole does not save enough in the end, its original
bytes are written into another file, before anything is flushed.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

from artstore.engine.body_memory import BodyMemory
from artstore.engine.coding import Coded, Coder, Coding, Decoder
from artstore.engine.durable import disk_errors, flush_folder, remove_behind, write_all
from artstore.engine.errors import NoRoom
from artstore.engine.failpoints import hit
from artstore.engine.gathered import GatheredWrites

_DECODED_AT_ONCE_BYTES = 1 << 20
_STRETCH_BYTES = 32 << 20
"""Decoded in one stretch of a thread, which others wait for."""


class StagingFile:
    """For one caller at a time. Raises DiskFull, OSError; what a thread met is raised by the next call."""

    def __init__(
        self,
        folder: Path,
        threads: Executor,
        memory: BodyMemory | None = None,
        coder: Coder | None = None,
        make_room: Callable[[int], None] = lambda size: None,
    ) -> None:
        """``coder`` tries to code the document. ``make_room`` is called before the coding is undone, with the
        bytes that are on the disk then at most; it raises NoRoom.
        """
        self.path = _new_path(folder)
        self.written = 0
        """Bytes that are in the file."""
        self.coded: Coded | None = None
        """After ``finish``: how the document is in the file, where it is coded."""
        self._threads = threads
        self._writes = GatheredWrites(threads, memory, self._take)
        self._digest = hashlib.sha256()
        self._coder = coder
        self._make_room = make_room
        self._descriptor: int | None = None
        self._undoing: _Undoing | None = None

    @property
    def is_undone(self) -> bool:
        """Whether it was coded first."""
        return self._undoing is not None

    async def write(self, chunk: bytes) -> None:
        await self._writes.write(chunk)

    async def finish(self) -> str:
        """Makes the file durable; returns the SHA-256 of the document's original bytes. Once."""
        await self._writes.finish()
        if self._coder is not None:
            await self._writes.run(self._end_coding)
            if self.coded is not None and not self._coder.saves_enough:
                with suppress(NoRoom):  # coded it takes less all the same
                    self._make_room(self.written + self._coder.original_bytes)
                    self._undoing = _Undoing(self.path, self.coded.coding)
            if self._undoing is not None:
                await self._undo()
        await self._writes.run(self._flush)
        hit("upload.staged")
        return self._digest.hexdigest()

    async def write_plain(self) -> None:
        """After ``finish``: makes it a file of the original bytes, durable as well."""
        if self.coded is not None and self._coder is not None:
            self._make_room(self.written + self._coder.original_bytes)
            self._undoing = _Undoing(self.path, self.coded.coding)
            await self._undo()
            await self._writes.run(self._flush)

    async def discard(self) -> None:
        """Removes the file. May be called again, also after a failure."""
        await self._writes.drop()
        await asyncio.wrap_future(self._threads.submit(self._remove))

    def _take(self, chunks: list[bytes]) -> None:
        with disk_errors("write the document"):
            for chunk in chunks:
                self._digest.update(chunk)
            self._write(self._coder.take(chunks) if self._coder is not None else chunks)

    def _end_coding(self) -> None:
        assert self._coder is not None
        with disk_errors("write the document"):
            self._write(self._coder.end())
        self.coded = self._coder.coded

    def _write(self, chunks: Iterable[bytes]) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o640)
        for chunk in chunks:
            self.written += write_all(self._descriptor, chunk)

    async def _undo(self) -> None:
        """Goes over to a file of the original bytes; the other one is gone then."""
        assert self._undoing is not None
        await self._writes.run(self._close)
        self.path, self.written, self.coded = _new_path(self.path.parent), 0, None
        while not self._undoing.is_done:
            await self._writes.run(self._decode_some)
        hit("upload.undone")
        await self._writes.run(self._undoing.remove)

    def _decode_some(self) -> None:
        assert self._undoing is not None
        with disk_errors("write the document"):
            self._write(self._undoing.read(_STRETCH_BYTES))

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
        if self._undoing is not None:
            self._undoing.remove()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class _Undoing:
    """A file of coded bytes, that is read to write the original ones elsewhere. Blocks."""

    def __init__(self, path: Path, coding: Coding) -> None:
        self.is_done = False
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._decoder = Decoder(coding, self._file.read)

    def read(self, most: int) -> Iterator[bytes]:
        """About so many of the next original bytes."""
        while most > 0:
            data = self._decoder.read(_DECODED_AT_ONCE_BYTES)
            if not data:
                self.is_done = True
                return
            most -= len(data)
            yield data

    def remove(self) -> None:
        self._file.close()
        remove_behind(self._path)


def _new_path(folder: Path) -> Path:
    return folder / f"{secrets.token_hex(16)}.part"
