"""Events that an element publishes to its Redis stream, one for each log record.

The entry id is ``{lsn}-0``, so that publishing again is refused by Redis and changes nothing, and a hole
in the sequence is seen by whoever reads. Redis may lose entries: a reader that sees a gap asks the element.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from artstore.wire.documents import Document

ENTRY_FIELD = "event"
"""The one field of a stream entry; its value is the JSON of an ElementEvent."""


def element_stream(element_id: str) -> str:
    """The name of the stream that carries the events of one element."""
    return f"artstore:events:{element_id}"


def expiring_stream(element_id: str) -> str:
    """The name of the stream that tells which documents of an element expire soon: of FileExpiring.

    It is beside the other one, whose entries are those of the element's log. Redis may lose it; who must not
    miss anything asks the element, or a search, for ``expires_at``.
    """
    return f"artstore:expiring:{element_id}"


class EventKind(StrEnum):
    PUT = "put"
    UPDATE = "update"
    DELETE = "delete"
    MODE = "mode"


class ElementEvent(BaseModel):
    """One durable change of an element. ``document`` stands in put and update, ``mode`` in mode.

    ``at`` is the document's own time, which may be long before the element had it (a batch, a repeated
    upload, a document that was moved); ``durable_at`` is when the element had it for good, where that is
    known.
    """

    lsn: int
    kind: EventKind
    element_id: str
    at: AwareDatetime
    durable_at: AwareDatetime | None = None
    file_id: UUID | None = None
    document: Document | None = None
    mode: str | None = None


class FileExpiring(BaseModel):
    """A document will be removed, unless it is kept longer. Told once for each time at which it is to be
    removed: ``file_id`` and ``expires_at`` together name the event.
    """

    kind: Literal["file_expiring"] = "file_expiring"
    element_id: str
    file_id: UUID
    owner_id: str
    expires_at: datetime
