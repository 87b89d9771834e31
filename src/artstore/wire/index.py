"""What an element tells about its index (``GET /api/v1/index``)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class IndexStatus(StrEnum):
    READY = "ready"
    REBUILDING = "rebuilding"
    AWAY = "away"
    """PostgreSQL cannot be reached, or the index is not set up yet; uploads and downloads go on."""


class RebuildReport(BaseModel):
    reason: str
    documents: int
    """Written so far."""
    expected: int
    """Documents in the element when it began."""
    documents_per_second: float
    left_out: int
    """Documents whose attributes cannot be read; the log of the service names them."""
    removed: int | None = None
    """Rows that had no document any more; known at the end."""
    waits_for: str | None = None
    """Why it does not get on just now. It tries again by itself."""
    started_at: datetime
    finished_at: datetime | None = None


class IndexReport(BaseModel):
    element_id: str
    status: IndexStatus
    away: str | None = None
    """Why it is away."""
    complete: bool
    """Whether listings are answered: also during a rebuild, unless it is needed because rows are missing."""
    documents: int
    """In the element."""
    position: int
    """Every change up to this LSN is in the index."""
    lag: int
    """How many changes are not; listings have them nevertheless."""
    rebuild: RebuildReport | None = None
    """The one under way, or the last one since the element was started."""
