"""Bodies that are small enough to be held: the whole is read before an element is chosen.

What is held can be sent again, to the same element or to the next. How much all uploads hold together is
bounded; where there is no room left, a body is streamed as a large one is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from artstore.ingester.uploads.body import UploadBody

MOST_HELD_BYTES = 32 * 1024 * 1024
"""Of all uploads of one process together."""
_SHORT_BYTES = 64 * 1024
"""Up to here a body is sent in one go."""
_PIECE_BYTES = 64 * 1024
_LAST_BYTES = 16


class Room:
    """For a body, which ``may_be_held`` or not, until it is given back; that may be done again."""

    def __init__(self, size: int, give_back: Callable[[int], None]) -> None:
        self._size = size
        self._give_back = give_back

    @property
    def may_be_held(self) -> bool:
        return self._size > 0

    def give_back(self) -> None:
        size, self._size = self._size, 0
        self._give_back(size)


class Holding:
    """For the event loop's thread."""

    def __init__(self, body_bytes: int, most_bytes: int = MOST_HELD_BYTES) -> None:
        """``body_bytes``: the largest body that is held."""
        self._body_bytes = body_bytes
        self._left = most_bytes

    @contextmanager
    def room(self, body: UploadBody) -> Iterator[Room]:
        """Room for the body, for as long as the block runs at most."""
        needed = self._body_bytes if body.announced is None else body.announced
        room = Room(needed if 0 < needed <= min(self._body_bytes, self._left) else 0, self._give_back)
        if room.may_be_held:
            self._left -= needed
        try:
            yield room
        finally:
            room.give_back()

    async def read(self, body: UploadBody, pieces: list[bytes]) -> None:
        """Adds to the pieces what follows them, to the end, or until it is too much to be held.

        Raises what ``body.read`` does.
        """
        held = bytearray().join(pieces)  # a byte that comes by itself would take as much as forty
        pieces.clear()
        while not body.ended and len(held) <= self._body_bytes:
            held += await body.read()
        # Short ones: who sends a piece keeps it until there is another.
        pieces += (bytes(held[at : at + _PIECE_BYTES]) for at in range(0, len(held), _PIECE_BYTES))

    def _give_back(self, size: int) -> None:
        self._left += size


def parted(pieces: list[bytes]) -> list[bytes]:
    """A whole body, which it takes out of ``pieces``, in pieces of which the last is short.

    Whoever did not get to sending the last piece knows that nobody can have stored the document.
    """
    whole = b"".join(pieces)
    pieces.clear()
    if len(whole) <= _SHORT_BYTES:
        return [whole]
    return [whole[:-_LAST_BYTES], whole[-_LAST_BYTES:]]
