"""The rules of ``wal/``, and what the log holds that ``files/`` does not have yet.

Nothing is changed and nothing kept aside: recovery does that when the element starts.
"""

from dataclasses import dataclass, field
from io import BytesIO

from artstore.attributes import AttributesError, FileAttributes, parse
from artstore.engine.coding import compare
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout, Mode
from artstore.engine.log.checkpoint import Checkpoint, CheckpointInvalid, decode_checkpoint
from artstore.engine.log.groups import without_torn_group
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader, decode_header, element_digest
from artstore.engine.log.record import BodyInvalid, Bytes, Delete, Lsn, ModeChange, Put, Record, Update
from artstore.engine.log.scan import Unreadable, scan_segment
from artstore.engine.verify.reading import broken_rules, entries_of, fault_of, is_folder, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_MAX_CHECKPOINT_BYTES = 1 << 20
_MAX_SEGMENT_BYTES = 1 << 31
_LOSSES = frozenset({Rule.W001, Rule.W003, Rule.W004, Rule.W008})


@dataclass(slots=True)
class Pending:
    """What the log knows and ``files/`` need not show yet, by storage path."""

    puts: dict[str, FileAttributes] = field(default_factory=dict)
    staged: dict[str, str] = field(default_factory=dict)
    """The name in ``staging/`` of each put whose bytes are not in its record."""
    updates: dict[str, FileAttributes] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    mode: Mode | None = None
    records: int = 0

    @property
    def paths(self) -> set[str]:
        """Every path where ``files/`` may be between two states."""
        return self.puts.keys() | self.updates.keys() | self.deleted


@dataclass(slots=True)
class _Place:
    """Bytes of a segment that are not records, and the records that must have been there."""

    place: Unreadable
    lost: str = ""


@dataclass(slots=True)
class _Segment:
    name: str
    header: SegmentHeader
    size: int
    last_lsn: Lsn
    """One less than the first while it has no record."""
    unreadable: list["_Place"] = field(default_factory=list)


