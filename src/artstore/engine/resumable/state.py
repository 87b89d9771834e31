"""What is known of a resumable upload beside its bytes, and how it is kept through a restart.

A state file has the state in its first line, and in each further one how many of the bytes were flushed then,
in the last one perhaps that it is complete. For a size alone tells nothing: after a loss of power a file may
have its size and not all of its bytes.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from artstore.attributes import FileId, RetentionPolicy
from artstore.engine.checked_lines import decode_line, encode_line
from artstore.engine.draft import Draft
from artstore.engine.durable import disk_errors, is_temporary, write_all, write_durably

STATE_SUFFIX = ".json"
BYTES_SUFFIX = ".part"
MAX_STATE_BYTES = 256 * 1024
MAX_PARTS = 1000
"""Of one whole: their ids must fit into its state."""
_COMPLETE = encode_line({"complete": True})
_MAX_LINES = 1000
"""Then the file is written anew."""

_OF_DRAFT: Mapping[str, Any] = {
    "file_id": UUID,
    "retention_policy": RetentionPolicy,
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
    batch_id: str = ""
    """Of the batch that its document goes into; empty where it is stored by itself."""
    complete: bool = False

    @property
    def file_id(self) -> FileId | None:
        return None if self.draft is None else self.draft.file_id

    def changed(self, **members: Any) -> Self:
        return replace(self, **members)

    def to_bytes(self, offset: int) -> bytes:
        """The state file of an upload of which so many bytes are flushed."""
        members = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "complete"}
        first = encode_line({**members, "draft": _draft_members(self.draft)})
        return first + _offset_line(offset) + (_COMPLETE if self.complete else b"")


class StateFile:
    """Of one upload. All of it blocks, and raises DiskFull, OSError."""

    def __init__(self, staging: Path, state: ResumableState) -> None:
        self._path = state_path(staging, state.upload_id)
        self.state = state
        """As it was written last."""
        self._lines = _MAX_LINES  # what is there of before a restart may end in the middle of a line

    def write(self, state: ResumableState, offset: int) -> None:
        """Durable on return."""
        write_durably(self._path, state.to_bytes(offset))
        self.state, self._lines = state, 0

    def tell_complete(self, offset: int) -> None:
        """Not flushed: after a loss of power it is found out by a look at the document."""
        state = self.state.changed(complete=True)
        if self._lines >= _MAX_LINES:
            self.write(state, offset)
        else:
            self._add(_COMPLETE, flush=False)
            self.state = state

    def note(self, offset: int) -> None:
        """So many bytes are flushed. Durable on return."""
        if self._lines >= _MAX_LINES:
            self.write(self.state, offset)
            return
        self._add(_offset_line(offset), flush=True)

    def _add(self, line: bytes, *, flush: bool) -> None:
        lines, self._lines = self._lines, _MAX_LINES  # until it is known that the line is whole
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            with disk_errors("note how far an upload is"):
                write_all(descriptor, line)
                if flush:
                    os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._lines = lines + 1


@dataclass(frozen=True)
class Survivor:
    """An upload that a restart found in staging."""

    state: ResumableState
    offset: int | None
    """Of its bytes; None where there are none: they were committed."""
    committed: bool
    """A record of the log that is not followed yet names the bytes."""
    written_at: float
    """When something of it was written last, in seconds since 1970."""


def state_path(staging: Path, upload_id: str) -> Path:
    return staging / f"{upload_id}{STATE_SUFFIX}"


def bytes_path(staging: Path, upload_id: str) -> Path:
    return staging / f"{upload_id}{BYTES_SUFFIX}"


def parse_state(data: bytes, upload_id: str) -> tuple[ResumableState, int]:
    """What a file named after ``upload_id`` tells: the state, and how many bytes are flushed.

    Of a last line that is torn nobody was told. Raises ValueError. Takes any bytes.
    """
    first, *others = data.split(b"\n")
    state, offset = _parse_first(first, upload_id), 0
    for line in others:
        match decode_line(line):
            case {"offset": int(noted)}:
                offset = noted
            case {"complete": True}:
                state = state.changed(complete=True)
            case _:
                break
    return state, offset


def _parse_first(line: bytes, upload_id: str) -> ResumableState:
    members = decode_line(line)
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


def survivors(staging: Path, committed: set[str], lifetime_seconds: float) -> Iterator[Survivor | str]:
    """The uploads in staging that have not expired. Blocks.

    ``committed`` are the names of files that records of the log name. Of one that cannot be read now the id
    is given, for it is to be kept. Whoever is not given is to be removed.
    """
    for path in sorted(staging.iterdir()):
        if path.suffix != STATE_SUFFIX or is_temporary(path.name):
            continue
        try:
            with path.open("rb") as file:
                state, offset = parse_state(file.read(MAX_STATE_BYTES), path.stem)
        except ValueError:
            continue
        except OSError:
            if time.time() - path.stat().st_mtime < lifetime_seconds:
                yield path.stem
            continue
        part = bytes_path(staging, state.upload_id)
        size = part.stat().st_size if part.is_file() else None
        if size is None and state.draft is None:
            continue  # somebody removed it
        written_at = path.stat().st_mtime
        if time.time() - written_at < lifetime_seconds:
            kept = None if size is None else min(size, offset)
            yield Survivor(state, kept, part.name in committed, written_at)


def _offset_line(offset: int) -> bytes:
    return encode_line({"offset": offset})


def _draft_members(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None:
        return None
    members = {name: value for name, value in vars(draft).items() if value is not None}
    for name in _OF_DRAFT.keys() & members.keys():
        members[name] = str(members[name])
    return {**members, "custom_attributes": dict(draft.custom_attributes)}


def _draft_of(members: dict[str, Any] | None) -> Draft | None:
    if members is None:
        return None
    return Draft(**{name: _OF_DRAFT.get(name, _as_it_is)(value) for name, value in members.items()})


def _as_it_is(value: Any) -> Any:
    return value
