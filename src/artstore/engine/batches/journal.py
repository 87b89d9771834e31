"""What is in a batch, kept through a restart: a file in staging that is only added to.

The first line says whose the batch is, each further one is a document of which bytes and attributes are
durable, and a last one may say that all of them were stored. The lines are those of ``checked_lines``.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from artstore.attributes import FileId
from artstore.engine.checked_lines import decode_line, encode_line
from artstore.engine.durable import disk_errors, is_temporary, write_all, write_durably
from artstore.engine.failpoints import hit

JOURNAL_SUFFIX = ".batch"
_COMMITTED = encode_line({"committed": True})


@dataclass(frozen=True, slots=True)
class Head:
    batch_id: str
    owner_id: str
    told: str
    """The words of who opened it, which it may ask back."""


@dataclass(frozen=True, slots=True)
class Member:
    """A document of a batch."""

    file_id: FileId
    size: int
    """Bytes of it on the disk."""
    staged: str
    """Name of the staging file that has them."""
    attributes: str
    """Its attribute file."""

    def to_line(self) -> bytes:
        return encode_line(
            {
                "file_id": str(self.file_id),
                "size": self.size,
                "staged": self.staged,
                "attributes": self.attributes,
            }
        )

    @classmethod
    def of(cls, line: bytes) -> "Member | None":
        """None for a line that is torn, damaged, or of something else."""
        match decode_line(line):
            case {"file_id": str(text), "size": int(size), "staged": str(staged), "attributes": str(written)}:
                try:
                    return cls(FileId(UUID(text)), size, staged, written)
                except ValueError:
                    return None
        return None


class Journal:
    """Of one batch. All of it blocks, and raises DiskFull, OSError; for one thread at a time."""

    def __init__(self, staging: Path, batch_id: str, size: int = 0) -> None:
        """``size``: so many bytes of it are whole lines."""
        self._path = journal_path(staging, batch_id)
        self._size = size

    def create(self, head: Head) -> None:
        """Durable on return."""
        line = encode_line({"batch_id": head.batch_id, "owner_id": head.owner_id, "told": head.told})
        self._size = write_durably(self._path, line)

    def add(self, members: Sequence[Member]) -> None:
        """Durable on return, all of them; none when it fails."""
        self._write(b"".join(member.to_line() for member in members))
        hit("batch.noted")

    def tell_committed(self) -> None:
        """What would be found out after a restart without it, as long as nothing else touches staging."""
        self._write(_COMMITTED)

    def read(self, offset: int, limit: int) -> tuple[list[Member], int | None]:
        """Documents in the order in which they came, from a place that an earlier call gave (0: from the
        first), and the place behind them, None behind the last. Raises ValueError for another place.
        """
        members: list[Member] = []
        with self._path.open("rb") as file:
            if not 0 <= offset < self._size:
                raise ValueError("this is not a place in the journal")
            head = file.readline()
            if offset:
                file.seek(offset - 1)
                if offset < len(head) or file.read(1) != b"\n":
                    raise ValueError("this is not a place in the journal")
            while len(members) < limit and file.tell() < self._size:
                member = Member.of(file.readline().rstrip(b"\n"))
                if member is None:
                    return members, None  # that all were stored
                members.append(member)
            return members, file.tell() if file.tell() < self._size else None

    def _write(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            with disk_errors("note the documents of a batch"):
                # What a failed write left behind the last whole line is not counted, and goes here.
                os.ftruncate(descriptor, self._size)
                os.lseek(descriptor, self._size, os.SEEK_SET)
                write_all(descriptor, data)
                hit("batch.before_flush")
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._size += len(data)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal says."""

    head: Head
    members: dict[FileId, int]
    """The bytes of each document."""
    staged: frozenset[str]
    """Names of their files."""
    first: Member | None
    size: int
    """Bytes of whole lines."""
    committed: bool


@dataclass(frozen=True, slots=True)
class Survivor:
    """A batch that a restart found in staging."""

    contents: Contents
    committed: bool
    """Whether its documents are stored, told in the journal or not. Otherwise their files are to be kept."""
    written_at: float
    """When something was added last, in seconds since 1970."""


def journal_path(staging: Path, batch_id: str) -> Path:
    return staging / f"{batch_id}{JOURNAL_SUFFIX}"


def parse_journal(data: bytes, batch_id: str) -> Contents:
    """What a file named after ``batch_id`` says. Of a last line that is torn nobody was told.

    Raises ValueError where the first line is not that of this batch. Takes any bytes.
    """
    first, *lines = data.split(b"\n")
    match decode_line(first):
        case {"batch_id": str(told_id), "owner_id": str(owner_id), "told": str(told)} if told_id == batch_id:
            head = Head(batch_id, owner_id, told)
        case _:
            raise ValueError("its first line is not that of this batch")
    members: dict[FileId, int] = {}
    staged: list[str] = []
    beginning: Member | None = None
    size, committed = len(first) + 1, False
    for line in lines:
        member = Member.of(line)
        if member is None:
            committed = line + b"\n" == _COMMITTED
            break
        beginning = beginning or member
        members[member.file_id] = member.size
        staged.append(member.staged)
        size += len(line) + 1
    return Contents(head, members, frozenset(staged), beginning, size, committed)


def survivors(
    staging: Path, named: set[str], lifetime_seconds: float, is_stored: Callable[[Member], bool]
) -> Iterator[Survivor]:
    """The batches in staging that have not expired. Blocks.

    ``named`` are the staging files that records of the log name and that are not followed; ``is_stored``
    looks for a document among those that are. Whoever is not given is to be removed.
    """
    for path in sorted(staging.iterdir()):
        if path.suffix != JOURNAL_SUFFIX or is_temporary(path.name):
            continue
        try:
            contents, written_at = parse_journal(path.read_bytes(), path.stem), path.stat().st_mtime
        except (ValueError, OSError):
            continue
        if time.time() - written_at >= lifetime_seconds:
            continue
        # The group is durable where the log still names one of them, or where it was followed.
        # A loss of power may bring files back that were removed from staging.
        is_followed = contents.first is not None and is_stored(contents.first)
        if contents.committed or is_followed or not named.isdisjoint(contents.staged):
            yield Survivor(contents, True, written_at)
        elif all((staging / name).exists() for name in contents.staged):
            yield Survivor(contents, False, written_at)