class LogCheck:
    """Reads the log once; ``pending`` and ``checkpoint`` are complete after ``run``."""

    def __init__(self, layout: Layout, report: Report, element_id: str | None) -> None:
        self._layout = layout
        self._report = report
        self._element_id = element_id
        self._unread = False
        """A segment could not be read: what seems to be missing is likely in there."""
        self._hole = False
        """The last thing that was read was no record."""
        self.checkpoint: Checkpoint | None = None
        self.pending = Pending()
        self.has_lost = True
        """Whether records may have been in it that are not there now."""

    def run(self) -> None:
        if not is_folder(self._layout.wal):
            return
        self.checkpoint = self._read_checkpoint()
        segments = self._read_segments()
        expected = self._first_expected(segments)
        for index, segment in enumerate(segments):
            following = segments[index + 1] if index + 1 < len(segments) else None
            expected = self._check_records(segment, following, expected)
            self._check_unreadable(segment, following)
        self._check_end(segments[-1] if segments else None, expected)
        is_broken = self._unread or any(each.rule in _LOSSES for each in self._report.findings)
        self.has_lost = is_broken or not segments

    def _read_checkpoint(self) -> Checkpoint | None:
        path = "wal/checkpoint.json"
        try:
            checkpoint = decode_checkpoint(read_at_most(self._layout.checkpoint, _MAX_CHECKPOINT_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._report.add(*fault_of(error, path))
            return None
        except CheckpointInvalid as error:
            self._report.add(Rule.W007, path, error)
            return None
        if self._element_id is not None and checkpoint.element_id != self._element_id:
            self._report.add(Rule.W007, path, f"it is of element {checkpoint.element_id}")
            return None
        return checkpoint

    def _read_segments(self) -> list[_Segment]:
        segments = []
        for name in self._segment_names():
            segment = self._read_segment(name)
            if segment is None:
                self._unread = True
            else:
                segments.append(segment)
        return sorted(segments, key=lambda segment: (segment.header.first_lsn, segment.name))

    def _segment_names(self) -> list[str]:
        names = []
        for name, regular in entries_of(self._layout.wal, self._report):
            if not regular:
                self._report.add(Rule.O004, f"wal/{name}")
            elif is_temporary(name):
                self._report.add(Rule.O002, f"wal/{name}")
            elif name.endswith(".log"):
                names.append(name)
            elif name not in (self._layout.checkpoint.name, self._layout.lock.name):
                self._report.add(Rule.O005, f"wal/{name}")
        return names

    def _read_segment(self, name: str) -> _Segment | None:
        path = f"wal/{name}"
        try:
            header, sound = decode_header(read_at_most(self._layout.wal / name, HEADER_BYTES))
            size = (self._layout.wal / name).stat().st_size
        except OSError as error:
            self._report.add(*fault_of(error, path))
            return None
        if header is None:
            self._report.add(Rule.W004, path)
            return None
        if self._element_id is not None and header.element != element_digest(self._element_id):
            self._report.add(Rule.W006, path)
            return None
        if sound < 2:
            self._report.add(Rule.W005, path)
        if name != self._layout.segment(header.first_lsn).name:
            self._report.add(Rule.W012, path, f"its first record has the number {header.first_lsn}")
        return _Segment(name, header, size, Lsn(header.first_lsn - 1))

    def _first_expected(self, segments: list[_Segment]) -> Lsn:
        """The LSN that the log must not begin behind: what is below was followed by all, and may be gone."""
        first = segments[0].header.first_lsn if segments else Lsn(1)
        return first if self.checkpoint is None else min(first, Lsn(self._passed() + 1))

    def _passed(self) -> int:
        """Up to which LSN every follower has been."""
        known = self.checkpoint
        return 0 if known is None else min(known.files_lsn, *known.followers.values(), known.files_lsn)

    def _check_records(self, segment: _Segment, following: _Segment | None, expected: Lsn) -> Lsn:
        """Takes the records of one segment in; returns the LSN that must come next."""
        try:
            data = read_at_most(self._layout.wal / segment.name, _MAX_SEGMENT_BYTES)
        except OSError as error:
            self._report.add(*fault_of(error, f"wal/{segment.name}"))
            self._hole = True
            return max(expected, segment.header.first_lsn)
        first = segment.header.first_lsn
        after = None if following is None else following.header.first_lsn
        known = Lsn(0) if self.checkpoint is None else self.checkpoint.last_lsn
        items = scan_segment(data, first, segment.header.salt)
        for item in without_torn_group(items, first, following=after, known=known):
            if isinstance(item, Unreadable):
                segment.unreadable.append(_Place(item))
                self._hole = True
            elif item.record.lsn >= expected:
                self._check_gap(segment, expected, item.record.lsn)
                self._hole = False
                segment.last_lsn = item.record.lsn
                expected = Lsn(item.record.lsn + 1)
                self._take(segment, item.record)
        self._check_gap(segment, expected, segment.header.first_lsn)
        return max(expected, segment.header.first_lsn)

    def _check_gap(self, segment: _Segment, expected: Lsn, found: Lsn) -> None:
        """Tells of LSNs that are nowhere, unless they were in a place that is told of as damaged."""
        first = max(expected, self._passed() + 1)
        if self._hole:
            if expected < found and segment.unreadable:
                segment.unreadable[-1].lost = f", where {_numbers(expected, found - 1)} was"
        elif first < found and not self._unread:
            self._report.add(Rule.W003, f"wal/{segment.name}", _numbers(first, found - 1))

    def _check_unreadable(self, segment: _Segment, following: _Segment | None) -> None:
        for each in segment.unreadable:
            place = each.place
            if following is None:
                known = self.checkpoint
                torn = place.tail and (known is None or known.last_lsn <= segment.last_lsn)
            else:  # where a batch fails, the next one begins a new segment
                torn = place.tail and following.header.first_lsn == segment.last_lsn + 1
            detail = f"bytes {place.start} to {place.end}{each.lost}"
            self._report.add(Rule.W002 if torn else Rule.W001, f"wal/{segment.name}", detail)

    def _check_end(self, last: _Segment | None, expected: Lsn) -> None:
        known, found = self.checkpoint, expected - 1
        if self._unread or self._hole:
            return  # told already
        if last is None:
            if known is not None and known.last_lsn > 0:
                self._report.add(Rule.W008, "wal", f"no segment, and record {known.last_lsn} was durable")
        elif known is not None and found < known.last_lsn:
            detail = f"it ends with record {found}, and record {known.last_lsn} was durable"
            self._report.add(Rule.W008, f"wal/{last.name}", detail)
        elif last.size < last.header.room and not (known and known.closed and known.last_lsn == found):
            self._report.add(Rule.W008, f"wal/{last.name}", f"it was cut to {last.size} bytes")

    def _take(self, segment: _Segment, record: Record) -> None:
        if self.checkpoint is not None and record.lsn <= self.checkpoint.files_lsn:
            return
        self.pending.records += 1
        try:
            self._apply(record)
        except (BodyInvalid, AttributesError, ValueError) as error:
            self._report.add(Rule.W009, f"wal/{segment.name}", f"record {record.lsn}: {error}")

    def _apply(self, record: Record) -> None:
        """What replaying would do. Raises BodyInvalid, AttributesError, ValueError."""
        pending = self.pending
        match record.entry():
            case Put(data, staged, content):
                attributes = parse(bytes(data))
                if content is not None:
                    _check_content(attributes, content)
                pending.puts[attributes.storage_path] = attributes
                if staged is not None:
                    pending.staged[attributes.storage_path] = staged
            case Update(data, _):
                attributes = parse(bytes(data))
                known = pending.puts if attributes.storage_path in pending.puts else pending.updates
                known[attributes.storage_path] = attributes
            case Delete(_, _, _, path):
                pending.puts.pop(path, None)
                pending.updates.pop(path, None)
                pending.staged.pop(path, None)
                pending.deleted.add(path)
            case ModeChange(mode, _):
                pending.mode = Mode(mode)


def _numbers(first: int, last: int) -> str:
    return f"record {first}" if first == last else f"records {first} to {last}"


def _check_content(attributes: FileAttributes, content: Bytes) -> None:
    if len(content) != attributes.size_on_disk:
        raise BodyInvalid(f"it holds {len(content)} bytes, its attributes tell {attributes.size_on_disk}")
    compared = compare(attributes, BytesIO(content).read)
    for rule, detail in broken_rules(attributes, compared):
        raise BodyInvalid(f"{rule.title}: {detail}")
