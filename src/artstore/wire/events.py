"""Events that an element publishes to its Redis stream, one for each log record.

The entry id is ``{lsn}-0``, so that publishing again is refused by Redis and changes nothing, and a hole
in the sequence is seen by whoever reads. Redis may lose entries: a reader that sees a gap asks the element.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel

from artstore.wire.documents import Document

ENTRY_FIELD = "event"
"""The one field of a stream entry; its value is the JSON of an ElementEvent."""


def element_stream(element_id: str) -> str:
    """The name of the stream that carries the events of one element."""
    return f"artstore:events:{element_id}"


class EventKind(StrEnum):
    PUT = "put"
    UPDATE = "update"
    DELETE = "delete"
    MODE = "mode"


class ElementEvent(BaseModel):
    """One durable change of an element. ``document`` stands in put and update, ``mode`` in mode."""

    lsn: int
    kind: EventKind
    element_id: str
    at: datetime
    file_id: UUID | None = None
    document: Document | None = None
    mode: str | None = None
