"""Room in an element: what is used, what is promised to uploads under way, what is free."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from artstore.attributes import MAX_BYTES
from artstore.engine.errors import DiskFull, NoRoom

_LOOK_EVERY_SECONDS = 0.25
"""How often the disk is asked at most: asking costs more than taking a small document's bytes."""
_GROW_BYTES = 1 << 20
"""By how much a reservation grows at least when an upload turns out larger than was told."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """In bytes. ``used_bytes`` counts documents and attribute files, exactly and as of the last change."""

    capacity_bytes: int
    used_bytes: int
    reserved_bytes: int
    free_bytes: int
    documents: int


class Room:
    """Counts for one element. For the event loop's thread only.

    ``used_bytes`` changes only with a durable record, so that it can be told again after any crash.
    """

    def __init__(self, root: Path, capacity_bytes: int | None, keep_free_bytes: int) -> None:
        self._root = root
        self._limit = capacity_bytes
        self._keep_free = keep_free_bytes
        self.used_bytes = 0
        self.documents = 0
        self.reserved_bytes = 0
        self.staged_bytes = 0
        """Of the reserved bytes, those that are on the disk already."""
        self._looked_at = float("-inf")
        self._found_free = 0
        self._promised_since = 0

    def capacity(self) -> Capacity:
        free_on_disk = self._free_on_disk()
        limit = (
            self._limit if self._limit is not None else self.used_bytes + self.reserved_bytes + free_on_disk
        )
        return Capacity(limit, self.used_bytes, self.reserved_bytes, self._free(free_on_disk), self.documents)

    def reserve(self, size: int) -> None:
        """Promises ``size`` bytes. Raises NoRoom, or DiskFull where the disk is what limits."""
        free = self._free(self._free_on_disk())
        if size > free:
            within_limit = self._limit is None or self.used_bytes + self.reserved_bytes + size <= self._limit
            raise DiskFull(f"take {size} bytes") if within_limit else NoRoom(size, free)
        self.reserved_bytes += size
        self._promised_since += size

    def promise(self, growth: int) -> Callable[[], None]:
        """For what is not staged: reserves where something grows; gives what ends that, to be called once.

        Raises NoRoom, DiskFull. What shrinks needs no room, also in an element that is full.
        """
        if growth <= 0:
            return lambda: None
        self.reserve(growth)
        return partial(self.give_back, growth)

    def give_back(self, size: int) -> None:
        self.reserved_bytes -= size

    def count(self, used_bytes: int, documents: int) -> None:
        """Takes account of a durable change."""
        self.used_bytes += used_bytes
        self.documents += documents

    def _free(self, free_on_disk: int) -> int:
        on_disk = free_on_disk - (self.reserved_bytes - self.staged_bytes)
        if self._limit is None:
            return max(0, on_disk)
        return max(0, min(on_disk, self._limit - self.used_bytes - self.reserved_bytes))

    def _free_on_disk(self) -> int:
        """As found lately; what was promised since must not use up what is kept free."""
        now = time.monotonic()
        if now - self._looked_at > _LOOK_EVERY_SECONDS or self._promised_since > self._keep_free // 4:
            found = os.statvfs(self._root)
            self._found_free = max(0, found.f_bavail * found.f_frsize - self._keep_free)
            self._looked_at, self._promised_since = now, 0
        return self._found_free


class Reservation:
    """Room promised to one upload, its attributes included."""

    def __init__(self, room: Room, expected_bytes: int | None, *, staged_bytes: int | None = None) -> None:
        """``staged_bytes``: on the disk already, of an upload that was promised its room before a restart.
        That promise stands, whatever room there is now.
        """
        self._room = room
        self._reserved = (expected_bytes or 0) + MAX_BYTES
        self._staged = 0
        if staged_bytes is None:
            room.reserve(self._reserved)
        else:
            room.reserved_bytes += self._reserved
            self.staged(staged_bytes)

    def cover(self, size: int) -> None:
        """Makes sure that ``size`` bytes of a document are covered. Raises NoRoom, DiskFull."""
        missing = size + MAX_BYTES - self._reserved
        if missing <= 0:
            return
        step = max(missing, min(_GROW_BYTES, size))
        try:
            self._room.reserve(step)
        except NoRoom:
            step = missing
            self._room.reserve(step)
        self._reserved += step

    def staged(self, size: int) -> None:
        """Tells how many bytes of the document are on the disk."""
        self._room.staged_bytes += size - self._staged
        self._staged = size

    def take_in(self, other: "Reservation", size: int) -> None:
        """Goes on with what ``other`` was promised for a document of ``size`` bytes that is on the disk."""
        needed = size + MAX_BYTES
        self._room.give_back(other._reserved - needed)
        self._reserved += needed
        self._staged += other._staged
        other._reserved = other._staged = 0

    def end(self) -> None:
        """Gives the rest back; the document is counted, or gone. May be called again."""
        self.staged(0)
        self._room.give_back(self._reserved)
        self._reserved = 0
