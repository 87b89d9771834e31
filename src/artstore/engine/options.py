"""What an element is opened with."""

from dataclasses import dataclass, field

from artstore.engine.coding import CodingPolicy
from artstore.engine.layout import Mode
from artstore.engine.log.record import MAX_CONTENT_BYTES, MAX_GROUP_RECORDS

_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Sizes are bytes. Raises ValueError for what cannot work."""

    element_id: str | None = None
    """The element's name: of an element that is created, it becomes the id; of one that exists, another id
    than this is refused. None takes what is there, and cannot create."""
    mode: Mode | None = None
    """Given to an element that is created; one that exists and has another mode is refused (ElementMismatch).
    None takes what is there."""
    confirm_mode: bool = False
    """Gives an existing element ``mode``, whatever it has: the only way back from ``ro`` and ``ar``."""
    create: bool = True
    """Whether an empty or missing root becomes an element."""
    take_over: bool = False
    """Lets an empty root take over documents that a store holds already: their root, with the log, is lost.
    What was acknowledged and had not come to the store yet is lost with it."""
    capacity_bytes: int | None = None
    """What documents with their attributes may take; None: what the disk has."""
    keep_free_bytes: int = 128 * _MIB
    """Left free on the disk by refusing uploads in time, so that the log and what follows it can go on."""
    max_file_bytes: int = 1 << 40
    """Of one document."""
    inline_limit: int = 64 * 1024
    """A document up to this size travels in its log record and is written twice; a larger one is staged and
    flushed by itself. 0 stages every document. Records are kept in memory until they are flushed."""
    upload_memory_bytes: int = 16 * _MIB
    """Of the documents of all uploads under way that may be in memory before each writes what it has; see
    ``body_memory``. 0 gathers nothing, and stages every document but those that come in one piece."""
    segment_bytes: int = 64 * _MIB
    """Of one file of the log. It is made of zeros ahead of time, and read as a whole by recovery."""
    max_backlog_bytes: int = 1024 * _MIB
    """Of log that waits for the slowest follower. Beyond it changes are refused (LogFull) until it is caught
    up, so that the log never fills the disk."""
    followers: tuple[str, ...] = ()
    """Names of those who follow from outside and call ``acknowledge``: the log is kept for them."""
    follow_seconds: float = 0.25
    """How far apart batches of the files follower begin, unless a full one waits. A larger batch needs fewer
    flushes of the file system, which the flushes of the log wait for."""
    close_seconds: float = 30.0
    """How long ``close`` waits for the files follower; what is left is followed at the next start."""
    verify_reads_bytes: int = 1 << 20
    """A document up to this size is compared with its checksum whenever it is read at once and whole, at the
    cost of hashing it; a larger one, and a part, is sent as it is read, with its checksum for the reader to
    compare. Documents that are known to be damaged are compared in any case before they are given away.
    0 compares none of the others."""
    resumable_seconds: float = 24 * 3600.0
    """How long a resumable upload is kept after something of it was written last."""
    resumable_uploads: int = 1000
    """Unfinished ones of one owner."""
    coding: CodingPolicy = field(default_factory=CodingPolicy)
    """Which documents are compressed, and how. Those that are stored already stay as they are."""
    batch_seconds: float = 24 * 3600.0
    """How long a batch is kept after something was added to it."""
    batch_documents: int = 10_000
    """Of one batch at most."""
    batches: int = 20
    """Open ones of one owner."""
    threads: int = 8
    """For reading and hashing beside the event loop."""

    def __post_init__(self) -> None:
        if not 0 <= self.inline_limit <= MAX_CONTENT_BYTES:
            raise ValueError(f"inline_limit is at most {MAX_CONTENT_BYTES} bytes")
        if not 0 < self.batch_documents <= MAX_GROUP_RECORDS:
            raise ValueError(f"batch_documents is from 1 to {MAX_GROUP_RECORDS}")
        for name in ("segment_bytes", "max_backlog_bytes", "max_file_bytes", "threads"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
