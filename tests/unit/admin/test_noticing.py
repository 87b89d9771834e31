"""What somebody should see to, and the sums over all elements."""

from datetime import timedelta
from typing import Any

import pytest

from artstore.admin.storage_elements.noticing import Thresholds, listed, statistics, warnings_of
from artstore.wire.elements import (
    ElementHealth,
    ElementState,
    ElementWarning,
    Mode,
    RegisteredElement,
    Registration,
)
from tests.support.announcements import NOW, registered

THRESHOLDS = Thresholds(room_percent=10, retention=timedelta(days=90))


def element(
    element_id: str = "e1", *, registration: Registration | None = None, **changes: Any
) -> RegisteredElement:
    used = {"used_bytes": 100, "free_bytes": 900, "documents": 3}
    return registered(element_id, registration=registration or Registration(), **used | changes)


def warned(**changes: Any) -> list[ElementWarning]:
    return warnings_of(element(**changes), THRESHOLDS, NOW)


class TestRoom:
    @pytest.mark.parametrize(("free", "low"), [(0, True), (100, True), (101, False)])
    def test_of_the_capacity(self, free: int, low: bool) -> None:
        assert warned(free_bytes=free) == [ElementWarning.ROOM_LOW] * low

    @pytest.mark.parametrize(("used", "low"), [(179, False), (180, True), (300, True)])
    def test_of_the_limit_of_the_registry(self, used: int, low: bool) -> None:
        limited = Registration(limit_bytes=200)
        assert warned(registration=limited, used_bytes=used) == [ElementWarning.ROOM_LOW] * low

    @pytest.mark.parametrize("mode", [Mode.RO, Mode.AR])
    def test_does_not_matter_where_nothing_is_stored(self, mode: Mode) -> None:
        assert warned(free_bytes=0, mode=mode) == []

    def test_is_unknown_of_an_element_that_was_never_heard_of(self) -> None:
        assert warned(capacity_bytes=0, free_bytes=0, used_bytes=0, documents=0) == []


class TestRetention:
    @pytest.mark.parametrize(
        ("days", "warning"),
        [
            (-1, [ElementWarning.RETENTION_OVER]),
            (0, [ElementWarning.RETENTION_OVER]),
            (1, [ElementWarning.RETENTION_ENDING]),
            (90, [ElementWarning.RETENTION_ENDING]),
            (91, []),
        ],
    )
    def test_period(self, days: int, warning: list[ElementWarning]) -> None:
        assert warned(registration=Registration(retention_until=NOW + timedelta(days=days))) == warning


class TestRetired:
    def test_has_documents(self) -> None:
        assert warned(registration=Registration(state=ElementState.RETIRED)) == [ElementWarning.NOT_EMPTY]

    def test_needs_nothing_else(self) -> None:
        over = Registration(state=ElementState.RETIRED, retention_until=NOW)
        assert warned(registration=over, documents=0, free_bytes=0) == []


def test_statistics() -> None:
    elements = [
        element("a"),
        element("b", mode=Mode.EDIT, health=ElementHealth.AWAY, free_bytes=0),
        element("c", registration=Registration(state=ElementState.DRAINING)),
        element("d", registration=Registration(state=ElementState.RETIRED)),
    ]
    told = statistics(listed(each, THRESHOLDS, NOW) for each in elements)
    assert (told.total.elements, told.total.documents, told.total.used_bytes) == (3, 9, 300)
    assert (told.by_mode[Mode.RW].elements, told.by_mode[Mode.RW].free_bytes) == (2, 1800)
    assert told.by_mode[Mode.RO].elements == 0
    assert told.by_health == {ElementHealth.OK: 2, ElementHealth.DEGRADED: 0, ElementHealth.AWAY: 1}
    assert told.by_state == {ElementState.ACTIVE: 2, ElementState.DRAINING: 1, ElementState.RETIRED: 1}
    assert told.by_warning[ElementWarning.ROOM_LOW] == 1
    assert told.by_warning[ElementWarning.NOT_EMPTY] == 1
