"""Opening a log after anything: a clean end, a crash, damage, files removed or mixed up.

Everything readable is read and nothing readable is dropped: a torn tail is cut off, a damaged place is
stepped over to the next record that is whole, and both are told. What is cut or damaged is first copied to
the quarantine. Nothing is changed before everything was read, each change leaves a log that recovers to the
same, so that recovery may be killed anywhere and started again.

What is read counts as durable only when this returns: the last segment is flushed first, since the process
may have died between writing and flushing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from artstore.engine.durable import flush_folder
from artstore.engine.failpoints import hit
from artstore.engine.log.checkpoint import Checkpoint
from artstore.engine.log.damaged import put_aside, read_damaged
from artstore.engine.log.findings import Finding, FindingKind
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader, decode_header
from artstore.engine.log.record import Lsn, Record
from artstore.engine.log.scan import Found, Unreadable, scan_segment
from artstore.engine.log.segment import Segment, open_segment

Consume = Callable[[Record], None]
"""Gets each record, in order and once; its body is valid during the call only."""


@dataclass(slots=True)
class RecoveredLog:
    segments: list[Segment]
    """Those that hold records, oldest first, open."""
    last_lsn: Lsn
    """No LSN up to this one may be given again."""
    records: int
    findings: list[Finding]


@dataclass(slots=True)
class _Piece:
    """One file, as far as it was read."""

    path: Path
    header: SegmentHeader
    size: int
    offsets: list[tuple[Lsn, int]] = field(default_factory=list)
    end: int = HEADER_BYTES
    unreadable: list[Unreadable] = field(default_factory=list)


def recover(
    folder: Path, quarantine: Path, element: bytes, checkpoint: Checkpoint | None, consume: Consume
) -> RecoveredLog:
    """Reads the whole log and leaves it ready for appending. Blocks. Raises DiskFull, OSError."""
    reading = _Reading(folder, quarantine, element, checkpoint, consume)
    pieces = reading.pieces()
    for piece in pieces:
        reading.read(piece)
    reading.judge(pieces)
    hit("recovery.scanned")
    segments = reading.settle(pieces)
    hit("recovery.cut")
    return RecoveredLog(segments, reading.last_lsn, reading.records, reading.findings)


class _Reading:
    def __init__(
        self, folder: Path, quarantine: Path, element: bytes, checkpoint: Checkpoint | None, consume: Consume
    ) -> None:
        self._folder = folder
        self._quarantine = quarantine
        self._element = element
        self._checkpoint = checkpoint
        self._consume = consume
        self._expected: Lsn | None = None
        self._passed = _passed_everywhere(checkpoint)
        self._aside: list[Path] = []
        self.records = 0
        self.findings: list[Finding] = []

    @property
    def last_lsn(self) -> Lsn:
        found = self._expected - 1 if self._expected else 0
        known = self._checkpoint
        return Lsn(max(found, known.last_lsn, *known.followers.values()) if known else found)

    def pieces(self) -> list[_Piece]:
        """The segments by what their headers say, whatever their names are."""
        pieces = []
        for path in sorted(self._folder.glob("*.log")):
            header, sound = decode_header(read_damaged(path, HEADER_BYTES))
            if header is None:
                self._put_aside(path, FindingKind.DAMAGED_HEADER, "neither copy of its header is undamaged")
            elif header.element != self._element:
                self._put_aside(path, FindingKind.STRAY_SEGMENT, "it belongs to another element")
            else:
                if sound < 2:
                    detail = "one copy of its header is damaged"
                    self._find(FindingKind.DAMAGED_HEADER, path, detail, kept_as=self._keep_copy(path))
                pieces.append(_Piece(path, header, path.stat().st_size))
        return sorted(pieces, key=lambda piece: (piece.header.first_lsn, piece.path.name))

    def read(self, piece: _Piece) -> None:
        """Gives the records of one file to the consumer."""
        if self._expected is None:
            self._expect_first(piece)
        data = read_damaged(piece.path, piece.size)
        for item in scan_segment(data, piece.header.first_lsn, piece.header.salt):
            match item:
                case Found(offset, record):
                    self._take(piece, offset, record)
                case Unreadable():
                    piece.unreadable.append(item)
        if self._expected is not None and piece.header.first_lsn > self._expected:
            self._missing(piece, Lsn(piece.header.first_lsn - 1))

    def _expect_first(self, piece: _Piece) -> None:
        first = piece.header.first_lsn
        self._expected = first
        if self._checkpoint is not None and self._passed + 1 < first:
            self._expected = Lsn(self._passed + 1)

    def _take(self, piece: _Piece, offset: int, record: Record) -> None:
        assert self._expected is not None
        piece.end = offset + record.size
        if record.lsn < self._expected:
            return
        if record.lsn > self._expected:
            self._missing(piece, Lsn(record.lsn - 1))
        piece.offsets.append((record.lsn, offset))
        self._expected = Lsn(record.lsn + 1)
        self.records += 1
        self._consume(record)

    def _missing(self, piece: _Piece, last: Lsn) -> None:
        """LSNs from the expected one to ``last`` are nowhere."""
        assert self._expected is not None
        first, self._expected = max(self._expected, Lsn(self._passed + 1)), Lsn(last + 1)
        if first <= last:
            detail = f"records {first} to {last} are missing before or in this segment"
            self._find(FindingKind.MISSING_RECORDS, piece.path, detail, first, last)

    def judge(self, pieces: list[_Piece]) -> None:
        """Tells what was found wrong; copies to the quarantine what will be changed or is damaged."""
        for number, piece in enumerate(pieces):
            for place in piece.unreadable:
                torn = place.tail and piece is pieces[-1] and not self._was_durable(piece)
                failed = (
                    place.tail and number + 1 < len(pieces) and self._continues(piece, pieces[number + 1])
                )
                if torn or failed:
                    self._tell_torn(piece, place)
                else:
                    self._tell_damaged(piece, place)
            expected = f"{piece.header.first_lsn:020d}.log"
            if piece.path.name != expected:
                self._find(FindingKind.STRAY_SEGMENT, piece.path, f"its records say that it is {expected}")
            elif not piece.offsets and number + 1 < len(pieces):
                self._find(
                    FindingKind.STRAY_SEGMENT, piece.path, "it holds no record that others do not hold"
                )
        self._judge_end(pieces)

    def _judge_end(self, pieces: list[_Piece]) -> None:
        known = self._checkpoint
        if not pieces:
            if known is not None and known.last_lsn > 0:
                detail = f"there is no segment, though records up to {known.last_lsn} were written"
                self._find(FindingKind.SHORT_LOG, self._folder, detail)
            return
        last = pieces[-1]
        found = Lsn((self._expected or 1) - 1)
        if known is not None and found < known.last_lsn:
            detail = f"it ends with record {found}, though record {known.last_lsn} was durable"
            self._find(FindingKind.SHORT_LOG, last.path, detail, Lsn(found + 1), known.last_lsn)
        elif last.size < last.header.room and known is not None and not _closed_at(known, found):
            detail = f"it was cut from outside to {last.size} bytes; what followed record {found} is unknown"
            self._find(FindingKind.SHORT_LOG, last.path, detail, Lsn(found + 1))

    def settle(self, pieces: list[_Piece]) -> list[Segment]:
        """Puts the files in order on disk and opens them."""
        for path in self._aside:
            path.unlink()
        segments = []
        for piece in pieces:
            path = self._well_named(piece)
            segment = open_segment(path, piece.header, piece.end)
            for lsn, offset in piece.offsets:
                segment.note(lsn, offset)
            segment.damaged = bool(piece.unreadable)
            if any(place.tail for place in piece.unreadable):
                segment.cut()
            elif piece is pieces[-1]:
                segment.flush()
            segments.append(segment)
        return segments

    def _well_named(self, piece: _Piece) -> Path:
        """A segment of a wrong name would be overwritten by the one that the name belongs to."""
        path = piece.path.with_name(f"{piece.header.first_lsn:020d}.log")
        if path == piece.path:
            return path
        if path.exists():
            path = piece.path.with_name(f"{piece.header.first_lsn:020d}-{piece.header.salt.hex()}.log")
        piece.path.rename(path)
        flush_folder(path.parent)
        return path

    def _was_durable(self, piece: _Piece) -> bool:
        """Whether the checkpoint tells of records that this last segment should have and has not."""
        return self._checkpoint is not None and (self._expected or 1) <= self._checkpoint.last_lsn

    def _continues(self, piece: _Piece, following: _Piece) -> bool:
        """Whether no record can be missing between two segments."""
        last = piece.offsets[-1][0] if piece.offsets else piece.header.first_lsn - 1
        return following.header.first_lsn == last + 1

    def _tell_torn(self, piece: _Piece, place: Unreadable) -> None:
        data = read_damaged(piece.path, place.end)[place.start :]
        name = f"{piece.path.stem}-{place.start}.tail"
        kept = self._keep(name, data)
        detail = f"{len(data)} bytes behind the last whole record are none; they are cut off"
        self._find(FindingKind.TORN_TAIL, piece.path, detail, kept_as=kept)

    def _tell_damaged(self, piece: _Piece, place: Unreadable) -> None:
        detail = f"bytes {place.start} to {place.end} are not records"
        self._find(FindingKind.DAMAGED_RECORD, piece.path, detail, kept_as=self._keep_copy(piece.path))

    def _find(
        self,
        kind: FindingKind,
        path: Path,
        detail: str,
        first: Lsn | None = None,
        last: Lsn | None = None,
        kept_as: str | None = None,
    ) -> None:
        self.findings.append(Finding(kind, f"wal/{path.name}", detail, first, last, kept_as))

    def _put_aside(self, path: Path, kind: FindingKind, detail: str) -> None:
        kept = self._keep_copy(path)
        self._find(kind, path, detail, kept_as=kept)
        self._aside.append(path)

    def _keep_copy(self, path: Path) -> str:
        return self._keep(path.name, read_damaged(path, path.stat().st_size))

    def _keep(self, name: str, data: bytes) -> str:
        return f"{self._quarantine.name}/{put_aside(self._quarantine, f'wal-{name}', data).name}"


def _closed_at(checkpoint: Checkpoint, lsn: Lsn) -> bool:
    return checkpoint.closed and checkpoint.last_lsn == lsn


def _passed_everywhere(checkpoint: Checkpoint | None) -> int:
    """Up to which LSN every follower has been, so that nothing up to there is missed."""
    if checkpoint is None:
        return 0
    return min(checkpoint.files_lsn, *checkpoint.followers.values(), checkpoint.files_lsn)
