"""The status of an element's room."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.engine import Capacity
from artstore.storage.element.thresholds import Threshold, Thresholds
from artstore.storage.settings import StorageSettings
from artstore.wire.elements import CapacityStatus

SETTINGS = {
    "element_id": "e",
    "root": "/e",
    "mode": "rw",
    "port": 1,
    "redis_url": "redis://r",
    "admin_url": "http://a",
    "database_url": "postgresql://d",
}
ORDER = list(CapacityStatus)


def room(free: int, whole: int = 1000) -> Capacity:
    return Capacity(whole, whole - free, 0, free, 0)


class TestLargerOfTwo:
    THRESHOLDS = Thresholds(Threshold(20, 300), Threshold(10, 100), Threshold(5, 10))

    @pytest.mark.parametrize(
        ("free", "status"),
        [
            (1000, "ok"),
            (300, "ok"),
            (299, "warning"),
            (100, "warning"),
            (99, "critical"),
            (50, "critical"),
            (49, "full"),
            (0, "full"),
        ],
    )
    def test_each_begins_below_its_own(self, free: int, status: str) -> None:
        assert self.THRESHOLDS.status(room(free)) == status

    def test_the_percentage_counts_in_a_large_element(self) -> None:
        assert self.THRESHOLDS.status(room(1999, 10_000)) == "warning"

    def test_the_amount_counts_in_a_small_one(self) -> None:
        assert self.THRESHOLDS.status(room(200, 200)) == "warning"

    def test_no_room_is_full_whatever_the_thresholds(self) -> None:
        nothing = Threshold(0, 0)
        thresholds = Thresholds(nothing, nothing, nothing)
        assert [thresholds.status(room(free)) for free in (0, 1)] == ["full", "ok"]


_LIMITS = st.builds(Threshold, st.floats(0, 100), st.integers(0, 2000))


@given(st.builds(Thresholds, _LIMITS, _LIMITS, _LIMITS), st.integers(1, 10_000))
def test_less_room_is_never_better(thresholds: Thresholds, whole: int) -> None:
    free = range(whole, -1, -max(1, whole // 50))
    found = [ORDER.index(thresholds.status(room(each, whole))) for each in free]
    assert all(earlier <= later for earlier, later in itertools.pairwise(found))


class TestSettings:
    def test_defaults_are_those_of_the_thresholds(self) -> None:
        assert StorageSettings.model_validate(SETTINGS).thresholds == Thresholds()
