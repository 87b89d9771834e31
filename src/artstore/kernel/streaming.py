"""Parts of documents: the ranges that a request asks for (RFC 9110 §14)."""

import re
from dataclasses import dataclass

_UNIT = re.compile(r"bytes=", re.IGNORECASE)
_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)
_MOST_CHARACTERS = 2000
_MOST_RANGES = 64
_GAP_BYTES = 128
"""What lies between two ranges is sent along where it is less than the head of a part costs (§15.3.7.2)."""


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
        """The value of ``Content-Range`` of the 206 answer, or of one of its parts."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def parse_ranges(header: str | None, size: int) -> tuple[RangeSpec, ...]:
    """The ranges that a ``Range`` header asks for; none when the whole document is to be sent.

    That is so without a header, for another unit, for a malformed header and for very many ranges, which a
    server may ignore (RFC 9110 §14.2). What comes out is in the order of the document and has no byte twice,
    so that a document is read once from front to back, however small, many or wild the ranges are. Raises
    `UnsatisfiableRange` where all of them lie outside the document.
    """
    match = _UNIT.match(header) if header is not None and len(header) <= _MOST_CHARACTERS else None
    if header is None or match is None:
        return ()
    members = [member.strip(" \t") for member in header[match.end() :].split(",")]
    asked = [_RANGE.fullmatch(member) for member in members if member]  # empty members are allowed (§5.6.1)
    if not asked or len(asked) > _MOST_RANGES:
        return ()
    found: list[tuple[int, int]] = []
    for part in asked:
        if part is None or part.group(1, 2) == ("", ""):
            return ()
        first, last = part.groups()
        if first == "":
            start, stop = max(0, size - int(last)), size
        elif last and int(last) < int(first):
            return ()
        else:
            start, stop = int(first), min(size, int(last) + 1) if last else size
        if start < stop:
            found.append((start, stop))
    if not found:
        raise UnsatisfiableRange(size)
    return tuple(RangeSpec(start, stop, size) for start, stop in _joined(found))


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] < _GAP_BYTES:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
