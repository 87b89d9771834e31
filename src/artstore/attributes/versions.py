"""Reading attribute files of every version, and writing for those who only read version 1.0.

Version 1.0 is version 2.0 without ``schema_version`` and ``custom_attributes`` and without the additions.
It is migrated when read; nothing is ever rewritten only for having been read.
"""

from typing import Any

import pydantic_core

from artstore.attributes.errors import MAX_BYTES, AttributesInvalid, AttributesTooLarge
from artstore.attributes.schema import SCHEMA_VERSION, FileAttributes
from artstore.attributes.seal import SEAL, is_sealed

_ADDED_IN_2 = (
    "custom_attributes",
    "tags",
    "retention_policy",
    "expires_at",
    "document_id",
    "previous_version_id",
    "transfer_id",
    "content_encoding",
    "stored_size",
    "stored_checksum",
)


def parse(data: bytes, *, at: str | None = None) -> FileAttributes:
    """The attributes that an attribute file holds, its seal checked, version 1.0 migrated to 2.0.

    ``at``: the storage path where the document was found. It counts, whatever the attributes say of it, since
    archives of other makers may name the folder alone, another place, or none.

    Raises AttributesTooLarge above 4096 bytes and AttributesInvalid, with the offending field, for
    everything else that the format forbids. Takes any bytes.
    """
    if len(data) > MAX_BYTES:
        raise AttributesTooLarge(len(data))
    try:
        members = pydantic_core.from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise AttributesInvalid("", f"the attributes are not JSON in UTF-8: {error}") from error
    if not isinstance(members, dict):
        raise AttributesInvalid("", "the attributes are not a JSON object")
    if members.pop(SEAL, None) is not None and not is_sealed(data):
        raise AttributesInvalid(SEAL, "is not that of the file: the attributes were changed or damaged")
    if not is_version_1(members) and members["schema_version"] != SCHEMA_VERSION:
        raise AttributesInvalid(
            "schema_version", f"is not known; this program reads 1.0 and {SCHEMA_VERSION}"
        )
    if at is not None:
        members |= {"storage_path": at, "storage_filename": at.rpartition("/")[2]}
    return FileAttributes.of(migrated(members))


def is_version_1(members: dict[str, Any]) -> bool:
    """Whether the members of an attribute file are those of version 1.0, which mostly names no version."""
    return bool(members.get("schema_version", "1.0") == "1.0")


def migrated(members: dict[str, Any]) -> dict[str, Any]:
    """The members of any known version as version 2.0 has them. Changes nothing that stands in them."""
    if not is_version_1(members):
        return members
    migrated_members = {**members, "schema_version": SCHEMA_VERSION}
    if migrated_members.get("metadata") is None:
        migrated_members["metadata"] = {}
    migrated_members.setdefault("custom_attributes", {})
    return migrated_members


def to_v1_compatible(attributes: FileAttributes) -> tuple[dict[str, Any], list[str]]:
    """The members for a reader of version 1.0, and the names of what had to be dropped.

    Members that neither version knows are kept, so that what came from version 1.0 goes back unchanged.
    Where ``content_encoding`` is dropped, such a reader sees stored bytes that differ from size and checksum.
    """
    members = attributes.to_json_object()
    del members["schema_version"]
    dropped = [name for name in _ADDED_IN_2 if members.pop(name, None)]
    return members, dropped
