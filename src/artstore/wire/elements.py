"""How an element announces itself, and how the registry lists it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

ELEMENTS_KEY = "artstore:elements"
"""A Redis set of the ids of all elements that ever announced themselves."""
ELEMENTS_CHANNEL = "artstore:elements:changes"
"""A Redis channel that carries an ElementAnnouncement whenever one changes."""
ANNOUNCE_EVERY_SECONDS = 5.0
ANNOUNCEMENT_EXPIRES_SECONDS = 15


def announcement_key(element_id: str) -> str:
    """The Redis key of an element's announcement; it expires, so that a dead element goes away by itself."""
    return f"artstore:elements:{element_id}"


class Mode(StrEnum):
    EDIT = "edit"
    RW = "rw"
    RO = "ro"
    AR = "ar"


class ElementHealth(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    """Documents are served and taken, but something that follows (index, events) is behind or away, or
    something that the element keeps is damaged."""
    AWAY = "away"
    """Said by a reader, never announced: no announcement came in time."""


class CapacityStatus(StrEnum):
    """How far the room of an element is used up, by the thresholds in its settings."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    FULL = "full"
    """New documents are better placed elsewhere, even where a small one would still fit."""


class ElementAnnouncement(BaseModel):
    """The state of an element, as it tells it every few seconds. Sizes are bytes."""

    element_id: str
    url: str
    mode: Mode
    capacity_bytes: int
    used_bytes: int
    free_bytes: int
    """What a new document can still take: room of the element and of its disk, less reservations."""
    capacity_status: CapacityStatus = CapacityStatus.OK
    """An element that does not tell it is taken to have room, as far as ``free_bytes`` goes."""
    documents: int
    last_lsn: int
    health: ElementHealth
    open_findings: int = 0
    """What checking found wrong and nobody has put right: see the element's ``/api/v1/scrub``."""
    max_file_bytes: int
    started_at: datetime
    announced_at: datetime


class ElementPage(BaseModel):
    items: list[ElementAnnouncement]
    next_cursor: str | None = None
