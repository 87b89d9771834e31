"""Every error of the layers below has a problem type of its own; none reaches a client as it is."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import AttributesError, AttributesInvalid, AttributesTooLarge, FilenameInvalid
from artstore.engine import ChangesGone, Lsn
from artstore.engine import errors as engine
from artstore.kernel import problems
from artstore.kernel.multipart import BrokenForm, FieldTooLarge, NotAForm
from artstore.kernel.streaming import UnsatisfiableRange
from artstore.storage.index.reader import IndexUnavailable
from artstore.storage.refusals import REFUSALS, REFUSED_CLASSES, refusal_of
from artstore.wire.problems import ProblemType

FILE_ID = UUID("01936a2f-0000-7000-8000-000000000001")
SECRET_PATH = Path("/srv/archive/secret")

ERRORS: list[tuple[Exception, ProblemType]] = [
    (engine.EngineError(), ProblemType.INTERNAL),
    (engine.NotFound(FILE_ID), ProblemType.NOT_FOUND),
    (engine.RevisionMismatch(FILE_ID, "a", "b"), ProblemType.PRECONDITION_FAILED),
    (engine.AlreadyStored(FILE_ID, None, "0" * 64), ProblemType.FILE_ID_TAKEN),
    (engine.ModeForbids("ro", "create"), ProblemType.MODE_FORBIDS),
    (engine.NoRoom(10, 5), ProblemType.INSUFFICIENT_STORAGE),
    (engine.DiskFull("write the log"), ProblemType.INSUFFICIENT_STORAGE),
    (engine.ChecksumMismatch("0" * 64, "1" * 64), ProblemType.DIGEST_MISMATCH),
    (engine.TooLarge(10), ProblemType.FILE_TOO_LARGE),
    (engine.UploadUnknown(), ProblemType.NOT_FOUND),
    (engine.UploadBusy(), ProblemType.UPLOAD_BUSY),
    (engine.OffsetMismatch(1, 2), ProblemType.OFFSET_MISMATCH),
    (engine.PieceMismatch("sha1"), ProblemType.CHECKSUM_MISMATCH),
    (engine.UploadClosed("it is complete"), ProblemType.NOT_PERMITTED),
    (engine.PartsUnfit("a part is gone"), ProblemType.INVALID_PARAMETER),
    (engine.TooManyUploads(5), ProblemType.TOO_MANY_UPLOADS),
    (engine.BatchUnknown(), ProblemType.NOT_FOUND),
    (engine.BatchClosed("it was given up"), ProblemType.BATCH_CLOSED),
    (engine.BatchFull(5), ProblemType.BATCH_FULL),
    (engine.BatchIncomplete(2, 1), ProblemType.BATCH_INCOMPLETE),
    (engine.TooManyBatches(5), ProblemType.TOO_MANY_BATCHES),
    (engine.LogFull(10, 5), ProblemType.LOG_FULL),
    (engine.StoreUnavailable("it cannot be reached"), ProblemType.DEPENDENCY_UNAVAILABLE),
    (engine.StoreRefuses("the bucket does not exist"), ProblemType.DEPENDENCY_UNAVAILABLE),
    (engine.Damaged(SECRET_PATH, "too short"), ProblemType.DOCUMENT_DAMAGED),
    (ChangesGone(Lsn(1), Lsn(5)), ProblemType.INTERNAL),
    (engine.NotAnElement(SECRET_PATH, "empty"), ProblemType.INTERNAL),
    (engine.ElementMismatch("mode", "rw", "ro"), ProblemType.INTERNAL),
    (engine.StoreMismatch("rw-01", "nothing"), ProblemType.INTERNAL),
    (engine.Locked(SECRET_PATH), ProblemType.INTERNAL),
    (engine.Closed(), ProblemType.ELEMENT_UNAVAILABLE),
    (engine.LogFailed(f"EIO on {SECRET_PATH}"), ProblemType.ELEMENT_UNAVAILABLE),
    (AttributesInvalid("content_type", "is missing"), ProblemType.INVALID_ATTRIBUTES),
    (AttributesTooLarge(5000), ProblemType.ATTRIBUTES_TOO_LARGE),
    (FilenameInvalid("the file name is empty"), ProblemType.INVALID_FILENAME),
    (AttributesError("wrong"), ProblemType.INVALID_ATTRIBUTES),
    (BrokenForm("The form ends too early."), ProblemType.BROKEN_MULTIPART),
    (NotAForm("The body must be multipart/form-data."), ProblemType.UNSUPPORTED_MEDIA_TYPE),
    (FieldTooLarge("description", 65536), ProblemType.ATTRIBUTES_TOO_LARGE),
    (IndexUnavailable("the index is being rebuilt"), ProblemType.DEPENDENCY_UNAVAILABLE),
    (UnsatisfiableRange(10), ProblemType.RANGE_NOT_SATISFIABLE),
]


@pytest.mark.parametrize(("error", "kind"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS])
def test_each_error_becomes_its_problem(error: Exception, kind: ProblemType) -> None:
    problem = refusal_of(error)
    assert problem.kind is kind
    assert problems.problem_response(problem).status_code == kind.status
    assert problem.detail.endswith(".")
    assert "secret" not in problem.detail
    assert ("Retry-After" in problem.headers) == (kind.status == 503)


def test_no_error_class_is_forgotten() -> None:
    tried = {type(error) for error, _ in ERRORS}
    for base in REFUSED_CLASSES:
        for defined in classes_below(base):
            assert defined in REFUSALS, f"{defined.__name__} has no problem type"
            assert defined in tried, f"{defined.__name__} is not tried here"


def classes_below(base: type[Exception]) -> Iterator[type[Exception]]:
    """With all below it, but for those of adoption, which is a command and no part of the service."""
    yield base
    for below in base.__subclasses__():
        if below.__module__.startswith("artstore.engine.adoption"):
            continue
        yield from classes_below(below)


def test_fields_are_named() -> None:
    assert refusal_of(FilenameInvalid("is empty")).field == "file"
    assert refusal_of(FieldTooLarge("tags", 10)).field == "tags"
    assert (
        refusal_of(AttributesInvalid("custom_attributes.a", "is not finite")).field == "custom_attributes.a"
    )


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (engine.Closed(), True),
        (engine.LogFailed("EIO"), True),
        (engine.LogFailed("EIO", maybe_written=True), False),
    ],
)
def test_whether_nothing_is_stored_is_told(error: Exception, certain: bool) -> None:
    assert refusal_of(error).members == {"nothing_stored": certain}


def test_an_unsatisfiable_range_tells_the_size() -> None:
    assert refusal_of(UnsatisfiableRange(10)).headers["Content-Range"] == "bytes */10"
