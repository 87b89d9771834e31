"""What Query tells about its catalog (``GET /api/v1/catalog``)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class CatalogStatus(StrEnum):
    READY = "ready"
    REBUILDING = "rebuilding"


class CatalogElement(BaseModel):
    element_id: str
    documents: int
    """In the catalog."""
    lag: int | None
    """Changes that the element has announced and that are not in the catalog; None where it has announced
    nothing, or the catalog has only begun with it."""


class CatalogRebuild(BaseModel):
    documents: int
    """Taken so far."""
    expected: int
    """Documents that the elements had when it began."""
    documents_per_second: float
    kept: list[str]
    """Elements that could not be asked: of these the catalog keeps what it had."""
    waits_for: str | None = None
    """Why it does not get on just now. It tries again by itself."""
    asked_at: datetime
    started_at: datetime | None = None
    """None until a process of the service takes it up."""
    finished_at: datetime | None = None


class CatalogReport(BaseModel):
    status: CatalogStatus
    documents: int
    elements: list[CatalogElement]
    rebuild: CatalogRebuild | None = None
    """The one under way, or the last one."""
