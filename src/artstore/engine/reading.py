"""A document that is open for reading."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, TypeVar

from artstore.attributes import FileAttributes
from artstore.engine.coding import CodingBroken, DecodedDocument, coding_named
from artstore.engine.errors import Damaged
from artstore.engine.threads import in_thread

_T = TypeVar("_T")
_AT_ONCE_BYTES = 256 * 1024
"""Up to so many bytes are copied on the event loop, where they are in memory already: a thread costs more."""
_HASHED_AT_ONCE_BYTES = 16 * 1024
"""Up to so many are hashed on the event loop."""
_VERIFIED_AT_ONCE_BYTES = 1 << 20
_PASSED_AT_ONCE_BYTES = 16 << 20
"""Of original bytes that are decoded on the way to a range, in one stretch of a thread."""


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

    For one task at a time. Close it, or use it as an asynchronous context. A document of at most
    ``verified_bytes`` that is read by one call is compared with its checksum; ``damaged`` is told the reason
    when it differs. One that is coded is decoded while it is read, from its beginning up to what is wanted.
    """

    def __init__(
        self,
        attributes: FileAttributes,
        source: Source,
        threads: Executor,
        *,
        verified_bytes: int = 0,
        damaged: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.attributes = attributes
        self.stored_size = source.size
        """Bytes as they are stored."""
        encoding = attributes.content_encoding
        self.size = source.size if encoding is None else attributes.file_size
        """Bytes of the original document."""
        self.coding = None if encoding is None else coding_named(encoding)
        """How it is stored; None where the stored bytes are the original ones, or coded in no known way."""
        self._decoded: DecodedDocument | None = None
        if self.coding is not None:
            self._decoded = DecodedDocument(self.coding, attributes.file_size, source.read_at)
        self._source = source
        self._threads = threads
        self._verified_bytes = verified_bytes
        self._damaged = damaged
        self._is_abandoned = False

    async def read(self, offset: int, length: int) -> bytes:
        """The original bytes from ``offset`` on, fewer than ``length`` only at the end.

        Raises Damaged, StoreUnavailable, OSError.
        """
        if self.attributes.content_encoding is None:
            return await self.read_stored(offset, length)
        length = max(0, min(length, self.size - offset))
        if length == 0:
            return b""
        data = await self._decode(offset, length)
        if self._is_verified(length, self.size):
            self._compare(await self._hashed(data), self.attributes.checksum)
        return data

    async def read_stored(self, offset: int, length: int) -> bytes:
        """The bytes as they are stored. Raises what ``read`` does."""
        length = max(0, min(length, self.stored_size - offset))
        data = self._in_memory(offset, length)
        if data is None:
            data = await self._run(self._source.read_at, offset, length)
        if len(data) != length:
            raise self._damage("it became shorter while it was read")
        if self._is_verified(length, self.stored_size):
            self._compare(await self._hashed(data), self.attributes.checksum_on_disk)
        return data

    async def verify(self) -> None:
        """Reads all of it and compares it with its checksums. Raises Damaged, StoreUnavailable, OSError."""
        digest = hashlib.sha256()
        for start in range(0, self.stored_size, _VERIFIED_AT_ONCE_BYTES):
            data = await self._run(self._source.read_at, start, _VERIFIED_AT_ONCE_BYTES)
            await self._run(digest.update, data)
        self._compare(digest.hexdigest(), self.attributes.checksum_on_disk)
        if self.attributes.content_encoding is None:
            return
        original = hashlib.sha256()
        for start in range(0, self.size, _VERIFIED_AT_ONCE_BYTES):
            length = min(_VERIFIED_AT_ONCE_BYTES, self.size - start)
            await self._run(original.update, await self._decode(start, length))
        self._compare(original.hexdigest(), self.attributes.checksum)

    async def _decode(self, offset: int, length: int) -> bytes:
        if self._decoded is None:
            reason = f"it is coded as '{self.attributes.content_encoding}', which is not known here"
            raise Damaged(f"document {self.attributes.file_id}", reason)
        try:
            while not await self._run(self._decoded.go_to, offset, _PASSED_AT_ONCE_BYTES):
                if self._is_abandoned:
                    raise ConnectionAbortedError("nobody waits for it any more")
            return await self._run(self._decoded.read, length)
        except CodingBroken as error:
            raise self._damage(f"its bytes as stored: {error}") from error

    def abandon(self) -> None:
        """Nobody waits for what is being read: decoding on the way to it ends soon, with an OSError."""
        self._is_abandoned = True

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

    async def _hashed(self, data: bytes) -> str:
        if len(data) <= _HASHED_AT_ONCE_BYTES:
            return hashlib.sha256(data).hexdigest()
        return (await self._run(hashlib.sha256, data)).hexdigest()

    def _is_verified(self, length: int, size: int) -> bool:
        return 0 < size == length <= self._verified_bytes and not self._source.in_memory

    def _compare(self, checksum: str, expected: str) -> None:
        if checksum != expected:
            raise self._damage("its bytes have another checksum than its attributes tell")

    def _damage(self, reason: str) -> Damaged:
        self._damaged(reason)
        return Damaged(f"document {self.attributes.file_id}", reason)

    async def _run(self, call: Callable[..., _T], *arguments: object) -> _T:
        return await in_thread(self._threads, call, *arguments)

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
