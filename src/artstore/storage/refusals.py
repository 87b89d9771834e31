"""One table from what the engine, the attributes and the index refuse to what a client is told (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from artstore.attributes import AttributesError, AttributesInvalid, AttributesTooLarge, FilenameInvalid
from artstore.engine import ChangesGone, Mode
from artstore.engine import errors as engine
from artstore.kernel.logging import get_logger
from artstore.kernel.multipart import BrokenForm, FieldTooLarge, NotAForm
from artstore.kernel.problems import Problem
from artstore.kernel.streaming import UnsatisfiableRange
from artstore.storage.element.modes import ALLOWED
from artstore.storage.index.reader import IndexUnavailable
from artstore.wire.problems import NOTHING_STORED, ProblemType
from artstore.wire.resumable import UPLOAD_CONCAT, UPLOAD_OFFSET

_log = get_logger(__name__)

REFUSED_CLASSES: tuple[type[Exception], ...] = (
    engine.EngineError,
    AttributesError,
    BrokenForm,
    IndexUnavailable,
    UnsatisfiableRange,
)

REFUSALS: dict[type[Exception], ProblemType] = {
    engine.NotFound: ProblemType.NOT_FOUND,
    engine.AlreadyStored: ProblemType.FILE_ID_TAKEN,
    engine.RevisionMismatch: ProblemType.PRECONDITION_FAILED,
    engine.ModeForbids: ProblemType.MODE_FORBIDS,
    engine.NoRoom: ProblemType.INSUFFICIENT_STORAGE,
    engine.DiskFull: ProblemType.INSUFFICIENT_STORAGE,
    engine.ChecksumMismatch: ProblemType.DIGEST_MISMATCH,
    engine.TooLarge: ProblemType.FILE_TOO_LARGE,
    engine.UploadUnknown: ProblemType.NOT_FOUND,
    engine.UploadBusy: ProblemType.UPLOAD_BUSY,
    engine.OffsetMismatch: ProblemType.OFFSET_MISMATCH,
    engine.PieceMismatch: ProblemType.CHECKSUM_MISMATCH,
    engine.UploadClosed: ProblemType.NOT_PERMITTED,
    engine.PartsUnfit: ProblemType.INVALID_PARAMETER,
    engine.TooManyUploads: ProblemType.TOO_MANY_UPLOADS,
    engine.BatchUnknown: ProblemType.NOT_FOUND,
    engine.BatchClosed: ProblemType.BATCH_CLOSED,
    engine.BatchFull: ProblemType.BATCH_FULL,
    engine.BatchIncomplete: ProblemType.BATCH_INCOMPLETE,
    engine.TooManyBatches: ProblemType.TOO_MANY_BATCHES,
    engine.LogFull: ProblemType.LOG_FULL,
    engine.StoreUnavailable: ProblemType.DEPENDENCY_UNAVAILABLE,
    engine.StoreRefuses: ProblemType.DEPENDENCY_UNAVAILABLE,
    engine.Damaged: ProblemType.DOCUMENT_DAMAGED,
    engine.Closed: ProblemType.ELEMENT_UNAVAILABLE,
    engine.LogFailed: ProblemType.ELEMENT_UNAVAILABLE,
    # Followers meet this one, never a client.
    ChangesGone: ProblemType.INTERNAL,
    # These stop the start of a service; over HTTP they can only be a mistake.
    engine.NotAnElement: ProblemType.INTERNAL,
    engine.ElementMismatch: ProblemType.INTERNAL,
    engine.StoreMismatch: ProblemType.INTERNAL,
    engine.Locked: ProblemType.INTERNAL,
    engine.EngineError: ProblemType.INTERNAL,
    FilenameInvalid: ProblemType.INVALID_FILENAME,
    AttributesTooLarge: ProblemType.ATTRIBUTES_TOO_LARGE,
    AttributesInvalid: ProblemType.INVALID_ATTRIBUTES,
    AttributesError: ProblemType.INVALID_ATTRIBUTES,
    NotAForm: ProblemType.UNSUPPORTED_MEDIA_TYPE,
    FieldTooLarge: ProblemType.ATTRIBUTES_TOO_LARGE,
    BrokenForm: ProblemType.BROKEN_MULTIPART,
    IndexUnavailable: ProblemType.DEPENDENCY_UNAVAILABLE,
    UnsatisfiableRange: ProblemType.RANGE_NOT_SATISFIABLE,
}

_OWN_WORDS: dict[ProblemType, str] = {
    # What the engine says names files, or is for the administrator, who finds it in the log of the service.
    ProblemType.NOT_FOUND: "There is no such document, or it is not yours to see.",
    ProblemType.FILE_ID_TAKEN: "Another document has or had the given id; send this one with a new id.",
    ProblemType.DOCUMENT_DAMAGED: "The stored document is damaged; its administrator must restore it.",
    ProblemType.ELEMENT_UNAVAILABLE: "The storage element cannot take this request now; try again shortly.",
    ProblemType.INTERNAL: "The service made a mistake; give its administrator the request id.",
}


def refusal_of(error: Exception) -> Problem:
    """The problem that a client is told of, for an exception of one of REFUSED_CLASSES.

    What the client cannot repair stands in the log of the service with all that the client is not told.
    """
    kind = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    if kind.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("a request cannot be served", reason=str(error), exc_info=error)
    headers: dict[str, str] = {}
    if isinstance(error, UnsatisfiableRange):
        headers["Content-Range"] = error.content_range
    if isinstance(error, engine.OffsetMismatch):
        headers[UPLOAD_OFFSET] = str(error.current)
    if kind.status == 503:
        headers["Retry-After"] = "2"
    if isinstance(error, engine.UploadUnknown):
        return upload_not_found()
    if isinstance(error, engine.BatchUnknown):
        return batch_not_found()
    words = _OWN_WORDS.get(kind) or _words(error)
    return Problem(kind, words, field=_field(error), headers=headers, **_members(error))


def document_not_found(*, is_refusal: bool = False) -> Problem:
    """For a document that is not there, and for one that the caller may not see: they look alike."""
    return Problem(ProblemType.NOT_FOUND, _OWN_WORDS[ProblemType.NOT_FOUND], is_refusal=is_refusal)


def upload_not_found(*, is_refusal: bool = False) -> Problem:
    """The same for a resumable upload. Whose it is makes no difference to anybody but its account."""
    detail = "There is no such upload, it has expired, or it is another account's; begin another one."
    return Problem(ProblemType.NOT_FOUND, detail, is_refusal=is_refusal)


def batch_not_found(*, is_refusal: bool = False) -> Problem:
    """The same for a batch."""
    detail = "There is no such batch, it has expired, or it is another account's; open another one."
    return Problem(ProblemType.NOT_FOUND, detail, is_refusal=is_refusal)


def _field(error: Exception) -> str | None:
    match error:
        case engine.PartsUnfit():
            return UPLOAD_CONCAT
        case FilenameInvalid() | engine.TooLarge():
            return "file"
        case AttributesInvalid():
            return error.field or None
        case FieldTooLarge():
            return error.name
        case _:
            return None


def _members(error: Exception) -> dict[str, Any]:
    """What programs want to know beside the sentence."""
    match error:
        case engine.OffsetMismatch():
            return {"offset": error.current}
        case engine.BatchIncomplete():
            return {"documents": error.found}
        case engine.ModeForbids():
            return {"mode": error.mode, "allowed": ALLOWED[Mode(error.mode)]}
        case engine.Closed():
            # Where it is not certain, the document must not be sent to another element.
            maybe_written = isinstance(error, engine.LogFailed) and error.maybe_written
            return {NOTHING_STORED: not maybe_written}
        case _:
            return {}


def _words(error: Exception) -> str:
    match error:
        case FilenameInvalid():
            text = error.reason
        case AttributesInvalid(field=field) if field:
            text = f"the attribute {field!r} {error.reason}"
        case engine.ModeForbids():
            text = f"{error}: it allows to {', '.join(ALLOWED[Mode(error.mode)])}"
        case _:
            text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
