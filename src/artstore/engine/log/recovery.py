"""Opening a log after anything: a clean end, a crash, damage, files removed or mixed up.

Everything readable is read and nothing readable is dropped: a torn tail is cut off, a damaged place is
stepped over to the next record that is whole, and both are told. A group of records that the crash
interrupted is such a tail as a whole (see ``log.groups``). What is cut or damaged is first copied to the
quarantine. Nothing is changed before everything was read, each change leaves a log that recovers to the same,
so that recovery may be killed anywhere and started again.

What is read counts as durable only when this returns: the last segment is flushed first, since the process
may have died between writing and flushing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, zip_longest
from pathlib import Path

from artstore.engine.durable import flush_folder
from artstore.engine.failpoints import hit
from artstore.engine.log.checkpoint import Checkpoint
from artstore.engine.log.damaged import read_damaged
from artstore.engine.log.findings import Finding, FindingKind
from artstore.engine.log.groups import without_torn_group
from artstore.engine.log.header import HEADER_BYTES, decode_header
from artstore.engine.log.judging import Judge, Piece
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


def recover(
    folder: Path, quarantine: Path, element: bytes, checkpoint: Checkpoint | None, consume: Consume
) -> RecoveredLog:
    """Reads the whole log and leaves it ready for appending. Blocks. Raises DiskFull, OSError."""
    judge = Judge(folder, quarantine, checkpoint)
    pieces, strangers = _pieces(folder, element, judge)
    reading = _Reading(checkpoint, consume)
    for piece, following in zip_longest(pieces, pieces[1:]):
        reading.read(piece, following)
    judge.judge(pieces, reading.found_lsn)
    hit("recovery.scanned")
    for path in strangers:
        path.unlink()
    segments = _settle(pieces)
    hit("recovery.cut")
    known = max(checkpoint.last_lsn, *checkpoint.followers.values(), 0) if checkpoint else 0
    return RecoveredLog(segments, Lsn(max(reading.found_lsn, known)), reading.records, judge.findings)


def _pieces(folder: Path, element: bytes, judge: Judge) -> tuple[list[Piece], list[Path]]:
    """The segments by what their headers say, whatever their names are; and what is none of them."""
    pieces, strangers = [], []
    for path in sorted(folder.glob("*.log")):
        header, sound = decode_header(read_damaged(path, HEADER_BYTES))
        if header is None:
            judge.set_aside(path, FindingKind.DAMAGED_HEADER, "neither copy of its header is undamaged")
            strangers.append(path)
        elif header.element != element:
            judge.set_aside(path, FindingKind.STRAY_SEGMENT, "it belongs to another element")
            strangers.append(path)
        else:
            if sound < 2:
                judge.set_aside(path, FindingKind.DAMAGED_HEADER, "one copy of its header is damaged")
            pieces.append(Piece(path, header, path.stat().st_size))
    # Of two with the same records the one with the right name comes first, however often this is done.
    pieces.sort(
        key=lambda piece: (piece.header.first_lsn, piece.path.name != piece.proper_name, piece.path.name)
    )
    return pieces, strangers


class _Reading:
    """Reads one piece after the other, oldest first."""

    def __init__(self, checkpoint: Checkpoint | None, consume: Consume) -> None:
        self.records = 0
        self._consume = consume
        self._checkpoint = checkpoint
        self._passed = _passed_everywhere(checkpoint)
        self._expected: Lsn | None = None

    @property
    def found_lsn(self) -> Lsn:
        """The last LSN that was found, or that a segment says was before it."""
        return Lsn(self._expected - 1) if self._expected is not None else Lsn(0)

    def read(self, piece: Piece, following: Piece | None) -> None:
        """Gives the records of one file to the consumer."""
        first = piece.header.first_lsn
        if self._expected is None:
            self._expected = first if self._checkpoint is None else Lsn(min(first, self._passed + 1))
        data = read_damaged(piece.path, piece.size)
        items = scan_segment(data, first, piece.header.salt)
        after = None if following is None else following.header.first_lsn
        known = Lsn(0) if self._checkpoint is None else self._checkpoint.last_lsn
        for item in without_torn_group(items, first, following=after, known=known):
            match item:
                case Found(offset, record):
                    self._take(piece, offset, record)
                case Unreadable():
                    piece.unreadable.append(item)
        self._miss_before(piece, first)

    def _take(self, piece: Piece, offset: int, record: Record) -> None:
        assert self._expected is not None
        piece.end = offset + record.size
        if record.lsn < self._expected:
            return
        self._miss_before(piece, record.lsn)
        piece.offsets.append((record.lsn, offset))
        piece.last_batch = offset if record.begins_batch else piece.last_batch
        self._expected = Lsn(record.lsn + 1)
        self.records += 1
        self._consume(record)

    def _miss_before(self, piece: Piece, lsn: Lsn) -> None:
        """What is expected and lower than ``lsn`` is nowhere."""
        assert self._expected is not None
        if self._expected < lsn:
            first = max(self._expected, Lsn(self._passed + 1))
            if first < lsn:
                piece.missing.append((Lsn(first), Lsn(lsn - 1)))
            self._expected = lsn


def _settle(pieces: Sequence[Piece]) -> list[Segment]:
    """Puts the files in order on disk and opens them."""
    segments = []
    for piece in pieces:
        segment = open_segment(_well_named(piece), piece.header, piece.end)
        for lsn, offset in piece.offsets:
            segment.note(lsn, offset)
        if any(place.tail for place in piece.unreadable):
            segment.cut()
        elif piece is pieces[-1]:
            segment.flush()
        segments.append(segment)
    return segments


def _well_named(piece: Piece) -> Path:
    """A segment of a wrong name would be overwritten by the one that the name belongs to.

    Where that name is taken it gets one that is free: no file is renamed over another, which may have records
    that it lacks.
    """
    paths = (piece.path.with_name(name) for name in _names(piece))
    path = next(path for path in paths if path == piece.path or not path.exists())
    if path != piece.path:
        piece.path.rename(path)
        flush_folder(path.parent)
    return path


def _names(piece: Piece) -> Iterator[str]:
    """Its own and others without end, which are read in this order where their records are the same."""
    yield piece.proper_name
    other = f"{piece.proper_name.removesuffix('.log')}-{piece.header.salt.hex()}"
    yield f"{other}.log"
    yield from (f"{other}_{number:03d}.log" for number in count(2))


def _passed_everywhere(checkpoint: Checkpoint | None) -> int:
    """Up to which LSN every follower has been, so that nothing up to there is missed."""
    if checkpoint is None:
        return 0
    return min(checkpoint.files_lsn, *checkpoint.followers.values(), checkpoint.files_lsn)
