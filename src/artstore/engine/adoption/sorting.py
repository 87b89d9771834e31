"""Sorting more lines than memory should hold: in pieces, through files without a name."""

import heapq
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_PIECE_BYTES = 64 << 20


class SortedLines:
    """Takes lines in any order, gives them sorted as bytes, as often as asked. Use it as a context."""

    def __init__(self, folder: Path, piece_bytes: int = _PIECE_BYTES) -> None:
        """``folder`` has room for the lines; no name appears in it."""
        self._folder = folder
        self._piece_bytes = piece_bytes
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._pieces: list[IO[bytes]] = []
        self.count = 0

    def add(self, line: bytes) -> None:
        """``line`` ends with a line feed and has no other. Raises OSError."""
        self.count += 1
        self._gathered.append(line)
        self._gathered_bytes += len(line)
        if self._gathered_bytes >= self._piece_bytes:
            self._put_down()

    def __iter__(self) -> Iterator[bytes]:
        self._gathered.sort()
        for piece in self._pieces:
            piece.seek(0)
        return heapq.merge(*self._pieces, self._gathered)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for piece in self._pieces:
            piece.close()

    def _put_down(self) -> None:
        piece = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed at the end of the context
        self._pieces.append(piece)
        self._gathered.sort()
        piece.writelines(self._gathered)
        self._gathered, self._gathered_bytes = [], 0
