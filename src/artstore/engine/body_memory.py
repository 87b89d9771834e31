"""Bytes of uploads under way that are in memory, counted over all uploads and bounded together.

While there is room an upload gathers, so that a thread writes much at once. Beyond the limit nobody waits for
room, which a slow client could hold for ever: each upload writes what it has before it takes more, and a
document that would travel in its log record is staged like a large one. Then every upload has at most the one
piece in memory that it was just given.
"""

import threading


class BodyMemory:
    """For any thread. Whoever takes gives back, when the bytes are written or dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._guard = threading.Lock()

    @property
    def held_bytes(self) -> int:
        return self._held

    @property
    def is_short(self) -> bool:
        """Whether there are more bytes in memory than there should be."""
        return self._held > self._limit

    def take(self, size: int) -> None:
        with self._guard:
            self._held += size

    def give_back(self, size: int) -> None:
        with self._guard:
            self._held -= size
