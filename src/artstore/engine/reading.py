"""A document that is open for reading."""

import asyncio
import os
from concurrent.futures import Executor
from typing import Protocol

from artstore.attributes import FileAttributes
from artstore.engine.errors import Damaged

_AT_ONCE_BYTES = 256 * 1024
"""Up to so many bytes are copied on the event loop, where they are in memory already: a thread costs more."""


class Source(Protocol):
    """Where the bytes come from; see ``blobs.BlobReader``."""

    size: int
    in_memory: bool

    def read_at(self, offset: int, length: int) -> bytes: ...
    def descriptor(self) -> int | None: ...
    def close(self) -> None: ...


class MemorySource:
    """The bytes of a small document, out of its log record."""

    in_memory = True

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]

    def descriptor(self) -> int | None:
        return None

    def close(self) -> None:
        self._content = b""


class OpenDocument:
    """Bytes and attributes as they were when it was opened: a deletion meanwhile does not disturb reading.

    For one task at a time. Close it, or use it as an asynchronous context.
    """

    def __init__(self, attributes: FileAttributes, source: Source, threads: Executor) -> None:
        self.attributes = attributes
        self.size = source.size
        """Bytes as stored."""
        self._source = source
        self._threads = threads

    async def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on, fewer than ``length`` only at the end.

        Raises Damaged, StoreUnavailable, OSError.
        """
        length = max(0, min(length, self.size - offset))
        data = self._in_memory(offset, length)
        if data is None:
            data = await asyncio.wrap_future(self._threads.submit(self._source.read_at, offset, length))
        if len(data) != length:
            raise Damaged(f"document {self.attributes.file_id}", "it became shorter while it was read")
        return data

    @property
    def descriptor(self) -> int | None:
        """A file descriptor with the document's bytes, open until ``close``; None where there is none."""
        return self._source.descriptor()

    async def close(self) -> None:
        """May be called again."""
        self._source.close()

    async def __aenter__(self) -> "OpenDocument":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _in_memory(self, offset: int, length: int) -> bytes | None:
        """The bytes if they can be had without waiting for a disk."""
        if self._source.in_memory:
            return self._source.read_at(offset, length)
        descriptor = self._source.descriptor()
        if descriptor is None or length > _AT_ONCE_BYTES:
            return None
        data = bytearray(length)
        try:
            count = os.preadv(descriptor, [data], offset, os.RWF_NOWAIT)
        except OSError:  # the bytes are not in memory, or the file system cannot tell
            return None
        return bytes(data) if count == length else None
