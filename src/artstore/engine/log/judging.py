"""What recovery makes of what it read: torn, damaged, missing or misplaced. Keeps copies, changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from artstore.engine.log.checkpoint import Checkpoint
from artstore.engine.log.damaged import is_aside, put_aside, read_damaged
from artstore.engine.log.findings import Finding, FindingKind
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader
from artstore.engine.log.record import Lsn
from artstore.engine.log.scan import Unreadable


@dataclass(slots=True)
class Piece:
    """One file of the log, as far as it was read."""

    path: Path
    header: SegmentHeader
    size: int
    offsets: list[tuple[Lsn, int]] = field(default_factory=list)
    """Where the records begin that no earlier file had."""
    end: int = HEADER_BYTES
    last_batch: int = HEADER_BYTES
    """Where the last record stands that begins a batch."""
    unreadable: list[Unreadable] = field(default_factory=list)
    missing: list[tuple[Lsn, Lsn]] = field(default_factory=list)
    """First and last of LSNs that are neither before this file nor in it, and that somebody needs."""

    @property
    def proper_name(self) -> str:
        return f"{self.header.first_lsn:020d}.log"

    @property
    def last_lsn(self) -> Lsn:
        return self.offsets[-1][0] if self.offsets else Lsn(self.header.first_lsn - 1)

    def used(self) -> bytes:
        """What is in the file, without room made beforehand, which comes and goes."""
        return read_damaged(self.path, self.size).rstrip(b"\0")


class Judge:
    """Gathers findings; what is damaged or will be cut off is copied to the quarantine when it is told."""

    def __init__(self, folder: Path, quarantine: Path, checkpoint: Checkpoint | None) -> None:
        self.findings: list[Finding] = []
        self._folder = folder
        self._quarantine = quarantine
        self._known_lsn = checkpoint.last_lsn if checkpoint is not None else Lsn(0)
        self._checkpoint = checkpoint

    def set_aside(self, path: Path, kind: FindingKind, detail: str) -> None:
        """A file that is no part of this log, or damaged as a whole."""
        self._tell(kind, path, detail, kept_as=self._keep_whole(path))

    def judge(self, pieces: Sequence[Piece], last_lsn: Lsn) -> None:
        """``last_lsn`` is that of the last record that was found."""
        for number, piece in enumerate(pieces):
            following = pieces[number + 1] if number + 1 < len(pieces) else None
            if self._is_torn_within(piece, following, last_lsn):
                self._tell_torn_within(piece)
            else:
                self._tell_places(piece, following, last_lsn)
            if piece.path.name != piece.proper_name:
                detail = f"its records say that it is {piece.proper_name}"
                self._tell(FindingKind.STRAY_SEGMENT, piece.path, detail)
            elif not piece.offsets and following is not None:
                detail = "it holds no record that others do not hold"
                self._tell(FindingKind.STRAY_SEGMENT, piece.path, detail)
        if pieces:
            self._judge_end(pieces[-1], last_lsn)
        elif self._known_lsn > 0:
            detail = f"there is no segment, though records up to {self._known_lsn} were written"
            self._tell(FindingKind.SHORT_LOG, self._folder, detail)

    def _is_torn_within(self, piece: Piece, following: Piece | None, last_lsn: Lsn) -> bool:
        """Whether only a part of the last batch is missing, of which nobody was told.

        A batch is written only after the one before was flushed, so a hole before the last batch is damage;
        but a disk may write the parts of one batch in any order before the power goes. Once told, it stays
        what it was also when the log went on behind it: the copy in the quarantine remembers.
        """
        holes = [place for place in piece.unreadable if not place.tail]
        if not holes:
            return False
        if is_aside(self._quarantine, _torn_name(piece), piece.used()):
            return True
        return (
            following is None
            and last_lsn >= self._known_lsn
            and all(place.start >= piece.last_batch for place in holes)
            and all(first > self._known_lsn for first, _ in piece.missing)
        )

    def _tell_torn_within(self, piece: Piece) -> None:
        kept = self._keep(_torn_name(piece), piece.used())
        first = piece.missing[0][0] if piece.missing else None
        last = piece.missing[-1][1] if piece.missing else None
        detail = "a part of the last batch was not written; the records of it that were are kept"
        self._tell(FindingKind.TORN_TAIL, piece.path, detail, first, last, kept_as=kept)

    def _tell_places(self, piece: Piece, following: Piece | None, last_lsn: Lsn) -> None:
        if following is None:
            nothing_lost = last_lsn >= self._known_lsn
        else:  # a batch that failed, of which not even that could be undone
            nothing_lost = following.header.first_lsn == piece.last_lsn + 1
        for place in piece.unreadable:
            if place.tail and nothing_lost:
                self._tell_torn(piece, place)
            else:
                detail = f"bytes {place.start} to {place.end} are not records"
                kept = self._keep_whole(piece.path)
                self._tell(FindingKind.DAMAGED_RECORD, piece.path, detail, kept_as=kept)
        for first, last in piece.missing:
            detail = f"records {first} to {last} are missing before or in this segment"
            self._tell(FindingKind.MISSING_RECORDS, piece.path, detail, first, last)

    def _tell_torn(self, piece: Piece, place: Unreadable) -> None:
        data = read_damaged(piece.path, place.end)[place.start :]
        kept = self._keep(f"wal-{piece.path.stem}-{place.start}.tail", data)
        detail = f"{len(data)} bytes behind the last whole record are none; they are cut off"
        self._tell(FindingKind.TORN_TAIL, piece.path, detail, kept_as=kept)

    def _judge_end(self, last: Piece, last_lsn: Lsn) -> None:
        if last_lsn < self._known_lsn:
            detail = f"it ends with record {last_lsn}, though record {self._known_lsn} was durable"
            self._tell(FindingKind.SHORT_LOG, last.path, detail, Lsn(last_lsn + 1), self._known_lsn)
            return
        known = self._checkpoint
        closed_here = known is not None and known.closed and known.last_lsn == last_lsn
        if last.size < last.header.room and known is not None and not closed_here:
            detail = (
                f"it was cut from outside to {last.size} bytes; what followed record {last_lsn} is unknown"
            )
            self._tell(FindingKind.SHORT_LOG, last.path, detail, Lsn(last_lsn + 1))

    def _tell(
        self,
        kind: FindingKind,
        path: Path,
        detail: str,
        first: Lsn | None = None,
        last: Lsn | None = None,
        kept_as: str | None = None,
    ) -> None:
        self.findings.append(Finding(kind, f"wal/{path.name}", detail, first, last, kept_as))

    def _keep_whole(self, path: Path) -> str:
        return self._keep(f"wal-{path.name}", read_damaged(path, path.stat().st_size))

    def _keep(self, name: str, data: bytes) -> str:
        return f"{self._quarantine.name}/{put_aside(self._quarantine, name, data).name}"


def _torn_name(piece: Piece) -> str:
    return f"wal-{piece.path.stem}.torn"
