"""The head of a segment: which element it belongs to, where its records begin to count, and its salt.

The first 128 bytes of a segment are the same 64 bytes twice, so that one damaged place does not take the
segment with it, all integers little-endian::

    magic "ARTSTLOG" | version u32 = 1 | first lsn u64 | element 16 bytes | salt 8 bytes | created u64
    | room u64 | crc32c u32 of the 60 bytes before

``element`` is the beginning of the SHA-256 of the element's id, ``created`` is in microseconds since 1970.
``room`` is how many bytes the file was made with, zeros that are not yet records included: only the last
segment of a log that was not closed properly has them, and must have them, so that a missing end is seen.
"""

import hashlib
import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crc32c import crc32c

from artstore.engine.log.record import Lsn

MAGIC = b"ARTSTLOG"
VERSION = 1
HEADER_BYTES = 128
"""Where the first record of a segment begins."""
SALT_BYTES = 8

_COPY = struct.Struct("<8sIQ16s8sQQI")
_CHECKED_BYTES = _COPY.size - 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
assert 2 * _COPY.size == HEADER_BYTES


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    first_lsn: Lsn
    element: bytes
    salt: bytes
    created_at: datetime
    room: int

    @classmethod
    def fresh(cls, first_lsn: Lsn, element: bytes, room: int) -> "SegmentHeader":
        return cls(first_lsn, element, os.urandom(SALT_BYTES), datetime.now(UTC), room)

    def to_bytes(self) -> bytes:
        created_us = (self.created_at - _EPOCH) // timedelta(microseconds=1)
        checked = _COPY.pack(
            MAGIC, VERSION, self.first_lsn, self.element, self.salt, created_us, self.room, 0
        )[:_CHECKED_BYTES]
        return (checked + struct.pack("<I", crc32c(checked))) * 2


def element_digest(element_id: str) -> bytes:
    """What a header says of the element it belongs to."""
    return hashlib.sha256(element_id.encode()).digest()[:16]


def decode_header(data: bytes | memoryview) -> tuple[SegmentHeader | None, int]:
    """The header at the beginning of ``data`` and how many of its two copies are undamaged."""
    copies = [_decode_copy(data[at : at + _COPY.size]) for at in (0, _COPY.size)]
    sound = [copy for copy in copies if copy is not None]
    return (sound[0] if sound else None), len(sound)


def _decode_copy(data: bytes | memoryview) -> SegmentHeader | None:
    if len(data) < _COPY.size:
        return None
    magic, version, first_lsn, element, salt, created_us, room, checksum = _COPY.unpack(data)
    if magic != MAGIC or version != VERSION or crc32c(data[:_CHECKED_BYTES]) != checksum:
        return None
    try:
        created_at = _EPOCH + timedelta(microseconds=created_us)
    except OverflowError:
        return None
    return SegmentHeader(Lsn(first_lsn), element, salt, created_at, room)
