"""Every error of the engine can be built and printed, and its tree stands in the docstring."""

import inspect
from pathlib import Path
from uuid import UUID

import pytest

from artstore.engine import errors

ID = UUID("0193563f-5a00-7000-8000-000000000000")
EXAMPLES: list[errors.EngineError] = [
    errors.EngineError("base"),
    errors.NotFound(ID),
    errors.RevisionMismatch(ID, "a", "b"),
    errors.AlreadyStored(ID, None, "0" * 64),
    errors.ModeForbids("ro", "delete documents"),
    errors.NoRoom(100, 10),
    errors.NoRoom(None, 0),
    errors.DiskFull("write x"),
    errors.ChecksumMismatch("0" * 64, "1" * 64),
    errors.TooLarge(5),
    errors.UploadUnknown(),
    errors.UploadBusy(),
    errors.OffsetMismatch(1, 2),
    errors.PieceMismatch("sha1"),
    errors.UploadClosed("it is complete"),
    errors.PartsUnfit("a part is gone"),
    errors.TooManyUploads(5),
    errors.BatchUnknown(),
    errors.BatchClosed("it was given up"),
    errors.BatchFull(5),
    errors.BatchIncomplete(2, 1),
    errors.TooManyBatches(5),
    errors.LogFull(10, 5),
    errors.StoreUnavailable("it cannot be reached"),
    errors.StoreRefuses("the bucket does not exist"),
    errors.Damaged(ID, "its checksum differs"),
    errors.NotAnElement(Path("root"), "element.json is missing"),
    errors.ElementMismatch("the id", "a", "b"),
    errors.StoreMismatch("a", "nothing"),
    errors.Locked(Path("root")),
    errors.Closed(),
    errors.LogFailed("EIO"),
]
CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.EngineError)
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_says_something(error: errors.EngineError) -> None:
    assert str(error)
    assert "None" not in str(error)
    assert isinstance(error.transient, bool)


def test_every_class_has_an_example() -> None:
    assert {type(error) for error in EXAMPLES} == set(CLASSES)


def test_the_docstring_shows_the_tree() -> None:
    tree = errors.__doc__ or ""
    for cls in CLASSES:
        assert f" {cls.__name__} " in tree.replace("\n", " \n ").replace("── ", "──  "), cls
