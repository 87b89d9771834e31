"""Ids of documents, which carry the time of their making (UUIDv7, RFC 9562 §5.7), and the folder of an id.

A document is therefore found from its id alone, without any database. Archives of version 1.0 hold random
ids (UUIDv4), which tell no time: their folder follows from ``created_at``.
"""

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

FileId = NewType("FileId", UUID)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RANDOM_BITS = 74
_SET_BACK_MS = 10_000
"""A clock that is behind the last id by more than this was set back on purpose and is believed."""


class _Sequence:
    """Gives (milliseconds, 74 bits) pairs that grow from call to call, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = (0, 0)

    def next(self, milliseconds: int) -> tuple[int, int]:
        fresh = int.from_bytes(os.urandom(10)) >> 6
        with self._lock:
            last_ms, last_bits = self._last
            if milliseconds > last_ms or milliseconds < last_ms - _SET_BACK_MS:
                following = (milliseconds, fresh)
            else:
                # A random step keeps the next id unguessable (RFC 9562 §6.2, method 2).
                bits = last_bits + 1 + (fresh & 0xFFFF_FFFF)
                overflow = bits >> _RANDOM_BITS
                following = (last_ms + overflow, fresh if overflow else bits)
            self._last = following
        return following


_sequence = _Sequence()


def new_file_id(now: datetime) -> FileId:
    """A new id that carries ``now`` (aware) to the millisecond.

    Ids of one process grow strictly, also within a millisecond and when the clock steps back by up to ten
    seconds; the id then carries the time of its predecessor. After a greater step back they follow the clock.
    """
    milliseconds, bits = _sequence.next((now - _EPOCH) // _MILLISECOND)
    value = milliseconds << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    return FileId(UUID(int=value))


def created_at_of(file_id: UUID) -> datetime | None:
    """The time that an id carries, in UTC; None for an id that carries none."""
    if file_id.version != 7:
        return None
    try:
        return _EPOCH + (file_id.int >> 80) * _MILLISECOND
    except OverflowError:  # 48 bits of milliseconds reach beyond the year 9999
        return None


def folder_of(when: datetime | UUID) -> str:
    """The hour folder, ``YYYY/MM/DD/HH`` in UTC, of a time (aware) or of an id that carries one.

    Raises ValueError for an id that carries no time and for a time without a zone.
    """
    at = created_at_of(when) if isinstance(when, UUID) else when
    if at is None:
        raise ValueError(f"the id {when} carries no time; use created_at")
    if at.tzinfo is None:
        raise ValueError("a time without a zone names no hour")
    at = at.astimezone(UTC)
    return f"{at.year:04d}/{at.month:02d}/{at.day:02d}/{at.hour:02d}"
