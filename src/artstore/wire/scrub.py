"""What an element tells about its scrub (``/api/v1/scrub``), and when a document was verified."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel


class ScrubStatus(StrEnum):
    IDLE = "idle"
    """No pass is under way; the next one begins when it is due."""
    RUNNING = "running"
    PAUSED = "paused"
    """Somebody asked for it: nothing is read until a pass is asked for, or the element is started again."""
    INTERRUPTED = "interrupted"
    """A pass was begun and does not run now: it goes on by itself, or when it is asked for."""


class ScrubFinding(BaseModel):
    """One thing that was found wrong in one place."""

    pass_number: int
    """Of the pass that found it."""
    code: str
    """Of the rule in FORMAT.md, or ``X001``: a row of the index without a document."""
    severity: str
    """``error``: something is lost, wrong or ambiguous; ``warning``: it harms nothing by itself."""
    path: str
    """Relative to the element's root, or to its place in the bucket."""
    what: str
    advice: str
    at: datetime
    file_id: UUID | None = None
    """Of the document, where it is known."""
    open: bool
    """Whether it is still so, as far as is known: people must act."""
    repaired_from: str | None = None
    """Where the good copy came from that was put in place."""
    kept_as: str | None = None
    """Where the damaged file was moved to, relative to the element's root."""


class ScrubPass(BaseModel):
    """One walk over the element."""

    number: int
    begun_at: datetime
    ended_at: datetime | None = None
    documents: int
    """Read so far."""
    bytes: int
    total_documents: int | None = None
    """In the element: an estimate of what there is to read. Of a pass under way only."""
    total_bytes: int | None = None
    findings: int
    """How many, repaired ones among them."""
    unsure: int = 0
    """Folders, and the index, that could not be judged this time; known at the end."""


class ScrubSchedule(BaseModel):
    enabled: bool
    """Whether passes begin by themselves."""
    days: float
    """Every document is read again within this time."""
    bytes_per_second: int
    """What is read at most."""
    due_at: datetime | None = None
    """When the next pass begins; null while none will, one is under way, or there is nothing to read."""
    within_reach: bool
    """Whether a pass is through in that time at this rate, as far as can be told."""


class ScrubReport(BaseModel):
    element_id: str
    status: ScrubStatus
    waits_for: str | None = None
    """Why the pass under way was broken off. It is tried again by itself."""
    schedule: ScrubSchedule
    oldest_verified_at: datetime | None = None
    """When the document was last verified that waits longest; damaged ones are left out."""
    damaged_documents: int
    """That are known to be damaged, and not served."""
    open_findings: int
    """What is wrong now, as far as is known."""
    findings: list[ScrubFinding]
    """The first of those; all of them are at ``/api/v1/scrub/findings``."""
    current: ScrubPass | None = None
    """The pass under way."""
    last: ScrubPass | None = None
    """The last one that is complete."""


class ScrubFindingPage(BaseModel):
    items: list[ScrubFinding]
    next_cursor: str | None = None


class Verification(BaseModel):
    """When a document was last compared with its checksum."""

    file_id: UUID
    verified_at: datetime | None
    """When it was found right, by the scrub or when it was stored; null where nobody can tell."""
    damaged: bool
    """Whether it is known not to be right now; then it is not served."""
    checksum: str
    """SHA-256 of the document."""
