"""The status of an element's room."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

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


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2000)), min_size=3, max_size=3),
    st.integers(1, 10_000),
)
def test_less_room_is_never_better(limits: list[tuple[float, int]], whole: int) -> None:
    percents, amounts = (sorted(each, reverse=True) for each in zip(*limits, strict=True))
    thresholds = Thresholds(*map(Threshold, percents, amounts))
    assert thresholds.first_out_of_order() is None
    found = [
        ORDER.index(thresholds.status(room(free, whole))) for free in range(whole, -1, -max(1, whole // 50))
    ]
    assert all(earlier <= later for earlier, later in itertools.pairwise(found))


class TestSettings:
    def test_defaults_are_those_of_the_thresholds(self) -> None:
        assert StorageSettings.model_validate(SETTINGS).thresholds == Thresholds()

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"critical_free_percent": 11}, "CRITICAL"),
            ({"critical_free_bytes": 1 << 31}, "CRITICAL"),
            ({"full_free_percent": 6}, "FULL"),
            ({"full_free_bytes": 1 << 30}, "FULL"),
            ({"warning_free_percent": 0}, "CRITICAL"),
        ],
    )
    def test_that_contradict_each_other_are_refused(self, changed: dict[str, float], named: str) -> None:
        with pytest.raises(ValidationError, match=f"{named}_FREE_PERCENT"):
            StorageSettings.model_validate(SETTINGS | changed)
