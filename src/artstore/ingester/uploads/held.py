"""Bodies that are small enough to be held: the whole is read before an element is chosen.

What is held can be sent again, to the same element or to the next. How much all uploads hold together is
bounded; where there is no room left, a body is streamed as a large one is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from artstore.ingester.uploads.body import UploadBody

MOST_HELD_BYTES = 32 * 1024 * 1024
"""Of all uploads of one process together."""
_SHORT_BYTES = 64 * 1024
"""Up to here a body is sent in one go."""
_LAST_BYTES = 16


class Holding:
    """For the event loop's thread."""

    def __init__(self, body_bytes: int, most_bytes: int = MOST_HELD_BYTES) -> None:
        """``body_bytes``: the largest body that is held."""
        self._body_bytes = body_bytes
        self._left = most_bytes

    @contextmanager
    def room(self, body: UploadBody) -> Iterator[bool]:
        """Whether the body may be held, for as long as the block runs."""
        needed = self._body_bytes if body.announced is None else body.announced
        if not 0 < needed <= min(self._body_bytes, self._left):
            yield False
            return
        self._left -= needed
        try:
            yield True
        finally:
            self._left += needed

    async def read(self, body: UploadBody, pieces: list[bytes]) -> None:
        """Adds to the pieces what follows them, to the end, or until it is too much to be held.

        Raises what ``body.read`` does.
        """
        held = sum(map(len, pieces))
        while not body.ended and held <= self._body_bytes:
            pieces.append(await body.read())
            held += len(pieces[-1])


def parted(pieces: list[bytes]) -> list[bytes]:
    """A whole body in pieces of which the last is short.

    Whoever did not get to sending the last piece knows that nobody can have stored the document.
    """
    whole = b"".join(pieces)
    if len(whole) <= _SHORT_BYTES:
        return [whole]
    return [whole[:-_LAST_BYTES], whole[-_LAST_BYTES:]]
