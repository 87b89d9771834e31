"""Parts of documents: the range that a request asks for (RFC 9110 §14)."""

import re
from dataclasses import dataclass

_BYTES_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


class UnsatisfiableRange(Exception):
    """The range lies outside the document; the answer is 416 with ``Content-Range: bytes */size``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The document has {size} bytes.")
        self.size = size

    @property
    def content_range(self) -> str:
        return f"bytes */{self.size}"


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """A part of a document of ``size`` bytes: from ``start`` up to, not including, ``stop``. Never empty."""

    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        """The value of ``Content-Range`` of the 206 answer."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def parse_range(header: str | None, size: int) -> RangeSpec | None:
    """The one range that a ``Range`` header asks for; None when the whole document is to be sent.

    That is so without a header, for another unit, for a malformed header and for several ranges, which
    a server may ignore (RFC 9110 §14.2). Raises `UnsatisfiableRange` for a range outside the document.
    """
    match = _BYTES_RANGE.fullmatch(header) if header is not None and len(header) < 100 else None
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise UnsatisfiableRange(size)
    return RangeSpec(start, stop, size)
