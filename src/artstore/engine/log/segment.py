"""A segment that is open: one file of the log, its records found by LSN."""

import os
import threading
from array import array
from pathlib import Path

from artstore.engine.durable import TEMPORARY_PREFIX, disk_errors, flush_folder, write_all
from artstore.engine.errors import Damaged
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader
from artstore.engine.log.record import MAX_RECORD_BYTES, Bytes, Lsn, Record, decode_record

PREPARED_NAME = f"{TEMPORARY_PREFIX}segment"
"""A file of zeros in the log's folder that becomes the next segment."""
_ZEROS = bytes(1 << 20)
_MAX_BUFFERS = 1024
"""What Linux takes in one gathering write (IOV_MAX)."""
_MISSING = 0


class Released(Exception):
    """The segment was let go, for every follower has what it held. The caller looks elsewhere."""


class Segment:
    """One file of the log.

    ``append`` and ``flush`` are called by one thread only; ``read`` and ``release`` from any.
    """

    def __init__(self, path: Path, header: SegmentHeader, descriptor: int, end: int = HEADER_BYTES) -> None:
        self.path = path
        self.header = header
        self.end = end
        """Where the next record will begin, in bytes."""
        self._offsets = array("Q")
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._readers = 0
        self._released = False

    @property
    def first_lsn(self) -> Lsn:
        return self.header.first_lsn

    @property
    def last_lsn(self) -> Lsn:
        """Of the last record; one less than ``first_lsn`` while there is none."""
        return Lsn(self.first_lsn + len(self._offsets) - 1)

    def note(self, lsn: Lsn, offset: int) -> None:
        """Remembers where a record begins. LSNs that were left out are missing."""
        while self.last_lsn < lsn - 1:
            self._offsets.append(_MISSING)
        self._offsets.append(offset)

    def forget_after(self, lsn: Lsn) -> None:
        """Undoes ``note`` for the records behind ``lsn``."""
        del self._offsets[max(0, lsn - self.first_lsn + 1) :]

    def offset_of(self, lsn: Lsn) -> int | None:
        """Where a record begins; None if it is missing or not of this segment."""
        index = lsn - self.first_lsn
        if not 0 <= index < len(self._offsets):
            return None
        return self._offsets[index] or None

    def bytes_after(self, lsn: Lsn) -> int:
        """Bytes of the records behind ``lsn``."""
        index = max(0, lsn + 1 - self.first_lsn)
        while index < len(self._offsets):
            if self._offsets[index]:
                return self.end - self._offsets[index]
            index += 1
        return 0

    def append(self, buffers: list[Bytes], size: int) -> None:
        """Writes behind the end without moving it: the caller does that when the bytes are flushed."""
        at = self.end
        for start in range(0, len(buffers), _MAX_BUFFERS):
            part = buffers[start : start + _MAX_BUFFERS]
            expected = sum(map(len, part))
            written = os.pwritev(self._descriptor, part, at)
            if written != expected:  # rare: a signal or a disk that is nearly full
                rest = memoryview(b"".join(part))[written:]
                os.lseek(self._descriptor, at + written, os.SEEK_SET)
                write_all(self._descriptor, rest)
            at += expected
        assert at == self.end + size

    def flush(self) -> None:
        os.fdatasync(self._descriptor)

    def cut(self) -> None:
        """Removes whatever lies behind the end, for good. The room stays, as zeros that take no space."""
        os.ftruncate(self._descriptor, self.end)
        os.ftruncate(self._descriptor, max(self.end, self.header.room))
        os.fsync(self._descriptor)

    def trim(self) -> None:
        """Gives back the room behind the end; need not be durable, since zeros there mean nothing."""
        os.ftruncate(self._descriptor, self.end)

    def read(self, lsn: Lsn) -> Record:
        """A record, its checksum verified. Raises Released, Damaged, and KeyError where there is none."""
        offset = self.offset_of(lsn)
        if offset is None:
            raise KeyError(lsn)
        following = self.offset_of(Lsn(lsn + 1)) or self.end
        with self:
            data = os.pread(self._descriptor, min(following - offset, MAX_RECORD_BYTES), offset)
        record = decode_record(data, 0, self.header.salt)
        if record is None or record.lsn != lsn:
            raise Damaged(f"record {lsn} in {self.path.name}", "its checksum is wrong")
        return record

    def __enter__(self) -> None:
        with self._guard:
            if self._released:
                raise Released(self.path.name)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._readers -= 1
            last = self._released and self._readers == 0
        if last:
            os.close(self._descriptor)

    def release(self) -> None:
        """Closes the file as soon as nobody reads it. May be called again."""
        with self._guard:
            if self._released:
                return
            self._released = True
            idle = self._readers == 0
        if idle:
            os.close(self._descriptor)


def prepare_file(folder: Path, size: int) -> Path:
    """Makes the file of the next segment: written zeros, flushed, so that flushing a record later needs no
    change of the file's description (measured: half the time of a flush).

    Raises DiskFull, OSError; nothing remains then.
    """
    path = folder / PREPARED_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with disk_errors("make room for the log"):
            for start in range(0, size, len(_ZEROS)):
                write_all(descriptor, memoryview(_ZEROS)[: size - start])
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return path


def create_segment(path: Path, header: SegmentHeader, prepared: Path) -> Segment:
    """Makes a segment of a prepared file. Durable on return: first the header, then the name."""
    descriptor = os.open(prepared, os.O_RDWR | os.O_CLOEXEC)
    try:
        with disk_errors("begin a segment of the log"):
            os.pwrite(descriptor, header.to_bytes(), 0)
            os.fsync(descriptor)
            prepared.rename(path)
            flush_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return Segment(path, header, descriptor)


def open_segment(path: Path, header: SegmentHeader, end: int) -> Segment:
    """A segment that exists and whose records end at ``end``."""
    return Segment(path, header, os.open(path, os.O_RDWR | os.O_CLOEXEC), end)
