"""Every error that is an outcome has an exit code; a bug has none."""

import pytest

from artstore.cli import exits
from artstore.launcher.errors import CannotStart, DataFolderInUse, LauncherError, PortTaken
from artstore.sdk import errors


def test_codes_are_unique_and_explained() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert codes == set(exits.MEANINGS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CannotStart("redis", "reason"), exits.CANNOT_START),
        (PortTaken("admin", "127.0.0.1", 8000), exits.CANNOT_START),
        (LauncherError("sentence"), exits.CANNOT_START),
        (errors.BadProfile("sentence"), exits.USAGE),
        (errors.Rejected("sentence"), exits.REJECTED),
        (errors.TooLarge("sentence"), exits.REJECTED),
        (errors.Unauthenticated("sentence"), exits.REFUSED),
        (errors.Forbidden("sentence"), exits.REFUSED),
        (errors.NotFound("sentence"), exits.NOT_FOUND),
        (errors.Conflict("sentence"), exits.REJECTED),
        (errors.NoRoom("sentence"), exits.UNAVAILABLE),
        (errors.Offline("sentence"), exits.UNAVAILABLE),
        (errors.Unavailable("sentence"), exits.UNAVAILABLE),
        (errors.TooManyRequests("sentence"), exits.UNAVAILABLE),
        (errors.Damaged("sentence"), exits.FAILED),
        (errors.ServiceFailed("sentence"), exits.FAILED),
        (FileNotFoundError(2, "No such file", "x"), exits.FAILED),
        (KeyError("a bug"), None),
    ],
)
def test_code_of(error: Exception, code: int | None) -> None:
    assert exits.code_of(error) == code


def test_every_class_of_the_sdk_is_told_apart_on_purpose() -> None:
    """A new class below ArtStoreError falls to FAILED unless it is thought of here."""
    known = {
        *("BadProfile", "Rejected", "AccessRefused", "NotFound", "Conflict", "NoRoom", "Unavailable"),
        *("Damaged", "Offline", "ServiceFailed"),
    }
    assert {child.__name__ for child in errors.ArtStoreError.__subclasses__()} == known


def test_a_folder_in_use_says_which() -> None:
    from pathlib import Path

    assert "somewhere" in str(DataFolderInUse(Path("somewhere")))
