"""The log that is open: its segments, appending a batch, reading, letting segments go.

Invariants, at any time and after any crash:

1. What is durable is contiguous: a batch is written only after the one before it was flushed.
2. ``durable_lsn`` counts only what a flush confirmed. Nobody is told of a record above it.
3. A segment exists under its name only with a flushed header, and before any of its records.
4. A batch that could not be written or flushed is cut off again; if even that fails, or if the disk said
   anything but "full", the log has failed and takes nothing until recovery has read it again. A failed flush
   is never tried again on the same bytes, because the kernel may have dropped them and would report success.
5. Segments are let go from the oldest on, never the last one, which carries the count of LSNs on.

One thread appends (the writer), any thread reads.
"""

import contextlib
import errno
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from artstore.engine.durable import disk_errors, remove_behind
from artstore.engine.errors import DiskFull, EngineError, LogFailed
from artstore.engine.failpoints import hit
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader
from artstore.engine.log.record import (
    BEGINS_BATCH,
    ENDS_GROUP,
    FRAME,
    IN_GROUP,
    Bytes,
    Kind,
    Lsn,
    Record,
    encode_frame,
)
from artstore.engine.log.segment import Released, Segment, create_segment, prepare_file

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Body = tuple[Kind, Sequence[Bytes]]
"""What a record will say: its kind and the parts of its body."""


