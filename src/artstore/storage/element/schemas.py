"""What an element tells about itself. Sizes are bytes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from artstore.storage.element.modes import Operation
from artstore.wire.elements import CapacityStatus, ElementAnnouncement, Mode


class ElementInfo(ElementAnnouncement):
    """The announcement, with what only those need who look at one element."""

    format_version: str
    """Of the layout on disk."""
    created_at: datetime
    """When the element was made."""
    version: str
    """Of the running software."""


class CapacityReport(BaseModel):
    capacity_bytes: int
    used_bytes: int
    reserved_bytes: int
    """Promised to uploads under way."""
    free_bytes: int
    """What a new document can still take: room of the element and of its disk, less reservations."""
    documents: int
    capacity_status: CapacityStatus
    warning_below_bytes: int
    """With less free room than this the status is ``warning``; so for the others."""
    critical_below_bytes: int
    full_below_bytes: int


class WantedMode(BaseModel):
    mode: Mode


class ModeReport(BaseModel):
    element_id: str
    mode: Mode
    allowed: list[Operation]
    """What can be done with documents."""
    next_modes: list[Mode]
    """What a request can change the mode to."""


class FollowerReport(BaseModel):
    position: int
    """Every change up to this LSN was taken."""
    lag: int
    """How many changes were not."""
    away: str | None = None
    """Why the follower is not at work now."""


class LogReport(BaseModel):
    first_lsn: int
    """The oldest change that the log still has."""
    last_lsn: int
    """The newest durable change."""
    segments: int
    bytes: int
    followers: dict[str, FollowerReport]
    recovery: dict[str, Any]
    """What the last start found and did."""
