"""Reading one document as it lies there, and comparing it with its attributes. Blocks: for a thread."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from artstore.attributes import MAX_BYTES, FileAttributes, FileId, attribute_name
from artstore.engine.blobs import BlobMissing, BlobReader, Blobs
from artstore.engine.coding import compare
from artstore.engine.damage import KnownDamage
from artstore.engine.errors import Damaged
from artstore.engine.scrub.limiter import Limiter
from artstore.engine.verify.attributes import AttributeCheck
from artstore.engine.verify.origins import ListedOrigins, Origins
from artstore.engine.verify.reading import broken_rules
from artstore.engine.verify.rules import Rule

_COST_BYTES = 4096
"""What opening a file costs at least, as if so much was read."""


@dataclass(slots=True)
class Checked:
    """One document as it was found."""

    path: str
    problems: list[tuple[Rule, str, str]] = field(default_factory=list)
    """Each with the path of the file that it is about, and what was found."""
    attributes: FileAttributes | None = None
    """None where there are none, or none that are valid."""
    bytes: int = 0
    """That were read."""
    is_gone: bool = False
    """It was deleted."""

    @property
    def sound(self) -> bool:
        return not self.problems


@dataclass(slots=True)
class Read:
    """Several documents."""

    count: int = 0
    """That were read, from the first on."""
    bytes: int = 0
    bad: list[str] = field(default_factory=list)
    """Paths of those that are not as they should be."""
    sound_again: list[FileId] = field(default_factory=list)
    """Of those that were known to be damaged."""


class DocumentCheck:
    """Raises Stopped between two reads, and StoreUnavailable; what a disk says becomes a problem."""

    def __init__(self, blobs: Blobs, damage: KnownDamage, limiter: Limiter) -> None:
        self._blobs = blobs
        self._damage = damage
        self._limiter = limiter
        self.origins: Origins = ListedOrigins(None, unknown=True)
        self.documents = 0
        self.bytes = 0
        """Read so far, for whoever shows progress."""

    def check_some(self, paths: list[str], offline: bool, seconds: float) -> Read:
        """As many of the documents as that time allows, at least one."""
        read = Read()
        until = time.monotonic() + seconds
        for path in paths:
            found = self.check(path, offline=offline)
            read.count += 1
            read.bytes += found.bytes
            if not found.sound:
                read.bad.append(path)
            elif found.attributes is not None and found.attributes.file_id in self._damage:
                read.sound_again.append(FileId(found.attributes.file_id))
            if time.monotonic() > until:
                break
        return read

    def check(self, path: str, *, offline: bool) -> Checked:
        """``offline``: only the attributes are here."""
        found = Checked(path)
        data = self._read_attributes(found)
        if data is not None:
            self._compare(found, data, offline=offline)
        self.documents += 1
        return found

    def account_for_opening(self) -> None:
        """For a file that somebody else looks for. Raises Stopped."""
        self._limiter.take(_COST_BYTES)

    def _read_attributes(self, found: Checked) -> bytes | None:
        path = attribute_name(found.path)
        self.account_for_opening()
        try:
            data = self._read_small(path)
        except BlobMissing:
            found.is_gone = True
            return None
        except (OSError, Damaged) as error:
            found.problems.append((Rule.E005, path, _reason(error)))
            return None
        self._count(found, len(data))
        return data

    def _compare(self, found: Checked, data: bytes, *, offline: bool) -> None:
        def add(rule: Rule, path: str, detail: object) -> None:
            found.problems.append((rule, path, str(detail)))

        checked = AttributeCheck(self.origins, add).check(found.path, data)
        if checked is None:
            return
        found.attributes = checked[0]
        if offline:
            return
        try:
            self._compare_bytes(found, found.attributes)
        except BlobMissing:
            # Deletion takes the attributes first: where they still are, the bytes are missing.
            if self._is_there(attribute_name(found.path)):
                add(Rule.D001, found.path, "")
            else:
                found.is_gone = True
                found.problems.clear()
        except (OSError, Damaged) as error:
            add(Rule.E005, found.path, _reason(error))

    def _compare_bytes(self, found: Checked, attributes: FileAttributes) -> None:
        expected = attributes.size_on_disk
        reader = self._blobs.open(found.path)
        try:
            if reader.size != expected:
                detail = f"{reader.size} bytes instead of {expected}"
                found.problems.append((Rule.D002, found.path, detail))
                return
            forget_cached(reader)
            compared = compare(attributes, self._reading(reader, found))
            forget_cached(reader)
        finally:
            reader.close()
        for rule, detail in broken_rules(attributes, compared):
            found.problems.append((rule, found.path, detail))

    def _reading(self, reader: BlobReader, found: Checked) -> Callable[[int], bytes]:
        at = 0

        def read(length: int) -> bytes:
            nonlocal at
            length = min(length, reader.size - at)
            if length == 0:
                return b""
            self._limiter.take(length)
            data = reader.read_at(at, length)  # less where it became shorter: the checksum tells
            at += len(data)
            self._count(found, len(data))
            return data

        return read

    def _read_small(self, path: str) -> bytes:
        reader = self._blobs.open(path)
        try:
            forget_cached(reader)
            return reader.read_at(0, MAX_BYTES + 1)
        finally:
            reader.close()

    def _is_there(self, path: str) -> bool:
        try:
            self._blobs.open(path).close()
        except BlobMissing:
            return False
        return True

    def _count(self, found: Checked, size: int) -> None:
        found.bytes += size
        self.bytes += size


def forget_cached(reader: BlobReader) -> None:
    """Lets what is in memory of a file go, so that the disk is asked, and others' files stay in memory.

    What was written and is not flushed stays.
    """
    descriptor = reader.descriptor()
    if descriptor is not None:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
