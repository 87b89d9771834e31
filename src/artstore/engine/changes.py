"""Changes of an element for those who follow its log from outside."""

from dataclasses import dataclass, field
from datetime import datetime

from artstore.attributes import AttributesError, FileAttributes, FileId, parse
from artstore.engine.effects import from_microseconds
from artstore.engine.errors import EngineError
from artstore.engine.layout import Mode
from artstore.engine.log.log import Log
from artstore.engine.log.record import BodyInvalid, Delete, Entry, Kind, Lsn, ModeChange, Record, kind_of
from artstore.engine.log.segment import Released

_AT_ONCE_BYTES = 1 << 20

ChangeKind = Kind


class ChangesGone(EngineError):
    """The log no longer has what was asked for: the follower must read the whole element (``scan``)."""

    def __init__(self, after: Lsn, first_lsn: Lsn) -> None:
        super().__init__(f"changes after {after} are gone; the log begins with {first_lsn}")
        self.after = after
        self.first_lsn = first_lsn


@dataclass(frozen=True, slots=True)
class Change:
    """One durable record, without the document's bytes."""

    lsn: Lsn
    kind: Kind
    at: datetime
    file_id: FileId | None = None
    attributes: FileAttributes | None = None
    """Of put and update."""
    storage_path: str | None = None
    mode: Mode | None = None
    durable_at: datetime | None = field(default=None, compare=False)
    """When the record was flushed; not known of one that is read from the log. ``at`` may be long before."""


def change_by(
    lsn: Lsn, entry: Entry, attributes: FileAttributes | None = None, *, durable_at: datetime | None = None
) -> Change:
    """What ``entry`` changes; ``attributes`` are those in it, where they are at hand.

    Raises AttributesError, ValueError, BodyInvalid for an entry that makes no sense.
    """
    kind = kind_of(entry)
    match entry:
        case Delete(file_id, _, at_us, path):
            at, told = from_microseconds(at_us), FileId(file_id)
            return Change(lsn, kind, at, told, storage_path=path, durable_at=durable_at)
        case ModeChange(mode, at_us):
            return Change(lsn, kind, from_microseconds(at_us), mode=Mode(mode), durable_at=durable_at)
        case _:
            found = attributes or parse(bytes(entry.attributes))
            at, told = found.updated_at, FileId(found.file_id)
            return Change(lsn, kind, at, told, found, found.storage_path, durable_at=durable_at)


def change_of(record: Record) -> Change:
    """Raises BodyInvalid for a record that makes no sense, which recovery tells of."""
    entry = record.entry()
    try:
        return change_by(record.lsn, entry)
    except (AttributesError, ValueError) as error:
        raise BodyInvalid(f"record {record.lsn} makes no sense: {error}") from error


def read_changes(log: Log, after: Lsn, limit: int) -> list[Change]:
    """Durable changes behind ``after``, in order, at most ``limit``, at least one if there is one. Blocks.

    In portions, since records carry the bytes of documents, and changes do not. Raises ChangesGone where the
    log does not reach back so far.
    """
    changes: list[Change] = []
    read = 0
    while read < limit:
        try:
            records = log.read_after(after, limit - read, _AT_ONCE_BYTES)
        except Released as error:
            if read:
                break  # what comes next was let go meanwhile: whoever asks for it is told
            raise ChangesGone(after, log.first_lsn) from error
        if not records:
            break
        read += len(records)
        after = records[-1].lsn
        for record in records:
            try:
                changes.append(change_of(record))
            except BodyInvalid:
                continue  # recovery tells of it
    return changes
