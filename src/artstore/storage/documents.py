"""Attributes and changes as they leave the element: without stored names and paths (``wire.documents``)."""

import json
from typing import Any

from artstore.attributes import FileAttributes
from artstore.engine import Change

INTERNAL_FIELDS = frozenset({"storage_filename", "storage_path"})
"""Where the element keeps a document: nobody's business outside."""


def document_json(attributes: FileAttributes) -> str:
    """The JSON of a ``wire.documents.Document``."""
    return attributes.model_dump_json(exclude={*INTERNAL_FIELDS, *unused_members(attributes)})


def unused_members(attributes: FileAttributes) -> set[str]:
    """Known members that are absent when unused. Unknown ones stay, also where they are null."""
    return {name for name in attributes.optional if getattr(attributes, name) is None}


def public_fields(members: dict[str, Any]) -> dict[str, Any]:
    """A ``wire.documents.Document`` of attributes that come out of the index as a plain object."""
    return {name: value for name, value in members.items() if name not in INTERNAL_FIELDS}


def event_json(change: Change, element_id: str) -> bytes:
    """The JSON of a ``wire.events.ElementEvent``. By hand: the document is serialized only once."""
    members = [
        f'"lsn":{change.lsn}',
        f'"kind":"{change.kind.name.lower()}"',
        f'"element_id":{json.dumps(element_id)}',
        f'"at":"{change.at.isoformat()}"',
    ]
    if change.file_id is not None:
        members.append(f'"file_id":"{change.file_id}"')
    if change.attributes is not None:
        members.append(f'"document":{document_json(change.attributes)}')
    if change.mode is not None:
        members.append(f'"mode":{json.dumps(change.mode)}')
    return ("{" + ",".join(members) + "}").encode()
