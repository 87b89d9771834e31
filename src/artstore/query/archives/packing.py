"""The bytes of a ZIP, piece by piece, while what is in it arrives."""

import zipfile
from collections.abc import Iterator
from typing import Self

from zipstream import ZipStream

_LEVEL = 1
"""Three times as fast as the usual one, for text that is a fiftieth larger."""


class ZipPacker:
    """One entry after the other. Entries beyond 4 GiB, or their number, make it a ZIP64 where they must."""

    def __init__(self) -> None:
        self._zip = ZipStream()
        self._entry: Iterator[bytes] = iter(())
        self._pieces = _Pieces()

    def begin(self, name: str, size: int, *, deflated: bool) -> bytes:
        """The head of an entry of so many bytes."""
        self._pieces = _Pieces()
        self._zip.add(
            self._pieces,
            name,
            size=size,
            compress_type=zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED,
            compress_level=_LEVEL if deflated else None,
        )
        self._entry = self._zip.file()
        return next(self._entry)

    def piece(self, content: bytes) -> bytes:
        """What comes of the next bytes of the entry; may be empty while they are compressed."""
        self._pieces.give(content)
        return next(self._entry)

    def end(self) -> bytes:
        """The end of the entry."""
        self._pieces.end()
        return b"".join(self._entry)

    def folder(self, name: str) -> bytes:
        """An empty folder, as a whole."""
        self._zip.mkdir(name)
        return b"".join(self._zip.file())

    def close(self) -> Iterator[bytes]:
        """The directory of the ZIP, without which it is none."""
        return iter(self._zip.footer())


class _Pieces:
    """Given one by one to whoever iterates, who asks for the next only when he is asked himself."""

    def __init__(self) -> None:
        self._piece: bytes | None = None
        self._is_over = False

    def give(self, piece: bytes) -> None:
        self._piece = piece

    def end(self) -> None:
        self._is_over = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        piece, self._piece = self._piece, None
        assert piece is not None, "asked for more than there is"
        return piece
