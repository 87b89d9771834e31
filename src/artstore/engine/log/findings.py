"""What recovery may find wrong with a log, and how it says so."""

from dataclasses import dataclass
from enum import StrEnum

from artstore.engine.log.record import Lsn


class FindingKind(StrEnum):
    """``is_loss`` tells which of them mean that something acknowledged may be gone or wrong."""

    TORN_TAIL = "torn-tail"
    """The last batch was not wholly written when all stopped; nobody was told of it.

    Damage to the last batch alone, after a crash, looks the same: hence the copy in the quarantine."""
    DAMAGED_RECORD = "damaged-record"
    """Bytes between records are not one; the records behind them were kept."""
    DAMAGED_HEADER = "damaged-header"
    """One copy of a segment's header is damaged (the other serves), or both."""
    MISSING_RECORDS = "missing-records"
    """LSNs that no segment has and that were not yet followed everywhere."""
    SHORT_LOG = "short-log"
    """The end of the log was cut off from outside, or its last segment is gone."""
    STRAY_SEGMENT = "stray-segment"
    """A segment under a wrong name, twice, or of another element."""
    INVALID_RECORD = "invalid-record"
    """A record whose checksum is right and whose content makes no sense."""
    BROKEN_BATCH = "broken-batch"
    """A batch whose journal is damaged, or an open one of which staging has not all documents."""
    LOST_BATCH = "lost-batch"
    """The log has lost documents of a committed batch; staging has them, and they are stored anew."""
    CHECKPOINT_MISSING = "checkpoint-missing"
    CHECKPOINT_DAMAGED = "checkpoint-damaged"
    """Either way everything in the log is followed again and the files are counted."""

    @property
    def is_loss(self) -> bool:
        return self not in _HARMLESS


_HARMLESS = {
    FindingKind.TORN_TAIL,
    FindingKind.STRAY_SEGMENT,
    FindingKind.LOST_BATCH,
    FindingKind.CHECKPOINT_MISSING,
    FindingKind.CHECKPOINT_DAMAGED,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``subject`` is a file of the element; ``kept_as`` where a copy of what was found was put aside."""

    kind: FindingKind
    subject: str
    detail: str
    first_lsn: Lsn | None = None
    last_lsn: Lsn | None = None
    kept_as: str | None = None
