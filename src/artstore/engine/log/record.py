"""Log records: from what happened to bytes and back. Pure functions.

On disk a record is, all integers little-endian::

    length u32 | crc32c u32 | lsn u64 | kind u8 | body

``length`` counts what follows the checksum (lsn, kind, body). The CRC-32C runs over the segment's salt, the
length, the lsn, the kind and the body: the salt is random and known to nobody outside, so that bytes of a
document that look like a record never pass for one. Bit 7 of ``kind`` says that the record begins a batch:
it was written only after everything before it was flushed. Bit 6 says that it belongs to a group, bit 5 that
it ends one: the records of a group are one batch, and count all or none. Bodies::

    put     attribute length u32 | attributes | tag u8 | tag 0: name of the staging file; tag 1: the bytes
    update  attribute length u32 | attributes | bytes of the attribute file that it replaces u32
    delete  file id 16 bytes | bytes that it frees u64 | time u64 | storage path
    mode    time u64 | mode

Attributes are exactly the bytes of the attribute file. Times are microseconds since 1970 in UTC, text is
UTF-8. Everything that replay and accounting need stands in the record itself, so that replaying needs no
look at the files and may be repeated.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType
from uuid import UUID

from crc32c import crc32c

from artstore.attributes import MAX_BYTES

Lsn = NewType("Lsn", int)
"""The sequence number of a record: 1 for the first of an element, then counted up, never given twice."""

Bytes = bytes | bytearray | memoryview

FRAME = struct.Struct("<IIQB")
"""Length, checksum, lsn and kind."""
COUNTED_FRAME_BYTES = 9
"""Bytes of the frame that ``length`` counts: lsn and kind."""
BEGINS_BATCH = 0x80
IN_GROUP = 0x40
ENDS_GROUP = 0x20
FLAGS = tuple(
    begins | group for begins in (0, BEGINS_BATCH) for group in (0, IN_GROUP, IN_GROUP | ENDS_GROUP)
)
"""What may stand beside a kind."""
_ALL_FLAGS = BEGINS_BATCH | IN_GROUP | ENDS_GROUP
MAX_CONTENT_BYTES = 8 << 20
"""The most bytes of a document that a record takes."""
MAX_GROUP_RECORDS = 100_000
"""The most records of one group, which are in memory together."""
MAX_RECORD_BYTES = FRAME.size + 4 + MAX_BYTES + 1 + MAX_CONTENT_BYTES
"""The largest record. A length that says more is damage; its top byte is therefore always zero."""

_LENGTHS = struct.Struct("<II")
_NUMBERED = struct.Struct("<QB")
_U32 = struct.Struct("<I")
_DELETE = struct.Struct("<16sQQ")
_MODE = struct.Struct("<Q")
_STAGED, _INLINE = 0, 1


class Kind(IntEnum):
    PUT = 1
    UPDATE = 2
    DELETE = 3
    MODE = 4


class BodyInvalid(ValueError):
    """A record whose checksum is right and whose body is not one of its kind: a writer's mistake."""


@dataclass(frozen=True, slots=True)
class Put:
    """A new document. Exactly one of ``staged`` (name in the staging folder) and ``content`` is given."""

    attributes: Bytes
    staged: str | None = None
    content: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """New attributes of a document; ``replaced_bytes`` is the size of the attribute file before."""

    attributes: Bytes
    replaced_bytes: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A document goes; ``freed_bytes`` is what its bytes and its attribute file took."""

    file_id: UUID
    freed_bytes: int
    at_us: int
    storage_path: str


@dataclass(frozen=True, slots=True)
class ModeChange:
    mode: str
    at_us: int


Entry = Put | Update | Delete | ModeChange


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read, its checksum found right. ``body`` may be a view of a larger buffer."""

    lsn: Lsn
    kind: Kind
    flags: int
    body: Bytes

    @property
    def begins_batch(self) -> bool:
        return bool(self.flags & BEGINS_BATCH)

    @property
    def in_group(self) -> bool:
        return bool(self.flags & IN_GROUP)

    @property
    def ends_group(self) -> bool:
        return bool(self.flags & ENDS_GROUP)

    @property
    def size(self) -> int:
        """Bytes of the whole record on disk."""
        return FRAME.size + len(self.body)

    def entry(self) -> Entry:
        """What happened. Raises BodyInvalid."""
        return decode_body(self.kind, self.body)


def kind_of(entry: Entry) -> Kind:
    match entry:
        case Put():
            return Kind.PUT
        case Update():
            return Kind.UPDATE
        case Delete():
            return Kind.DELETE
        case ModeChange():
            return Kind.MODE


