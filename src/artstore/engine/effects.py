"""What a log record means for documents: which one it concerns, where it lies, and what it takes."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artstore.attributes import FileAttributes, FileId
from artstore.engine.log.record import BodyInvalid, Delete, Entry, Kind, ModeChange, Put, Update

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one record on one document."""

    kind: Kind
    file_id: FileId
    storage_path: str
    used_bytes: int
    """By how much the element's bytes grow, attribute file included; negative when they shrink."""
    documents: int
    size: int
    """Bytes that the document and its attribute file take afterwards; 0 when it is gone."""
    staged: str | None = None
    inline: bool = False


def effect_of(entry: Entry) -> Effect | None:
    """What an entry does; None for one that concerns no document. Raises BodyInvalid."""
    match entry:
        case ModeChange():
            return None
        case Delete(file_id, freed_bytes, _, storage_path):
            return Effect(Kind.DELETE, FileId(file_id), storage_path, -freed_bytes, -1, 0)
    try:
        members = json.loads(bytes(entry.attributes))
        document_bytes = int(members.get("stored_size") or members["file_size"])
        file_id, path = FileId(UUID(members["file_id"])), str(members["storage_path"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BodyInvalid(f"the attributes in a record make no sense: {error!r}") from error
    return _of_attributes(entry, file_id, path, document_bytes)


def effect_by(entry: Entry, attributes: FileAttributes | None) -> Effect | None:
    """The same as ``effect_of``, where the attributes of a put or an update are at hand."""
    if attributes is None or not isinstance(entry, Put | Update):
        return effect_of(entry)
    return _of_attributes(entry, FileId(attributes.file_id), attributes.storage_path, attributes.size_on_disk)


def _of_attributes(entry: Put | Update, file_id: FileId, path: str, document_bytes: int) -> Effect:
    written = len(entry.attributes)
    match entry:
        case Put(_, staged, content):
            size = document_bytes + written
            return Effect(Kind.PUT, file_id, path, size, 1, size, staged, content is not None)
        case Update(_, replaced_bytes):
            return Effect(Kind.UPDATE, file_id, path, written - replaced_bytes, 0, document_bytes + written)


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(at_us: int) -> datetime:
    """Raises BodyInvalid for a time that no calendar has."""
    try:
        return _EPOCH + at_us * _MICROSECOND
    except OverflowError as error:
        raise BodyInvalid(f"{at_us} microseconds are no time") from error
