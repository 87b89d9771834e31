"""What the engine can refuse or fail at. It knows no HTTP status: the service maps these once.

EngineError                    (catch this for all of them)
├── NotFound                   no such document in this element
├── RevisionMismatch           the document was changed since the caller read it
├── AlreadyStored              a document has or had the id that was given for another one
├── ModeForbids                the element's mode does not allow the operation
├── NoRoom                     the element has no room for the document
│   └── DiskFull               the disk under the element has none, whatever the element's own limit
├── ChecksumMismatch           what arrived is not what was announced
├── TooLarge                   the document exceeds what one document may have
├── UploadUnknown              there is no such resumable upload, or it has expired
├── UploadBusy                 another request is at the resumable upload; transient
├── OffsetMismatch             the bytes do not follow those that the resumable upload has
├── PieceMismatch              a piece of a resumable upload is not what was announced; it is dropped
├── UploadClosed               the resumable upload takes no bytes: it is complete, or made of others
├── PartsUnfit                 what was named cannot be the parts of one upload
├── TooManyUploads             an account has too many unfinished uploads
├── BatchUnknown               there is no such batch, or it has expired
├── BatchClosed                the batch was committed or given up
├── BatchFull                  the batch has the most documents that it may
├── BatchIncomplete            the batch has not as many documents as its commit expects
├── TooManyBatches             an account has too many open batches
├── LogFull                    too much is accepted and not yet followed; transient
├── StoreUnavailable           the object store that holds the documents cannot be used now; transient
│   └── StoreRefuses           it will not serve until somebody changes something: bucket, rights, settings
├── Damaged                    what is on disk is not what was written
├── NotAnElement               the folder is not the root of an element, or of an unknown format
├── ElementMismatch            the element is not the one that the settings tell of
│   └── StoreMismatch          the documents in the store are not those of the element
├── Locked                     another process has the element open
└── Closed                     the engine is closed; transient
    └── LogFailed              the log cannot be written until the element is started again

``transient`` says whether the same call may succeed later without anyone's repair.
"""

from pathlib import Path
from typing import ClassVar
from uuid import UUID

from artstore.attributes import FileAttributes


class EngineError(Exception):
    transient: ClassVar[bool] = False


class NotFound(EngineError):
    def __init__(self, file_id: UUID) -> None:
        super().__init__(f"the element holds no document {file_id}")
        self.file_id = file_id


class RevisionMismatch(EngineError):
    """``current`` is the revision that the document has now."""

    def __init__(self, file_id: UUID, expected: str, current: str) -> None:
        super().__init__(
            f"document {file_id} has revision {current}, not {expected}: it was changed meanwhile;"
            " read it again and repeat the change"
        )
        self.file_id = file_id
        self.expected = expected
        self.current = current


class AlreadyStored(EngineError):
    """``stored`` has the id, None where it was deleted since; ``checksum`` is that of the one that came."""

    def __init__(self, file_id: UUID, stored: FileAttributes | None, checksum: str) -> None:
        state = "was deleted" if stored is None else "is stored"
        super().__init__(f"a document with the id {file_id} {state} already")
        self.file_id = file_id
        self.stored = stored
        self.checksum = checksum


class ModeForbids(EngineError):
    def __init__(self, mode: str, operation: str) -> None:
        super().__init__(f"an element in mode '{mode}' does not allow to {operation}")
        self.mode = mode
        self.operation = operation


class NoRoom(EngineError):
    """Sizes in bytes; ``needed`` is None where the caller could not tell it."""

    def __init__(self, needed: int | None, free: int) -> None:
        asked = "the document" if needed is None else f"{needed} bytes"
        super().__init__(f"the element has no room for {asked}: {free} bytes are free")
        self.needed = needed
        self.free = free


class DiskFull(NoRoom):
    transient = True

    def __init__(self, operation: str) -> None:
        super().__init__(None, 0)
        self.args = (f"the disk under the element is full: cannot {operation}; free or add space",)
        self.operation = operation


class ChecksumMismatch(EngineError):
    """Both are SHA-256 in hexadecimal."""

    def __init__(self, announced: str, found: str) -> None:
        super().__init__(f"the document that arrived has the SHA-256 {found}, not {announced}; send it again")
        self.announced = announced
        self.found = found


