"""Reading coded documents, and comparing what is stored with what the attributes tell."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from artstore.attributes import FileAttributes
from artstore.engine.coding.codings import Coding, CodingBroken, Decoder, coding_named

_AT_ONCE_BYTES = 256 * 1024
_PLAIN_AT_ONCE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Compared:
    """``stored_checksum`` is of what is stored. ``fault``: why the original bytes do not come out of it."""

    stored_checksum: str
    fault: str = ""
    is_unknown: bool = False
    """It is coded as nobody here knows; then nothing is known about the original bytes."""


def compare(attributes: FileAttributes, pull: Callable[[int], bytes]) -> Compared:
    """Reads a stored document once, to its end. ``pull`` gives its next bytes, none at the end.

    Of the original bytes at most one more is decoded than there should be, whatever the coded ones are.
    Raises what ``pull`` raises.
    """
    stored = hashlib.sha256()

    def hashed(length: int) -> bytes:
        data = pull(length)
        stored.update(data)
        return data

    fault, is_unknown = "", False
    if attributes.content_encoding is not None:
        coding = coding_named(attributes.content_encoding)
        is_unknown = coding is None
        fault = f"'{attributes.content_encoding}'" if coding is None else _fault(attributes, coding, hashed)
    while hashed(_PLAIN_AT_ONCE_BYTES):
        pass
    return Compared(stored.hexdigest(), fault, is_unknown)


def _fault(attributes: FileAttributes, coding: Coding, pull: Callable[[int], bytes]) -> str:
    decoder = Decoder(coding, pull)
    original = hashlib.sha256()
    left = attributes.file_size
    try:
        while data := decoder.read(min(_AT_ONCE_BYTES, left + 1)):
            if len(data) > left:
                return f"they decode to more than {attributes.file_size} bytes"
            left -= len(data)
            original.update(data)
    except CodingBroken as error:
        return str(error)
    if left:
        return f"they decode to {attributes.file_size - left} bytes instead of {attributes.file_size}"
    if original.hexdigest() != attributes.checksum:
        return f"they decode to SHA-256 {original.hexdigest()} instead of {attributes.checksum}"
    return ""


class DecodedDocument:
    """The original bytes of a coded document, by their offsets. For one thread at a time.

    Reading on costs what is read; reading elsewhere decodes from the beginning up to there.
    """

    def __init__(self, coding: Coding, size: int, read_at: Callable[[int, int], bytes]) -> None:
        """``size``: original bytes that there should be; ``read_at`` gives coded ones."""
        self._coding = coding
        self._size = size
        self._read_at = read_at
        self._position = 0
        self._decoder = self._begin()

    def go_to(self, offset: int, most: int) -> bool:
        """Decodes at most ``most`` bytes on the way to ``offset``; whether that is reached.

        Raises CodingBroken, and what the source raises.
        """
        if offset < self._position:
            self._position, self._decoder = 0, self._begin()
        stop = min(offset, self._position + most)
        while self._position < stop:
            self._next(stop - self._position)
        return self._position == offset

    def read(self, length: int) -> bytes:
        """The next bytes. With the last one it is seen whether the coded ones end there too.

        Raises CodingBroken, and what the source raises.
        """
        parts = []
        while length > 0:
            part = self._next(length)
            parts.append(part)
            length -= len(part)
        if self._position == self._size and self._decoder.read(1):
            raise CodingBroken(f"they decode to more than {self._size} bytes")
        return b"".join(parts)

    def _next(self, length: int) -> bytes:
        data = self._decoder.read(min(length, _AT_ONCE_BYTES))
        if not data:
            raise CodingBroken(f"they decode to {self._position} bytes instead of {self._size}")
        self._position += len(data)
        return data

    def _begin(self) -> Decoder:
        at = 0

        def pull(length: int) -> bytes:
            nonlocal at
            data = self._read_at(at, length)
            at += len(data)
            return data

        return Decoder(self._coding, pull)