class Log:
    """See the module. ``segments`` are what recovery found, oldest first; appending begins a new one."""

    def __init__(
        self, folder: Path, element: bytes, segments: list[Segment], last_lsn: Lsn, segment_bytes: int
    ) -> None:
        self._folder = folder
        self._element = element
        self._segments = segments
        self._segment_bytes = segment_bytes
        self._durable = last_lsn
        self._moved = threading.Condition()
        self._active: Segment | None = None
        self._preparer = ThreadPoolExecutor(1, thread_name_prefix="artstore-segment")
        self._prepared: Future[Path] | None = None
        self._failure: LogFailed | None = None
        self.flushes = 0
        """How often records were flushed since the log was opened."""

    @property
    def durable_lsn(self) -> Lsn:
        """Of the last record that is durable; 0 before the first."""
        return self._durable

    @property
    def first_lsn(self) -> Lsn:
        """The lowest LSN that can still be read; one above ``durable_lsn`` while there is none."""
        segments = self._segments
        return segments[0].first_lsn if segments else Lsn(self._durable + 1)

    @property
    def failure(self) -> LogFailed | None:
        """Why the log takes nothing any more."""
        return self._failure

    def segments(self) -> list[Segment]:
        """Oldest first."""
        return list(self._segments)

    def fail(self, reason: str) -> None:
        """Takes nothing any more until the log is opened again. What is durable can still be read."""
        if self._failure is None:
            self._failure = LogFailed(reason)

    def begin_segment(self) -> Segment:
        """Begins the segment that the next batch goes into; durable on return. Raises DiskFull, OSError."""
        first_lsn = Lsn(self._durable + 1)
        prepared = self._take_prepared()
        with disk_errors("begin a segment of the log"):
            hit("segment.before_header")
        header = SegmentHeader.fresh(first_lsn, self._element, prepared.stat().st_size)
        segment = create_segment(self._folder / f"{first_lsn:020d}.log", header, prepared)
        hit("segment.created")
        with self._moved:
            before = self._segments
            self._segments = [each for each in before if each.path != segment.path] + [segment]
            self._active = segment
        for each in before[-1:]:
            if each.path == segment.path:
                each.release()  # it was empty, and its name is now that of the new one
            else:
                with contextlib.suppress(OSError):
                    each.trim()
        return segment

    def append(self, bodies: Sequence[Body], *, group: bool = False) -> Lsn:
        """Makes a batch of records durable and returns the LSN of the first. For the writer thread only.

        All or nothing; of a batch that a crash interrupts some records may be found again, but of one that
        is a ``group`` all or none. Raises DiskFull (the log goes on) or LogFailed (it does not).
        """
        if self._failure is not None:
            raise LogFailed(self._failure.reason)
        size = sum(FRAME.size + sum(map(len, parts)) for _, parts in bodies)
        try:
            segment = self._segment_with_room(size)
        except DiskFull:
            raise
        except OSError as error:
            raise self._failed(error) from error
        first = Lsn(self._durable + 1)
        buffers, offsets = _encode(bodies, first, segment, group=group)
        try:
            hit("log.before_write")
            segment.append(buffers, size)
        except OSError as error:
            raise self._cut_back(segment, error, flushing=False) from error
        try:
            hit("log.before_flush")
            segment.flush()
        except OSError as error:
            raise self._cut_back(segment, error, flushing=True) from error
        hit("log.after_flush")
        self._publish(segment, first, offsets, size)
        self._prepare_ahead(segment)
        return first

    def read(self, lsn: Lsn) -> Record:
        """One durable record. Raises Released (also for one that is missing) and Damaged."""
        for segment in reversed(self._segments):
            if segment.first_lsn <= lsn:
                try:
                    return segment.read(lsn)
                except KeyError:
                    continue
        raise Released(f"record {lsn}")

    def read_after(self, after: Lsn, max_records: int, max_bytes: int) -> list[Record]:
        """Durable records behind ``after``, in order, within the limits, but at least one if there is one.

        Records that recovery could not read are left out. Blocks on the disk. Raises Released if ``after``
        is below what is still kept, and Damaged.
        """
        if after + 1 < self.first_lsn:
            raise Released(f"record {after + 1}")
        records: list[Record] = []
        size = 0
        durable = self._durable
        for segment in self.segments():
            for number in range(max(after + 1, segment.first_lsn), min(segment.last_lsn, durable) + 1):
                if segment.offset_of(Lsn(number)) is None:
                    continue
                record = segment.read(Lsn(number))
                size += record.size
                if records and (len(records) >= max_records or size > max_bytes):
                    return records
                records.append(record)
        return records

    def bytes_after(self, lsn: Lsn) -> int:
        """Bytes of the records behind ``lsn``."""
        return sum(segment.bytes_after(lsn) for segment in self._segments if segment.last_lsn > lsn)

    def wait_beyond(self, lsn: Lsn, seconds: float) -> bool:
        """Blocks until a record above ``lsn`` is durable, someone calls ``wake``, or the time is over."""
        with self._moved:
            if self._durable <= lsn:
                self._moved.wait(seconds)
            return self._durable > lsn

    def wake(self) -> None:
        """Lets those who wait look again."""
        with self._moved:
            self._moved.notify_all()

    def release(self, through: Lsn) -> list[Path]:
        """Removes the segments that hold nothing above ``through``, oldest first. Blocks on the disk.

        Need not be durable: what comes back after a crash was followed and is let go again.
        """
        gone: list[Path] = []
        while True:
            with self._moved:
                oldest = self._segments[0]
                if oldest is self._segments[-1] or oldest is self._active or oldest.last_lsn > through:
                    return gone
                self._segments = self._segments[1:]
            oldest.release()
            remove_behind(oldest.path)
            gone.append(oldest.path)
            hit("log.released")

    def give_back_room(self) -> None:
        """Gives back what was made beforehand for records that do not come: the last step before ``close``.

        Only after a checkpoint durably tells that nothing follows: recovery takes a last segment that is
        smaller than its room, and of which no checkpoint tells, for one that lost its end.
        """
        self._preparer.shutdown(wait=True)
        if self._prepared is not None and self._prepared.exception() is None:
            remove_behind(self._prepared.result())
        if self._active is not None:
            with contextlib.suppress(OSError):
                self._active.trim()

    def close(self) -> None:
        """Closes the files as they are, as the end of the process would. After the writer ended."""
        self._preparer.shutdown(wait=True)
        for segment in self._segments:
            segment.release()

    def _segment_with_room(self, size: int) -> Segment:
        active = self._active
        fits = active is not None and (active.end + size <= self._segment_bytes or active.end == HEADER_BYTES)
        return active if fits and active is not None else self.begin_segment()

    def _take_prepared(self) -> Path:
        underway, self._prepared = self._prepared, None
        try:
            return underway.result() if underway else prepare_file(self._folder, self._segment_bytes)
        except DiskFull:
            # A segment that grows as it is written needs less at once.
            return prepare_file(self._folder, HEADER_BYTES)

    def _prepare_ahead(self, segment: Segment) -> None:
        if self._prepared is None and segment.end > self._segment_bytes // 2:
            self._prepared = self._preparer.submit(prepare_file, self._folder, self._segment_bytes)

    def _publish(self, segment: Segment, first: Lsn, offsets: Sequence[int], size: int) -> None:
        self.flushes += 1
        with self._moved:
            for number, offset in enumerate(offsets):
                segment.note(Lsn(first + number), offset)
            segment.end += size
            self._durable = Lsn(first + len(offsets) - 1)
            self._moved.notify_all()

    def _cut_back(self, segment: Segment, error: OSError, *, flushing: bool) -> EngineError:
        try:
            segment.cut()
        except OSError as second:
            return self._failed(second)
        if error.errno not in _FULL:
            return self._failed(error)
        if flushing:
            self._active = None  # its pages are in doubt; the next batch goes into a new file
        return DiskFull("write the log")

    def _failed(self, error: OSError) -> LogFailed:
        failure = LogFailed(f"{error.strerror or error}", maybe_written=True)
        self.fail(failure.reason)
        return failure


def _encode(
    bodies: Sequence[Body], first: Lsn, segment: Segment, *, group: bool
) -> tuple[list[Bytes], list[int]]:
    """The buffers of a batch, and where each of its records will begin."""
    buffers: list[Bytes] = []
    offsets = []
    at, salt = segment.end, segment.header.salt
    for number, (kind, parts) in enumerate(bodies):
        flags = BEGINS_BATCH if number == 0 else 0
        if group:
            flags |= IN_GROUP | (ENDS_GROUP if number == len(bodies) - 1 else 0)
        frame = encode_frame(Lsn(first + number), kind, parts, flags=flags, salt=salt)
        offsets.append(at)
        buffers.append(frame)
        buffers.extend(parts)
        at += FRAME.size + sum(map(len, parts))
    return buffers, offsets
