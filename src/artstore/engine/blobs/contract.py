"""What the engine needs of the place where files lie."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    writers: int = 1
    """From so many threads blobs may be put and deleted at once, never two of them with the same path."""
    readers: int = 1
    """So many small blobs are read in about the time of one, by as many threads."""
    place: Mapping[str, str] | None = None
    """Where blobs lie, if that is not the element's root, in the words of ``element.json``. The root then
    has no ``files/``, and whoever finds the blobs finds ``element.json`` and ``FORMAT.md`` beside them."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What a folder holds, by name, in no order."""

    folders: list[str] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)


class BlobReader(Protocol):
    """One blob, open for reading. May be used by one thread at a time; close it once."""

    size: int
    """Bytes of the blob."""
    in_memory: bool
    """Reading takes no time and waits for nothing."""

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on, fewer than ``length`` only at the end. Blocks.

        Raises OSError and StoreUnavailable.
        """

    def descriptor(self) -> int | None:
        """An open file descriptor with the blob's bytes, for sending without copying; None without one."""

    def close(self) -> None:
        """Does not block. May be called again."""


class Blobs(Protocol):
    """Blobs by path. All calls block and may come from any thread; writing calls as ``abilities`` allow.

    A blob appears whole or not at all, and replaces what had its path. What was put can be read at once.
    Raises DiskFull where there is no room, BlobMissing where there is nothing, StoreUnavailable where the
    blobs lie elsewhere and cannot be reached now, otherwise OSError.
    """

    @property
    def abilities(self) -> Abilities: ...

    def check(self) -> None:
        """Returns if blobs can be reached; for health, and before anything else. Raises StoreUnavailable."""

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Puts bytes under a path. May be repeated."""

    def put_staged(self, path: str, staged: Path) -> None:
        """Puts the bytes of a flushed local file under a path; the file is gone after the next ``flush``.

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

    def entries(self, folder: str) -> Entries:
        """What a folder holds; nothing where there is no such folder."""

    def names(self, folder: str) -> list[str]:
        """Names of the blobs in a folder; empty where there is no such folder."""

    def walk(self, folder: str) -> Iterator[tuple[str, int]]:
        """Paths and sizes of all blobs below a folder, in no order. Left-overs of crashes are not blobs."""

    def clean(self, folder: str) -> int:
        """Removes what a crash may have left in a folder; returns how many it was. Before anybody reads."""

    def close(self) -> None:
        """After the last call. May be called again."""
