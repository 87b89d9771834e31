"""What is uploaded: a path, bytes or an open file, read once or, where it can be, from the start again."""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import anyio.to_thread

from artstore.sdk.errors import Rejected
from artstore.sdk.progress import Progress

Content = str | os.PathLike[str] | bytes | BinaryIO
"""A ``str`` is a path, as everywhere in Python's own file functions."""
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Source:
    """Content with what has to be known before its first byte is sent."""

    name: str | None
    size: int | None
    """Bytes; None for a stream whose end is not known."""
    _file: BinaryIO
    _start: int | None
    _ours: bool

    @property
    def replayable(self) -> bool:
        """Whether it can be read again after it was read in part."""
        return self._start is not None

    async def chunks(self, digest: "hashlib._Hash", progress: Progress | None) -> AsyncIterator[bytes]:
        """The bytes from the beginning; they pass through ``digest``. Reading happens off the event loop.

        Of a file that grows meanwhile only the bytes that it had at first are read. Raises Rejected for one
        that shrinks.
        """
        if self._start is not None:
            await anyio.to_thread.run_sync(self._file.seek, self._start)
        sent = 0
        # A read from a pipe may block for ever: whoever is cancelled does not wait for it.
        while chunk := await anyio.to_thread.run_sync(self._read, sent, digest, abandon_on_cancel=True):
            yield chunk
            sent += len(chunk)
            if progress is not None:
                progress(sent, self.size)
        if self.size is not None and sent != self.size:
            raise Rejected(f"{self.name or 'the file'} became shorter while it was being read")

    def close(self) -> None:
        """Closes what ``source_of`` opened; a file that the caller opened stays open."""
        if self._ours:
            self._file.close()

    def _read(self, sent: int, digest: "hashlib._Hash") -> bytes:
        chunk = self._file.read(CHUNK_BYTES if self.size is None else min(CHUNK_BYTES, self.size - sent))
        digest.update(chunk)
        return chunk


def source_of(content: Content) -> Source:
    """Opens content for reading. Raises OSError for a path that cannot be opened."""
    if isinstance(content, bytes):
        return Source(None, len(content), BytesIO(content), 0, True)
    if isinstance(content, str | os.PathLike):
        path = Path(content)
        file = path.open("rb")
        # The size of the open file, not of the path: they may name different files by now.
        found = os.fstat(file.fileno())
        regular = S_ISREG(found.st_mode)  # a pipe (`put <(tar c …)`) has a size of 0, and more to give
        own = unicode_text(path.name)
        return Source(own, found.st_size if regular else None, file, 0 if regular else None, True)
    start = _position(content)
    size = None
    if start is not None:
        size = content.seek(0, SEEK_END) - start
        content.seek(start)
    name = getattr(content, "name", None)
    return Source(
        unicode_text(Path(name).name) if isinstance(name, str) else None, size, content, start, False
    )


def _position(file: BinaryIO) -> int | None:
    return file.tell() if file.seekable() else None


def unicode_text(text: str) -> str:
    """A file name without what is no Unicode: each byte of it that is no UTF-8 becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
