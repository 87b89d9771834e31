"""Whatever may be decided about an element can be told in the audit trail."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from artstore.admin.audit import SYSTEM
from artstore.admin.audit.leaf import leaf, members
from artstore.admin.storage_elements.decisions import _entry
from artstore.wire.elements import (
    RegisteredElement,
    Registration,
    RegistrationChange,
)
from tests.support.announcements import registered

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOST = 2**53 - 1
WIDE = "\U0001f5bc"


def registration(**changes: object) -> Registration:
    """What is kept of a change that the API takes."""
    wanted = RegistrationChange.model_validate(changes)
    return Registration.model_validate(wanted.model_dump(exclude_unset=True))


def element(kept: Registration) -> RegisteredElement:
    return registered(
        "rw-01", capacity_bytes=MOST, free_bytes=MOST, documents=MOST, max_file_bytes=MOST, registration=kept
    )


@pytest.mark.parametrize("value", [WIDE * 60, "\x01" * 40, '"' * 100])
def test_the_largest_labels_that_replace_as_large_ones(value: str) -> None:
    before, after = ({f"{name}{n}": value for n in range(30)} for name in ("old", "new"))
    entry = _entry(
        element(registration(labels=before)),
        registration(labels=after, limit_bytes=MOST, limit_file_bytes=MOST),
        SYSTEM,
    )
    assert b'"new29"' in leaf(members(entry, 0, NOW))


@pytest.mark.parametrize(
    "change",
    [
        {"limit_bytes": MOST + 1},
        {"limit_file_bytes": MOST + 1},
        {"labels": {f"l{n}": WIDE * 255 for n in range(9)}},
        {"labels": {f"l{n}": "\x01" * 255 for n in range(9)}},
    ],
)
def test_more_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        registration(**change)
