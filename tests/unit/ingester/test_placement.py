"""The choice of the element."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import RetentionPolicy
from artstore.ingester.placement import CannotPlace, Needs, Obstacle, Strategy, Wanted, mode_for, place
from artstore.wire.elements import (
    CapacityStatus,
    ElementHealth,
    ElementState,
    Mode,
    RegisteredElement,
    Registration,
)
from tests.support.announcements import NOW, registered

WANTED = Wanted(Mode.RW, at_least=1, at_most=100)


def chosen(elements: list[RegisteredElement], wanted: Wanted = WANTED) -> list[str]:
    return [found.element_id for found in place(elements, wanted)]


def obstacle(elements: list[RegisteredElement], wanted: Wanted = WANTED) -> Obstacle:
    with pytest.raises(CannotPlace) as refused:
        place(elements, wanted)
    assert refused.value.detail.endswith((".", "later."))
    return refused.value.obstacle


class TestMode:
    def test_what_is_temporary_goes_where_it_can_be_deleted(self) -> None:
        assert mode_for(RetentionPolicy.TEMPORARY) is Mode.EDIT

    def test_what_is_permanent_goes_where_it_cannot(self) -> None:
        assert mode_for(RetentionPolicy.PERMANENT) is Mode.RW


class TestOrder:
    def test_by_id_whatever_is_free(self) -> None:
        elements = [registered("c", free_bytes=900), registered("a", free_bytes=100), registered("b")]
        assert chosen(elements) == ["a", "b", "c"]

    def test_smaller_priorities_come_first(self) -> None:
        elements = [
            registered("a", registration=Registration(priority=200)),
            registered("b"),
            registered("c", registration=Registration(priority=1)),
        ]
        assert chosen(elements) == ["c", "b", "a"]

    @pytest.mark.parametrize("state", [ElementState.DRAINING, ElementState.RETIRED])
    def test_those_that_are_drained_or_retired_are_left_out(self, state: ElementState) -> None:
        assert chosen([registered("a", registration=Registration(state=state)), registered("b")]) == ["b"]

    def test_limits_of_the_registry_count(self) -> None:
        elements = [
            registered("a", used_bytes=50, registration=Registration(limit_bytes=149)),
            registered("b", used_bytes=50, registration=Registration(limit_bytes=150)),
            registered("c", registration=Registration(limit_file_bytes=1)),
            registered("d", used_bytes=50, registration=Registration(limit_bytes=10)),
        ]
        assert chosen(elements, Wanted(Mode.RW, at_least=2, at_most=100)) == ["b"]

    def test_limits_above_what_the_element_has_change_nothing(self) -> None:
        unlimited = Registration(limit_bytes=10**9, limit_file_bytes=10**9)
        assert chosen([registered("a", free_bytes=99, registration=unlimited), registered("b")]) == ["b"]

    def test_full_ones_are_left_out(self) -> None:
        assert chosen([registered("a", free_bytes=99), registered("b", free_bytes=100)]) == ["b"]

    @pytest.mark.parametrize("status", sorted(set(CapacityStatus) - {CapacityStatus.FULL}))
    def test_those_with_little_room_take_what_fits(self, status: CapacityStatus) -> None:
        assert chosen([registered("a", capacity_status=status), registered("b")]) == ["a", "b"]

    def test_those_that_say_they_are_full_are_left_out_whatever_fits(self) -> None:
        assert chosen([registered("a", capacity_status=CapacityStatus.FULL), registered("b")]) == ["b"]

    def test_other_modes_are_left_out(self) -> None:
        others = [registered(mode.value, mode=mode) for mode in Mode if mode is not Mode.RW]
        assert chosen([*others, registered("z")]) == ["z"]

    def test_those_away_are_left_out(self) -> None:
        assert chosen([registered("a", health=ElementHealth.AWAY), registered("b")]) == ["b"]

    def test_the_degraded_take_documents(self) -> None:
        assert chosen([registered("a", health=ElementHealth.DEGRADED), registered("b")]) == ["a", "b"]

    def test_a_size_that_is_only_bounded_excludes_nothing_for_its_limit(self) -> None:
        elements = [registered("a", max_file_bytes=50), registered("b", max_file_bytes=9)]
        assert chosen(elements, Wanted(Mode.RW, at_least=10, at_most=100)) == ["a"]

    def test_an_unknown_size_goes_where_there_is_any_room(self) -> None:
        elements = [registered("a", free_bytes=0), registered("b", free_bytes=1)]
        assert chosen(elements, Wanted(Mode.RW)) == ["b"]


class TestFreeRoom:
    def order(self, *elements: RegisteredElement) -> list[str]:
        return [found.element_id for found in place(elements, WANTED, strategy=Strategy.FREE_ROOM)]

    def test_the_most_comes_first_whatever_the_priority(self) -> None:
        first = Registration(priority=1)
        assert self.order(
            registered("a", free_bytes=100, registration=first),
            registered("b", free_bytes=300),
            registered("c"),
        ) == ["c", "b", "a"]

    def test_by_id_where_it_is_the_same(self) -> None:
        assert self.order(registered("b"), registered("a")) == ["a", "b"]

    def test_limits_of_the_registry_count(self) -> None:
        limited = Registration(limit_bytes=200)
        assert self.order(registered("a", registration=limited), registered("b", free_bytes=201)) == [
            "b",
            "a",
        ]


class TestNeeds:
    def fitting(self, needs: Needs, *elements: RegisteredElement) -> list[str]:
        return [found.element_id for found in place(elements, WANTED, needs)]

    def labelled(self, element_id: str, **labels: str) -> RegisteredElement:
        return registered(element_id, registration=Registration(labels=labels))

    def kept(self, element_id: str, until: datetime | None) -> RegisteredElement:
        return registered(element_id, registration=Registration(retention_until=until))

    def test_all_labels_with_their_values(self) -> None:
        needs = Needs(labels={"region": "eu", "tier": "1"})
        assert self.fitting(
            needs,
            self.labelled("a", region="eu"),
            self.labelled("b", region="eu", tier="2"),
            self.labelled("c", region="eu", tier="1", more="x"),
            registered("d"),
        ) == ["c"]

    def test_a_period_that_is_long_enough(self) -> None:
        needs = Needs(kept_until=NOW)
        early, late = NOW - timedelta(seconds=1), NOW + timedelta(days=1)
        assert self.fitting(
            needs, self.kept("a", early), self.kept("b", NOW), self.kept("c", late), self.kept("d", None)
        ) == ["b", "c"]

    def test_none_meets_them(self) -> None:
        needs = Needs(labels={"region": "eu"}, kept_until=NOW)
        with pytest.raises(
            CannotPlace, match="labels region=eu and a retention period until 2026-11-23"
        ) as no:
            place([registered()], WANTED, needs)
        assert no.value.obstacle is Obstacle.NONE_AVAILABLE

    def test_the_one_that_meets_them_is_full(self) -> None:
        needs = Needs(labels={"region": "eu"})
        full = registered(
            "a", capacity_status=CapacityStatus.FULL, registration=Registration(labels={"region": "eu"})
        )
        with pytest.raises(CannotPlace) as no:
            place([full, registered("b")], WANTED, needs)
        assert no.value.obstacle is Obstacle.NO_ROOM


class TestObstacles:
    def test_no_element_at_all(self) -> None:
        assert obstacle([]) is Obstacle.NONE_AVAILABLE

    def test_none_of_the_mode(self) -> None:
        assert obstacle([registered(mode=Mode.EDIT)]) is Obstacle.NONE_AVAILABLE

    def test_all_away(self) -> None:
        assert obstacle([registered(health=ElementHealth.AWAY)]) is Obstacle.NONE_AVAILABLE

    def test_all_drained(self) -> None:
        drained = Registration(state=ElementState.DRAINING)
        assert obstacle([registered(registration=drained)]) is Obstacle.NONE_AVAILABLE

    def test_none_with_room(self) -> None:
        assert obstacle([registered(free_bytes=99), registered("e2", free_bytes=0)]) is Obstacle.NO_ROOM

    def test_all_say_they_are_full(self) -> None:
        full = registered(capacity_status=CapacityStatus.FULL)
        assert obstacle([full]) is Obstacle.NO_ROOM
        assert obstacle([full, registered("e2", free_bytes=99)]) is Obstacle.NO_ROOM

    def test_larger_than_any_takes(self) -> None:
        elements = [registered(max_file_bytes=9), registered("e2", max_file_bytes=5)]
        assert obstacle(elements, Wanted(Mode.RW, at_least=10)) is Obstacle.TOO_LARGE

    def test_of_one_that_was_never_heard_of_it_is_not_known(self) -> None:
        never = {"max_file_bytes": 0, "free_bytes": 0, "health": ElementHealth.AWAY}
        elements = [registered(max_file_bytes=9), registered("e2", **never)]
        assert obstacle(elements, Wanted(Mode.RW, at_least=10)) is Obstacle.NONE_AVAILABLE
        limited = registered("e2", **never, registration=Registration(limit_file_bytes=9))
        assert obstacle([limited], Wanted(Mode.RW, at_least=10)) is Obstacle.TOO_LARGE

    def test_the_one_that_would_take_it_is_away(self) -> None:
        elements = [registered(max_file_bytes=9), registered("e2", health=ElementHealth.AWAY)]
        assert obstacle(elements, Wanted(Mode.RW, at_least=10)) is Obstacle.NONE_AVAILABLE

    def test_room_at_one_that_is_away_does_not_count(self) -> None:
        elements = [registered(free_bytes=9), registered("e2", health=ElementHealth.AWAY)]
        assert obstacle(elements) is Obstacle.NO_ROOM


_ELEMENTS = st.builds(
    registered,
    st.text("abc123", min_size=1, max_size=4),
    mode=st.sampled_from(Mode),
    health=st.sampled_from(ElementHealth),
    free_bytes=st.integers(0, 30),
    capacity_status=st.sampled_from(CapacityStatus),
    max_file_bytes=st.integers(1, 30),
)


@given(elements=st.lists(_ELEMENTS, max_size=8), least=st.integers(1, 30), more=st.none() | st.integers(0, 5))
def test_takes_all_that_fit_and_none_that_does_not(
    elements: list[RegisteredElement], least: int, more: int | None
) -> None:
    wanted = Wanted(Mode.RW, least, None if more is None else least + more)
    needed = least + (more or 0)
    fitting = [
        e
        for e in elements
        if e.mode is Mode.RW
        and e.health is not ElementHealth.AWAY
        and e.max_file_bytes >= least
        and e.free_bytes >= needed
        and e.capacity_status is not CapacityStatus.FULL
    ]
    try:
        found = place(elements, wanted)
    except CannotPlace:
        found = []
    assert sorted(e.element_id for e in fitting) == [e.element_id for e in found]