def encode_body(entry: Entry) -> list[Bytes]:
    """The parts of the body, the document's bytes not copied."""
    match entry:
        case Put(attributes, staged, content):
            if (staged is None) == (content is None):
                raise ValueError("a put has either a staging file or its bytes")
            head = [_U32.pack(len(attributes)), attributes]
            if content is not None:
                return [*head, bytes((_INLINE,)), content]
            assert staged is not None
            return [*head, bytes((_STAGED,)), staged.encode()]
        case Update(attributes, replaced_bytes):
            return [_U32.pack(len(attributes)), attributes, _U32.pack(replaced_bytes)]
        case Delete(file_id, freed_bytes, at_us, storage_path):
            return [_DELETE.pack(file_id.bytes, freed_bytes, at_us), storage_path.encode()]
        case ModeChange(mode, at_us):
            return [_MODE.pack(at_us), mode.encode()]


def encode_frame(lsn: Lsn, kind: Kind, body: Sequence[Bytes], *, flags: int, salt: bytes) -> bytes:
    """What stands before the body on disk. ``flags`` is one of ``FLAGS``."""
    length = COUNTED_FRAME_BYTES + sum(map(len, body))
    flagged = kind | flags
    checksum = crc32c(_U32.pack(length), crc32c(salt))
    checksum = crc32c(_NUMBERED.pack(lsn, flagged), checksum)
    for part in body:
        checksum = crc32c(part, checksum)
    return FRAME.pack(length, checksum, lsn, flagged)


def decode_record(data: Bytes, offset: int, salt: bytes) -> Record | None:
    """The record that begins at ``offset``, or None where no whole, undamaged one does. Takes any bytes."""
    if offset + FRAME.size > len(data):
        return None
    length, checksum = _LENGTHS.unpack_from(data, offset)
    end = offset + _LENGTHS.size + length
    if not COUNTED_FRAME_BYTES < length <= MAX_RECORD_BYTES or end > len(data):
        return None
    view = memoryview(data)
    found = crc32c(view[offset : offset + 4], crc32c(salt))
    if crc32c(view[offset + _LENGTHS.size : end], found) != checksum:
        return None
    lsn, flagged = _NUMBERED.unpack_from(data, offset + _LENGTHS.size)
    number, flags = flagged & ~_ALL_FLAGS, flagged & _ALL_FLAGS
    if not Kind.PUT <= number <= Kind.MODE or flags not in FLAGS:
        return None
    return Record(Lsn(lsn), Kind(number), flags, view[offset + FRAME.size : end])


def decode_body(kind: Kind, body: Bytes) -> Entry:
    """The inverse of ``encode_body``. Raises BodyInvalid for what it never gives."""
    try:
        return _DECODERS[kind](memoryview(body))
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise BodyInvalid(f"a {kind.name.lower()} record has an impossible body: {error}") from error


def _attributes(body: memoryview) -> tuple[memoryview, memoryview]:
    """The attributes and what stands behind them."""
    (length,) = _U32.unpack_from(body)
    if length > MAX_BYTES or 4 + length > len(body):
        raise BodyInvalid(f"attributes of {length} bytes do not fit in a body of {len(body)}")
    return body[4 : 4 + length], body[4 + length :]


def _decode_put(body: memoryview) -> Put:
    attributes, rest = _attributes(body)
    tag, payload = rest[0], rest[1:]
    if tag == _INLINE:
        return Put(attributes, content=payload)
    if tag == _STAGED:
        return Put(attributes, staged=str(payload, "utf-8"))
    raise BodyInvalid(f"a put record has the unknown tag {tag}")


def _decode_update(body: memoryview) -> Update:
    attributes, rest = _attributes(body)
    (replaced_bytes,) = _U32.unpack(rest)
    return Update(attributes, replaced_bytes)


def _decode_delete(body: memoryview) -> Delete:
    file_id, freed_bytes, at_us = _DELETE.unpack_from(body)
    return Delete(UUID(bytes=file_id), freed_bytes, at_us, str(body[_DELETE.size :], "utf-8"))


def _decode_mode(body: memoryview) -> ModeChange:
    (at_us,) = _MODE.unpack_from(body)
    return ModeChange(str(body[_MODE.size :], "utf-8"), at_us)


_DECODERS: dict[Kind, Callable[[memoryview], Entry]] = {
    Kind.PUT: _decode_put,
    Kind.UPDATE: _decode_update,
    Kind.DELETE: _decode_delete,
    Kind.MODE: _decode_mode,
}
