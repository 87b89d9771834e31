"""What the engine needs of the place where files lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class BlobMissing(Exception):
    """No blob has this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is nothing at {path}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Abilities:
    """How a kind of storage differs from others."""

    moves_staged: bool
    """``put_staged`` moves the file in no time, instead of copying its bytes."""
    flushes: bool
    """What was put is durable only after ``flush``; otherwise as soon as the call returns."""
    survives_delete: bool
    """A reader that is open goes on when the blob is deleted."""


class BlobReader(Protocol):
    """One blob, open for reading. May be used by one thread at a time; close it once."""

    size: int
    """Bytes of the blob."""

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on, fewer than ``length`` only at the end. Blocks. Raises OSError."""

    def descriptor(self) -> int | None:
        """An open file descriptor with the blob's bytes, for sending without copying; None without one."""

    def close(self) -> None: ...


class Blobs(Protocol):
    """Blobs by path. All calls block and may come from any thread; writing calls come from one at a time.

    A blob appears whole or not at all, and replaces what had its path. Raises DiskFull where there is no
    room, BlobMissing where there is nothing, otherwise OSError.
    """

    abilities: Abilities

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Puts bytes under a path. May be repeated."""

    def put_staged(self, path: str, staged: Path) -> None:
        """Puts the bytes of a flushed local file under a path; the file is gone afterwards.

        May be repeated: where the file is gone and the path is there, it was done before. Raises BlobMissing
        where neither is there.
        """

    def delete(self, path: str) -> bool:
        """Removes a blob; False if there was none. May be repeated."""

    def flush(self) -> None:
        """Makes everything that was put and deleted before durable."""

    def open(self, path: str) -> BlobReader: ...

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a small blob, at most ``limit`` of them."""

    def names(self, folder: str) -> list[str]:
        """Names in a folder, without those of folders below; empty where there is no such folder."""

    def walk(self, folder: str) -> Iterator[tuple[str, int]]:
        """Paths and sizes of all blobs below a folder, in no order. Left-overs of crashes are not blobs."""

    def clean(self, folder: str) -> int:
        """Removes what a crash may have left in a folder; returns how many it was."""
