"""The storage engine: one element, from its log to its files.

Words: an *element* is a root folder with its documents; the *log* is where a change becomes durable;
*followers* bring what the log holds into another form (files here, index and events outside); a *staging
file* holds a large document until its record is written; the *overlay* is what the log knows and the files
do not show yet.

It knows no HTTP and no SQL and imports only ``artstore.attributes``, so that it can be killed, fuzzed and
checked alone. Everything below an element's root is written through ``durable`` or the log.
"""

from artstore.engine.batches import Batch, Batches, Member
from artstore.engine.capacity import Capacity
from artstore.engine.changes import Change, ChangeKind, ChangesGone
from artstore.engine.changing import revision_of
from artstore.engine.coding import Coding, CodingPolicy
from artstore.engine.documents import Locate
from artstore.engine.draft import Arrival, Draft
from artstore.engine.engine import Engine
from artstore.engine.errors import (
    AlreadyStored,
    BatchClosed,
    BatchFull,
    BatchIncomplete,
    BatchUnknown,
    ChecksumMismatch,
    Closed,
    Damaged,
    DiskFull,
    ElementMismatch,
    EngineError,
    Locked,
    LogFailed,
    LogFull,
    ModeForbids,
    NoRoom,
    NotAnElement,
    NotFound,
    OffsetMismatch,
    PartsUnfit,
    PieceMismatch,
    RevisionMismatch,
    StoreMismatch,
    StoreRefuses,
    StoreUnavailable,
    TooLarge,
    TooManyBatches,
    TooManyUploads,
    UploadBusy,
    UploadClosed,
    UploadUnknown,
)
from artstore.engine.layout import ElementDescription, Mode
from artstore.engine.log.findings import Finding, FindingKind
from artstore.engine.log.record import Lsn
from artstore.engine.opening import RecoveryReport
from artstore.engine.options import EngineOptions
from artstore.engine.reading import OpenDocument
from artstore.engine.resumable import Checksum, ResumableUpload, ResumableUploads
from artstore.engine.status import FollowerStatus, LogStatus
from artstore.engine.upload import Upload

__all__ = [
    "AlreadyStored",
    "Arrival",
    "Batch",
    "BatchClosed",
    "BatchFull",
    "BatchIncomplete",
    "BatchUnknown",
    "Batches",
    "Capacity",
    "Change",
    "ChangeKind",
    "ChangesGone",
    "Checksum",
    "ChecksumMismatch",
    "Closed",
    "Coding",
    "CodingPolicy",
    "Damaged",
    "DiskFull",
    "Draft",
    "ElementDescription",
    "ElementMismatch",
    "Engine",
    "EngineError",
    "EngineOptions",
    "Finding",
    "FindingKind",
    "FollowerStatus",
    "Locate",
    "Locked",
    "LogFailed",
    "LogFull",
    "LogStatus",
    "Lsn",
    "Member",
    "Mode",
    "ModeForbids",
    "NoRoom",
    "NotAnElement",
    "NotFound",
    "OffsetMismatch",
    "OpenDocument",
    "PartsUnfit",
    "PieceMismatch",
    "RecoveryReport",
    "ResumableUpload",
    "ResumableUploads",
    "RevisionMismatch",
    "StoreMismatch",
    "StoreRefuses",
    "StoreUnavailable",
    "TooLarge",
    "TooManyBatches",
    "TooManyUploads",
    "Upload",
    "UploadBusy",
    "UploadClosed",
    "UploadUnknown",
    "revision_of",
]
