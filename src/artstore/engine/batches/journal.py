"""What is in a batch, kept through a restart: a file in staging that is only added to.

The first line says whose the batch is, each further one is a document of which bytes and attributes are
durable, and a last one may say that all of them were stored. The lines are those of ``checked_lines``.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from artstore.attributes import FileId
from artstore.engine.checked_lines import decode_line, encode_line
from artstore.engine.durable import disk_errors, write_all, write_durably
from artstore.engine.failpoints import hit
from artstore.engine.log.record import Lsn

JOURNAL_SUFFIX = ".batch"
_LAST_LINE_BYTES = 4096


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


@dataclass(frozen=True, slots=True)
class Committed:
    """That the documents of a batch were stored, up to which record."""

    documents: int
    size: int
    """Bytes of all of them."""
    last_lsn: Lsn

    def to_line(self) -> bytes:
        return encode_line({"committed": self.last_lsn, "documents": self.documents, "bytes": self.size})

    @classmethod
    def of(cls, line: bytes) -> "Committed | None":
        match decode_line(line):
            case {"committed": int(lsn), "documents": int(documents), "bytes": int(size)}:
                return cls(documents, size, Lsn(lsn))
        return None


class Journal:
    """Of one batch. All of it blocks, and raises DiskFull, OSError; for one thread at a time."""

    def __init__(self, staging: Path, batch_id: str, size: int = 0) -> None:
        """``size``: so many bytes of it are whole lines."""
        self.size = size
        self.is_whole = True
        """Whether it holds nothing but what was told. Otherwise nothing is added before a restart."""
        self._path = journal_path(staging, batch_id)

    def create(self, head: Head) -> None:
        """Durable on return."""
        line = encode_line({"batch_id": head.batch_id, "owner_id": head.owner_id, "told": head.told})
        self.size = write_durably(self._path, line)

    def add(self, members: Sequence[Member]) -> None:
        """Durable on return, all of them. When it fails, none is, unless ``is_whole`` says otherwise."""
        self._write(b"".join(member.to_line() for member in members))
        hit("batch.noted")

    def tell_committed(self, committed: Committed) -> None:
        self._write(committed.to_line())

    def read(self, offset: int = 0, limit: int | None = None) -> tuple[list[Member], int | None]:
        """Documents in the order in which they came, from a place that an earlier call gave (0: from the
        first), and the place behind them, None behind the last. Raises ValueError for another place.
        """
        members: list[Member] = []
        with self._path.open("rb") as file:
            if not 0 <= offset < self.size:
                raise ValueError("this is not a place in the journal")
            head = file.readline()
            if offset:
                file.seek(offset - 1)
                if offset < len(head) or file.read(1) != b"\n":
                    raise ValueError("this is not a place in the journal")
            while file.tell() < self.size:
                if limit is not None and len(members) >= limit:
                    return members, file.tell()
                member = Member.of(file.readline().rstrip(b"\n"))
                if member is None:
                    break  # that all were stored
                members.append(member)
            return members, None

    def _write(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            with disk_errors("note the documents of a batch"):
                try:
                    os.ftruncate(
                        descriptor, self.size
                    )  # what a loss of power left behind the last whole line
                    os.lseek(descriptor, self.size, os.SEEK_SET)
                    write_all(descriptor, data)
                    hit("batch.before_flush")
                    os.fdatasync(descriptor)
                except BaseException:
                    self._cut(descriptor)
                    raise
        finally:
            os.close(descriptor)
        self.size += len(data)

    def _cut(self, descriptor: int) -> None:
        """Takes back what nobody is told of: a restart would take whole lines for documents."""
        try:
            os.ftruncate(descriptor, self.size)
            os.fdatasync(descriptor)
        except BaseException:
            self.is_whole = False
            raise


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal says. ``members`` are left out where it was read in parts."""

    head: Head
    members: list[Member]
    size: int
    """Bytes of whole lines."""
    committed: Committed | None


def journal_path(staging: Path, batch_id: str) -> Path:
    return staging / f"{batch_id}{JOURNAL_SUFFIX}"


def read_journal(path: Path) -> Contents:
    """A journal, in parts where it is long and says that all were stored. Raises ValueError, OSError."""
    with path.open("rb") as file:
        first = file.readline()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LAST_LINE_BYTES))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    if (committed := Committed.of(last)) is not None:
        return Contents(_head(first.rstrip(b"\n"), path.stem), [], size, committed)
    return parse_journal(path.read_bytes(), path.stem)


def parse_journal(data: bytes, batch_id: str) -> Contents:
    """What a file named after ``batch_id`` says. Of a last line that is torn nobody was told, nor of what is
    behind a hole: where a loss of power took a part of the last write, there are zeros.

    Raises ValueError where the first line is not that of this batch, or another one is damaged. Takes any
    bytes.
    """
    first, *lines = data.split(b"\n")
    head = _head(first, batch_id)
    members: list[Member] = []
    size = len(first) + 1
    for number, line in enumerate(lines[:-1], start=2):  # what is behind the last line feed is torn
        member = Member.of(line)
        if member is None:
            committed = Committed.of(line)
            if committed is None and b"\0" not in line and number < len(lines):
                raise ValueError(f"its line {number} is damaged")
            size += 0 if committed is None else len(line) + 1
            return Contents(head, members, size, committed)
        members.append(member)
        size += len(line) + 1
    return Contents(head, members, size, None)


def _head(line: bytes, batch_id: str) -> Head:
    match decode_line(line):
        case {"batch_id": str(told_id), "owner_id": str(owner_id), "told": str(told)} if told_id == batch_id:
            return Head(batch_id, owner_id, told)
    raise ValueError("its first line is not that of this batch")