class TooLarge(EngineError):
    """Sizes in bytes."""

    def __init__(self, limit: int, *, announced: bool = False) -> None:
        """``announced``: the limit is the length that was told of the upload."""
        super().__init__(
            f"more bytes came than the {limit} that the upload was said to have"
            if announced
            else f"the document is larger than the {limit} bytes that this element accepts"
        )
        self.limit = limit


class UploadUnknown(EngineError):
    def __init__(self) -> None:
        super().__init__("there is no such upload, or it has expired; begin another one")


class UploadBusy(EngineError):
    transient = True

    def __init__(self) -> None:
        super().__init__("another request is at this upload; ask for its offset and go on from there")


class OffsetMismatch(EngineError):
    """Both in bytes; ``current`` is what the upload has."""

    def __init__(self, given: int, current: int) -> None:
        super().__init__(f"the upload has {current} bytes, and the request goes on behind {given}")
        self.given = given
        self.current = current


class PieceMismatch(EngineError):
    def __init__(self, algorithm: str) -> None:
        super().__init__(f"the {algorithm} of the bytes is not the one announced; send them again")


class UploadClosed(EngineError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the upload takes no bytes: {reason}")


class PartsUnfit(EngineError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"these uploads cannot be put together: {reason}")


class TooManyUploads(EngineError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"the account has {limit} unfinished uploads, the most it may; finish or end some")
        self.limit = limit


class BatchUnknown(EngineError):
    def __init__(self) -> None:
        super().__init__("there is no such batch, or it has expired; open another one")


class BatchClosed(EngineError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the batch takes no documents any more: {reason}")


class BatchFull(EngineError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"the batch has {limit} documents, the most it may; put the rest into another one")
        self.limit = limit


class BatchIncomplete(EngineError):
    """Both in documents."""

    def __init__(self, expected: int, found: int) -> None:
        told = f"the batch has {found} documents, not {expected}" if found else "the batch has no documents"
        super().__init__(f"{told}; nothing of it was stored")
        self.expected = expected
        self.found = found


class TooManyBatches(EngineError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"the account has {limit} open batches, the most it may; commit or end some")
        self.limit = limit


class LogFull(EngineError):
    """Sizes in bytes."""

    transient = True

    def __init__(self, unfollowed: int, limit: int) -> None:
        super().__init__(
            f"{unfollowed} bytes of the log wait to be followed, of at most {limit}; try again shortly"
        )
        self.unfollowed = unfollowed
        self.limit = limit


class StoreUnavailable(EngineError):
    """``reason`` says why, without addresses, names or secrets."""

    transient = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"the object store cannot be used: {reason}")
        self.reason = reason


class StoreRefuses(StoreUnavailable):
    transient = False


class Damaged(EngineError):
    """``subject`` is a document or a file of the element. ``artstore verify`` tells more."""

    def __init__(self, subject: object, reason: str) -> None:
        super().__init__(f"{subject} is damaged: {reason}")
        self.subject = subject
        self.reason = reason


class NotAnElement(EngineError):
    def __init__(self, root: Path, reason: str) -> None:
        super().__init__(f"{root} is not the root of a storage element: {reason}")
        self.root = root
        self.reason = reason


class ElementMismatch(EngineError):
    def __init__(self, what: str, configured: str, found: str) -> None:
        super().__init__(
            f"the settings name {what} '{configured}', the element on disk has '{found}':"
            " correct the settings or point them to another root"
        )
        self.what = what
        self.configured = configured
        self.found = found


class StoreMismatch(ElementMismatch):
    """``found``: what is there instead."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__("the element", expected, found)
        self.args = (
            f"the documents of '{expected}' should be in the store, and there is {found}:"
            " correct the bucket or the prefix",
        )


class Locked(EngineError):
    def __init__(self, root: Path) -> None:
        super().__init__(f"another process has the element at {root} open; stop it first")
        self.root = root


class Closed(EngineError):
    transient = True

    def __init__(self, what: str = "the element is being closed") -> None:
        super().__init__(what)


class LogFailed(Closed):
    """``maybe_written``: the record may be in the log when it is opened again."""

    transient = False

    def __init__(self, reason: str, *, maybe_written: bool = False) -> None:
        super().__init__(f"the log cannot be written: {reason}; check the disk, then start the element again")
        self.reason = reason
        self.maybe_written = maybe_written
