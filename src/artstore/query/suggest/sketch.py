"""A set that forgets what is in it, but not what is not: a Bloom filter."""

import hashlib
import os

_BITS_FOR_EACH = 16
_PLACES = 5
"""With these figures one of a thousand things that were never added is taken for one that was."""
_LEAST_BYTES = 1 << 10
_MOST_BYTES = 1 << 26
"""64 MiB, for 33 million things. Beyond that more are taken for known."""


class Sketch:
    """Says of whatever was added that it was, and of nearly everything else that it was not."""

    def __init__(self, expected: int) -> None:
        wanted = max(_LEAST_BYTES, expected * _BITS_FOR_EACH // 8)
        self._bytes = bytearray(min(_MOST_BYTES, 1 << (wanted - 1).bit_length()))
        self._mask = len(self._bytes) * 8 - 1
        self._salt = os.urandom(8)  # so that the next one errs about others

    def add(self, thing: str) -> None:
        for place in self._places(thing):
            self._bytes[place >> 3] |= 1 << (place & 7)

    def __contains__(self, thing: str) -> bool:
        return all(self._bytes[place >> 3] >> (place & 7) & 1 for place in self._places(thing))

    def _places(self, thing: str) -> list[int]:
        digest = hashlib.blake2b(thing.encode(), digest_size=16, salt=self._salt).digest()
        first, step = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
        return [(first + number * step) & self._mask for number in range(_PLACES)]
