"""Reading a segment that may be damaged: every record that is there, and every place where none is. Pure.

Where a record is expected and none begins, the scan looks for the next place where a whole record with a
right checksum and a higher LSN begins, so that damage costs only the records that it touches. The salt in
the checksum keeps it from taking bytes of a document for a record.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from artstore.engine.log.header import HEADER_BYTES
from artstore.engine.log.record import FLAGS, FRAME, Bytes, Kind, Lsn, Record, decode_record

_ZEROS = bytes(1 << 16)
_SMALLEST_RECORD = FRAME.size + 1


@dataclass(frozen=True, slots=True)
class Found:
    """A record that begins at ``offset``."""

    offset: int
    record: Record


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The bytes from ``start`` to ``end`` are not records. ``tail``: no record follows in this file."""

    start: int
    end: int
    tail: bool


def scan_segment(data: Bytes, first_lsn: Lsn, salt: bytes) -> Iterator[Found | Unreadable]:
    """What a segment holds, in the order of the file. Takes any bytes, never raises.

    Zeros behind the last record are room that was made beforehand, and are not reported. The LSNs of
    ``Found`` grow; they need not be contiguous where something is Unreadable between them.
    """
    used = _used_bytes(data)
    at, expected = HEADER_BYTES, first_lsn
    while True:
        record = decode_record(data, at, salt)
        if record is not None and record.lsn >= expected:
            yield Found(at, record)
            at, expected = at + record.size, Lsn(record.lsn + 1)
            continue
        if at >= used:
            return
        following = _next_record(data, at + 1, used, expected, salt)
        if following is None:
            yield Unreadable(at, used, tail=True)
            return
        yield Unreadable(at, following, tail=False)
        at = following


def _used_bytes(data: Bytes) -> int:
    """Where the last byte that is not zero ends."""
    end = len(data)
    while end > 0:
        start = max(0, end - len(_ZEROS))
        block = bytes(data[start:end])
        if block != _ZEROS[: len(block)]:  # many times quicker than stripping each
            return start + len(block.rstrip(b"\0"))
        end = start
    return 0


def _next_record(data: Bytes, start: int, end: int, expected: Lsn, salt: bytes) -> int | None:
    """Where, from ``start`` on, the next whole record with an LSN of at least ``expected`` begins."""
    highest = expected + (end - start) // _SMALLEST_RECORD + 1
    for match in _candidates(expected, highest).finditer(data, start):
        if match.start() >= end:
            return None
        record = decode_record(data, match.start(), salt)
        if record is not None and expected <= record.lsn <= highest:
            return match.start()
    return None


def _candidates(lowest: int, highest: int) -> re.Pattern[bytes]:
    """What the frame of a record with an LSN in the range looks like; a fast filter before the checksum."""
    low, high = lowest.to_bytes(8, "little"), highest.to_bytes(8, "little")
    free = 8
    while free and low[free - 1] == high[free - 1]:
        free -= 1
    kinds = b"".join(re.escape(bytes((kind | flag,))) for kind in Kind for flag in FLAGS)
    # The length's top byte is zero, since no record is as large as 16 MiB.
    return re.compile(b"(?s)(?=.{3}\0.{4}.{%d}%s[%s])" % (free, re.escape(low[free:]), kinds))
