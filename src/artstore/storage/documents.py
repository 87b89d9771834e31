"""Attributes and changes as they leave the element: without stored names and paths (``wire.documents``)."""

import json
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

from artstore.attributes import FileAttributes
from artstore.engine import Change

INTERNAL_FIELDS = frozenset({"storage_filename", "storage_path"})
"""Where the element keeps a document: nobody's business outside."""


def document_json(attributes: FileAttributes) -> str:
    """The JSON of a ``wire.documents.Document``."""
    return _json_object(
        (name, text) for name, text in attributes.json_members().items() if name not in INTERNAL_FIELDS
    )


def whole_json(attributes: FileAttributes) -> str:
    """The JSON of all members, for the element's own index."""
    return _json_object(attributes.json_members().items())


def _json_object(members: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{encode_basestring(name)}:{text}" for name, text in members) + "}"


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
    if change.durable_at is not None:
        members.append(f'"durable_at":"{change.durable_at.isoformat()}"')
    if change.file_id is not None:
        members.append(f'"file_id":"{change.file_id}"')
    if change.attributes is not None:
        members.append(f'"document":{document_json(change.attributes)}')
    if change.mode is not None:
        members.append(f'"mode":{json.dumps(change.mode)}')
    return ("{" + ",".join(members) + "}").encode()
