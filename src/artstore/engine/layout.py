"""Where everything lies below an element's root, and the description of the element itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from artstore.attributes import ATTRIBUTE_SUFFIX, RetentionPolicy, attribute_name, folder_of
from artstore.engine.durable import is_temporary, make_folders, write_durably
from artstore.engine.errors import NotAnElement

FORMAT_VERSION = "1.0"
"""Of the layout of an element; FORMAT.md tells what it means."""

_FORMAT_PAGE = Path(__file__).with_name("FORMAT.md")
_MAX_DESCRIPTION_BYTES = 64 * 1024


class Mode(StrEnum):
    """What an element allows."""

    EDIT = "edit"
    """Create, read, update, delete."""
    RW = "rw"
    """Create, read, update attributes."""
    RO = "ro"
    """Read."""
    AR = "ar"
    """Read attributes; the bytes are offline."""


@dataclass(frozen=True)
class ElementDescription:
    """What ``element.json`` says. ``unknown`` holds members of later versions, kept when it is rewritten."""

    id: str
    mode: Mode
    retention: RetentionPolicy
    created_at: datetime
    format_version: str = FORMAT_VERSION
    unknown: dict[str, Any] = field(default_factory=dict)

    def with_mode(self, mode: Mode) -> "ElementDescription":
        return replace(self, mode=mode)

    def to_bytes(self) -> bytes:
        members = {
            "format_version": self.format_version,
            "id": self.id,
            "mode": self.mode.value,
            "retention": self.retention.value,
            "created_at": self.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            **self.unknown,
        }
        return (json.dumps(members, ensure_ascii=False, indent=2) + "\n").encode()


class DescriptionInvalid(ValueError):
    """``element.json`` is there and does not say what it must. ``version`` is that of an unknown format."""

    def __init__(self, reason: str, *, version: str | None = None) -> None:
        super().__init__(reason)
        self.version = version


class Layout:
    """The paths of one element. Makes nothing; ``create_element`` does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.description = root / "element.json"
        self.format_page = root / "FORMAT.md"
        self.files = root / "files"
        self.staging = root / "staging"
        self.wal = root / "wal"
        self.checkpoint = self.wal / "checkpoint.json"
        self.lock = self.wal / "lock"
        self.quarantine = root / "quarantine"

    def segment(self, first_lsn: int) -> Path:
        """The segment of the log whose first record is ``first_lsn``."""
        return self.wal / f"{first_lsn:020d}.log"

    def segments(self) -> list[Path]:
        """The segments that exist, oldest first."""
        if not self.wal.is_dir():
            return []
        return sorted(path for path in self.wal.iterdir() if is_segment_name(path.name))

    def document(self, storage_path: str) -> Path:
        """The bytes of a document. ``storage_path`` is trusted: it comes from valid attributes."""
        return self.root / storage_path

    def attribute_file(self, storage_path: str) -> Path:
        """The attribute file of a document."""
        return self.root / attribute_name(storage_path)

    def find(self, file_id: UUID) -> str | None:
        """The storage path of a document whose id carries its time, looked up in its hour folder.

        Reads one folder, no file. None if the id carries no time or nothing is there.
        """
        try:
            folder = f"files/{folder_of(file_id)}"
        except ValueError:
            return None
        wanted = str(file_id)
        try:
            names = [path.name for path in (self.root / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return None
        for name in names:
            if wanted in name and name.endswith(ATTRIBUTE_SUFFIX):
                return f"{folder}/{name.removesuffix(ATTRIBUTE_SUFFIX)}"
        return None

    def attribute_files(self, after: str | None = None) -> Iterator[str]:
        """The storage paths of all documents in ``files/`` in the order of their parts, oldest hour first.

        ``after`` continues behind a path that an earlier walk gave; it need not exist any more.
        """
        start = after.split("/")[1:] if after else []
        yield from _walk(self.files, "files", start)


def storage_path_of(folder: str, stored: str) -> str:
    """The ``storage_path`` of a stored name in an hour folder."""
    return f"files/{folder}/{stored}"


def is_segment_name(name: str) -> bool:
    """Whether a name in ``wal/`` is that of a segment."""
    return len(name) == 24 and name.endswith(".log") and name[:20].isascii() and name[:20].isdigit()


def create_element(
    root: Path, element_id: str, mode: Mode, now: datetime, retention: RetentionPolicy | None = None
) -> ElementDescription:
    """Makes an element of an empty or missing folder; ``element.json`` comes last, durable on return.

    May be repeated after an interruption. Raises NotAnElement where other things already lie there.
    """
    layout = Layout(root)
    ours = {"FORMAT.md", "files", "staging", "wal", "quarantine", "lost+found"}
    strangers = sorted(path.name for path in root.iterdir() if path.name not in ours) if root.is_dir() else []
    if any(not is_temporary(name) for name in strangers):
        raise NotAnElement(root, f"it is not empty ({strangers[0]} lies there) and has no element.json")
    for folder in (root, layout.files, layout.staging, layout.wal, layout.quarantine):
        make_folders(folder)
    place_format_page(layout)
    implied = RetentionPolicy.TEMPORARY if mode is Mode.EDIT else RetentionPolicy.PERMANENT
    description = ElementDescription(element_id, mode, retention or implied, now.astimezone(UTC))
    write_description(layout, description)
    return description


def place_format_page(layout: Layout) -> None:
    """Puts the copy of FORMAT.md into the root, unless the same one is there."""
    page = _FORMAT_PAGE.read_bytes()
    if not layout.format_page.is_file() or layout.format_page.read_bytes() != page:
        write_durably(layout.format_page, page)


def write_description(layout: Layout, description: ElementDescription) -> None:
    """Replaces ``element.json``; durable on return."""
    write_durably(layout.description, description.to_bytes())


def read_description(layout: Layout) -> ElementDescription:
    """What ``element.json`` says. Raises NotAnElement where it is missing, invalid or of another format."""
    try:
        with layout.description.open("rb") as file:
            data = file.read(_MAX_DESCRIPTION_BYTES + 1)
    except OSError as error:
        raise NotAnElement(layout.root, f"element.json cannot be read ({error.strerror})") from error
    try:
        return parse_description(data)
    except DescriptionInvalid as error:
        raise NotAnElement(layout.root, f"element.json is not valid: {error}") from error


def parse_description(data: bytes) -> ElementDescription:
    """The description in ``element.json``. Raises DescriptionInvalid with the reason. Takes any bytes."""
    if len(data) > _MAX_DESCRIPTION_BYTES:
        raise DescriptionInvalid(f"it has more than {_MAX_DESCRIPTION_BYTES} bytes")
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DescriptionInvalid(f"it is not JSON ({error})") from error
    if not isinstance(members, dict):
        raise DescriptionInvalid("it is not a JSON object")
    for name in ("format_version", "id", "mode", "retention", "created_at"):
        if not isinstance(members.get(name), str) or not members[name]:
            raise DescriptionInvalid(f"{name} is missing or not a string")
    if members["format_version"].partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        version = members["format_version"]
        raise DescriptionInvalid(f"format version {version} is not known to this program", version=version)
    try:
        created_at = datetime.fromisoformat(members.pop("created_at"))
        mode, retention = Mode(members.pop("mode")), RetentionPolicy(members.pop("retention"))
    except ValueError as error:
        raise DescriptionInvalid(str(error)) from error
    if created_at.tzinfo is None:
        raise DescriptionInvalid("created_at has no zone")
    version, element_id = members.pop("format_version"), members.pop("id")
    return ElementDescription(element_id, mode, retention, created_at.astimezone(UTC), version, members)


def _walk(folder: Path, relative: str, start: list[str]) -> Iterator[str]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        first = start[0] if start else ""
        if entry.is_dir() and not entry.is_symlink():
            if entry.name >= first:
                below = start[1:] if entry.name == first else []
                yield from _walk(entry, f"{relative}/{entry.name}", below)
        elif _is_attribute_file(entry.name) and (not start or entry.name > attribute_name(first)):
            yield f"{relative}/{entry.name.removesuffix(ATTRIBUTE_SUFFIX)}"


def _is_attribute_file(name: str) -> bool:
    return name.endswith(ATTRIBUTE_SUFFIX) and not is_temporary(name)
