"""What is known of a resumable upload beside its bytes, and how it is kept through a restart."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from artstore.attributes import FileId, RetentionPolicy
from artstore.engine.checked_lines import decode_line, encode_line
from artstore.engine.draft import Draft
from artstore.engine.durable import is_temporary, write_behind, write_durably

STATE_SUFFIX = ".json"
BYTES_SUFFIX = ".part"
MAX_STATE_BYTES = 256 * 1024
MAX_PARTS = 1000
"""Of one whole: their ids must fit into its state."""
MAX_TOLD = 16 * 1024

_OF_DRAFT: Mapping[str, Any] = {
    "file_id": UUID,
    "retention_policy": RetentionPolicy,
    "expires_at": datetime.fromisoformat,
    "document_id": UUID,
    "previous_version_id": UUID,
}
"""Members of a draft that are no JSON values, and what makes them of a string."""


@dataclass(frozen=True, kw_only=True)
class ResumableState:
    upload_id: str
    owner_id: str
    draft: Draft | None
    """With the ``file_id`` that the document will have. None: the upload is partial."""
    length: int | None
    """Bytes of the whole; None while the client has not told."""
    told: str = ""
    """The client's own words about it, which it may ask back."""
    parts: tuple[str, ...] = ()
    """Ids of the partial uploads that this one is the whole of."""
    sure_bytes: int | None = None
    """What follows these bytes is of a piece whose checksum is not known to be right."""
    complete: bool = False

    @property
    def file_id(self) -> FileId | None:
        return None if self.draft is None else self.draft.file_id

    def changed(self, **members: Any) -> Self:
        return replace(self, **members)

    def to_bytes(self) -> bytes:
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        return encode_line({**members, "draft": _draft_members(self.draft)})

    def write(self, staging: Path) -> None:
        """Durable on return. Blocks. Raises DiskFull, OSError."""
        write_durably(state_path(staging, self.upload_id), self.to_bytes())

    def write_behind(self, staging: Path) -> None:
        """For what is found out again after a loss of power."""
        write_behind(state_path(staging, self.upload_id), self.to_bytes())


@dataclass(frozen=True)
class Survivor:
    """An upload that a restart found in staging."""

    state: ResumableState
    size: int | None
    """Of its bytes; None where there are none: they were committed."""
    committed: bool
    """A record of the log that is not followed yet names the bytes."""
    written_at: float
    """When something of it was written last, in seconds since 1970."""


def state_path(staging: Path, upload_id: str) -> Path:
    return staging / f"{upload_id}{STATE_SUFFIX}"


def bytes_path(staging: Path, upload_id: str) -> Path:
    return staging / f"{upload_id}{BYTES_SUFFIX}"


def parse_state(data: bytes, upload_id: str) -> ResumableState:
    """The state that a file named after ``upload_id`` holds. Raises ValueError. Takes any bytes."""
    members = decode_line(data.removesuffix(b"\n"))
    if members is None:
        raise ValueError("it is not a JSON object with the right checksum")
    try:
        if members["upload_id"] != upload_id:
            raise ValueError("it is the state of another upload")
        known = {each.name: members[each.name] for each in fields(ResumableState) if each.name in members}
        parts = tuple(map(str, known.pop("parts", ())))
        return ResumableState(**{**known, "draft": _draft_of(known["draft"]), "parts": parts})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its members make no sense: {error!r}") from error


def survivors(staging: Path, committed: set[str], lifetime_seconds: float) -> Iterator[Survivor]:
    """The uploads in staging that have not expired. Blocks.

    ``committed`` are the names of files that records of the log name. Whoever is not given is to be removed.
    """
    for path in sorted(staging.iterdir()):
        if path.suffix != STATE_SUFFIX or is_temporary(path.name):
            continue
        try:
            with path.open("rb") as file:
                state = parse_state(file.read(MAX_STATE_BYTES), path.stem)
        except (ValueError, OSError):
            continue
        part = bytes_path(staging, state.upload_id)
        found = part.stat() if part.is_file() else None
        written_at = max(path.stat().st_mtime, found.st_mtime if found is not None else 0.0)
        if time.time() - written_at < lifetime_seconds:
            size = None if found is None else found.st_size
            yield Survivor(state, size, part.name in committed, written_at)


def _draft_members(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None:
        return None
    members = {name: value for name, value in vars(draft).items() if value is not None}
    for name in _OF_DRAFT.keys() & members.keys():
        value = members[name]
        members[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return {**members, "custom_attributes": dict(draft.custom_attributes)}


def _draft_of(members: dict[str, Any] | None) -> Draft | None:
    if members is None:
        return None
    return Draft(**{name: _OF_DRAFT.get(name, _as_it_is)(value) for name, value in members.items()})


def _as_it_is(value: Any) -> Any:
    return value
