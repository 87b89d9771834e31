"""What an element says of itself: ``element.json``, from values to bytes and back. Pure functions.

The last line is a seal as attribute files have one: the CRC-32 of all bytes before its name, so that a
flipped byte is seen without anything else at hand.
"""

import json
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from artstore.attributes import RetentionPolicy

FORMAT_VERSION = "1.0"
"""Of the layout of an element; FORMAT.md tells what it means."""
MAX_BYTES = 64 * 1024
FILES = "files"
"""The folder into which the engine puts documents."""
ROOT = "."
"""In the list of folders: documents that lie in the root itself."""
OWN_FOLDERS = frozenset({"staging", "wal", "quarantine", "scrub", "lost+found"})
"""Folders of the root in which no document can lie."""

_SEAL = "element_crc32"
_SEAL_LINE = re.compile(rb'"element_crc32": "([0-9a-f]{8})"\n\}\n')
_SEAL_BYTES = len('"element_crc32": "01234567"\n}\n')


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


class DescriptionInvalid(ValueError):
    """``element.json`` is there and does not say what it must. ``version`` is that of an unknown format."""

    def __init__(self, reason: str, *, version: str | None = None) -> None:
        super().__init__(reason)
        self.version = version


@dataclass(frozen=True)
class Adopted:
    """What was here before the element was: documents of other software, left where they lie."""

    folders: tuple[str, ...]
    """Names of the root's folders that hold them, beside ``files``; ``.`` for the root itself alone."""
    documents: int
    list_sha256: str
    """Of ``adopted.jsonl``, which names each of them."""


@dataclass(frozen=True)
class ElementDescription:
    """What ``element.json`` says. ``unknown`` holds members of later versions, kept when it is rewritten."""

    id: str
    mode: Mode
    retention: RetentionPolicy
    created_at: datetime
    format_version: str = FORMAT_VERSION
    unknown: dict[str, Any] = field(default_factory=dict)
    adopted: Adopted | None = None
    store: dict[str, str] | None = None
    """Where the documents lie, if that is not the root; ``kind`` tells what kind of storage it is."""

    def with_mode(self, mode: Mode) -> "ElementDescription":
        return replace(self, mode=mode)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the root in which documents lie; ``.`` for the root itself, without its folders."""
        adopted = self.adopted.folders if self.adopted else ()
        return (FILES, *(folder for folder in adopted if folder != FILES))

    def to_bytes(self) -> bytes:
        members: dict[str, Any] = {
            "format_version": self.format_version,
            "id": self.id,
            "mode": self.mode.value,
            "retention": self.retention.value,
            "created_at": self.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
        if self.store is not None:
            members["store"] = self.store
        if self.adopted is not None:
            members["adopted"] = {
                "folders": list(self.adopted.folders),
                "documents": self.adopted.documents,
                "list_sha256": self.adopted.list_sha256,
            }
        text = json.dumps({**members, **self.unknown}, ensure_ascii=False, indent=2)
        begun = (text.removesuffix("\n}") + ",\n  ").encode()
        return begun + b'"%s": "%08x"\n}\n' % (_SEAL.encode(), zlib.crc32(begun))


def is_sealed_description(data: bytes) -> bool:
    """Whether the file ends with a seal, and the right one. False for a file that never had one."""
    line = _SEAL_LINE.fullmatch(data, len(data) - _SEAL_BYTES) if len(data) > _SEAL_BYTES else None
    return line is not None and int(line[1], 16) == zlib.crc32(memoryview(data)[:-_SEAL_BYTES])


def parse_description(data: bytes) -> ElementDescription:
    """The description in ``element.json``; a seal is checked where there is one.

    Raises DescriptionInvalid with the reason. Takes any bytes.
    """
    members = _members(data)
    for name in ("format_version", "id", "mode", "retention", "created_at"):
        if not isinstance(members.get(name), str) or not members[name]:
            raise DescriptionInvalid(f"{name} is missing or not a string")
    if members["format_version"].partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        version = members["format_version"]
        raise DescriptionInvalid(f"format version {version} is not known to this program", version=version)
    if members.pop(_SEAL, None) is not None and not is_sealed_description(data):
        raise DescriptionInvalid(f"{_SEAL} is not that of the file: it was changed or damaged")
    try:
        created_at = datetime.fromisoformat(members.pop("created_at"))
        mode, retention = Mode(members.pop("mode")), RetentionPolicy(members.pop("retention"))
    except ValueError as error:
        raise DescriptionInvalid(str(error)) from error
    if created_at.tzinfo is None:
        raise DescriptionInvalid("created_at has no zone")
    version, element_id = members.pop("format_version"), members.pop("id")
    adopted = _adopted(members.pop("adopted")) if "adopted" in members else None
    store = _store(members.pop("store")) if "store" in members else None
    return ElementDescription(
        element_id, mode, retention, created_at.astimezone(UTC), version, members, adopted, store
    )


def _members(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise DescriptionInvalid(f"it has more than {MAX_BYTES} bytes")
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DescriptionInvalid(f"it is not JSON ({error})") from error
    if not isinstance(members, dict):
        raise DescriptionInvalid("it is not a JSON object")
    return members


def _store(told: object) -> dict[str, str]:
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise DescriptionInvalid("store is not an object of strings")
    if not told.get("kind"):
        raise DescriptionInvalid("store has no kind")
    return dict(told)


def _adopted(told: object) -> Adopted:
    match told:
        case {"folders": [*folders], "documents": int(documents), "list_sha256": str(checksum)}:
            for folder in folders:
                if not isinstance(folder, str) or not _is_document_folder(folder):
                    raise DescriptionInvalid(f"adopted.folders: {folder!r} is no folder of the root")
            return Adopted(tuple(folders), documents, checksum)
        case _:
            raise DescriptionInvalid("adopted has not folders, documents and list_sha256")


def _is_document_folder(name: str) -> bool:
    return name not in {"", "..", *OWN_FOLDERS} and not {"/", "\0"} & set(name)
