"""A blob of a bucket, open for reading: by ranges, larger ones where somebody reads on."""

import errno
from collections.abc import Callable

from artstore.engine.blobs.contract import BlobMissing
from artstore.engine.blobs.s3_objects import Fetched

FIRST_BYTES = 64 * 1024
"""Read when a blob is opened: most are had with that one request."""
WINDOW_BYTES = 4 << 20
"""Read at once by whoever reads on: a request takes its time, whatever its size."""


class S3Reader:
    """For one thread at a time. ``fetch(start, length)`` gets a part; ``closed`` is told of the end, once."""

    in_memory = False

    def __init__(self, fetch: Callable[[int, int], Fetched], closed: Callable[[], None]) -> None:
        """Raises BlobMissing, StoreUnavailable; then ``closed`` is not told."""
        self._fetch = fetch
        self._closed: Callable[[], None] | None = closed
        first = fetch(0, FIRST_BYTES)
        self.size = first.size
        self._version = first.version
        self._start, self._held = 0, first.data

    def read_at(self, offset: int, length: int) -> bytes:
        if self._closed is None:
            raise ValueError("the reader is closed")
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        begin = offset - self._start
        if not (begin >= 0 and begin + length <= len(self._held)):
            self._hold(offset, length)
            begin = 0
        return self._held[begin : begin + length]

    def descriptor(self) -> int | None:
        return None

    def close(self) -> None:
        closed, self._closed = self._closed, None
        self._held = b""
        if closed is not None:
            closed()

    def _hold(self, offset: int, length: int) -> None:
        """Gets a range that begins at ``offset``; more than is asked for where the last one is continued."""
        reads_on = self._start <= offset <= self._start + len(self._held)
        wanted = min(max(length, WINDOW_BYTES) if reads_on else length, self.size - offset)
        try:
            part = self._fetch(offset, wanted)
        except BlobMissing as error:
            raise OSError(errno.ESTALE, "the blob was removed while it was read") from error
        if part.size != self.size or part.version != self._version:
            raise OSError(errno.ESTALE, "the blob was replaced while it was read")
        if len(part.data) != wanted:
            raise OSError(errno.EIO, f"the store gave {len(part.data)} bytes where it has {wanted}")
        self._start, self._held = offset, part.data
