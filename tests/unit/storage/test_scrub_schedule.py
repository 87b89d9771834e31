"""When passes are due: early enough that no document waits longer than was promised."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from artstore.engine import Capacity
from artstore.storage.scrub.schedule import Schedule

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)
RATE = 1000


def schedule(days: float = 30) -> Schedule:
    return Schedule(True, timedelta(days=days), RATE)


def holding(seconds: float, documents: int = 0) -> Capacity:
    """Of an element that takes so long to read."""
    return Capacity(
        capacity_bytes=1 << 60,
        used_bytes=int(seconds * RATE),
        reserved_bytes=0,
        free_bytes=0,
        documents=documents,
    )


ORDER = list(range(5))


@given(
    days=st.floats(min_value=0.5, max_value=400),
    part=st.floats(min_value=0, max_value=0.7),
    slower=st.floats(min_value=1, max_value=1.2),
)
def test_no_document_waits_longer_than_promised(days: float, part: float, slower: float) -> None:
    """Though passes take a fifth longer than they are expected to."""
    check(days, part, slower, [ORDER] * 6)


@given(
    days=st.floats(min_value=0.5, max_value=400),
    part=st.floats(min_value=0, max_value=0.35),
    orders=st.lists(st.permutations(ORDER), min_size=3, max_size=6),
)
def test_nor_if_each_pass_reads_in_another_order(days: float, part: float, orders: list[list[int]]) -> None:
    """Where a pass is through in a third of the time."""
    check(days, part, 1.2, orders)


def check(days: float, part: float, slower: float, orders: list[list[int]]) -> None:
    plan = schedule(days)
    expected = plan.within * part
    verified = dict.fromkeys(ORDER, NOW)
    ended_at = None
    for order in orders:
        begin = plan.due_at(min(verified.values()), ended_at, expected)
        assert begin is not None
        for place, number in enumerate(order, start=1):
            at = begin + expected * slower * place / 5
            assert at - verified[number] <= plan.within
            verified[number] = at
        ended_at = begin + expected * slower


def test_nothing_is_due_where_there_is_nothing() -> None:
    assert schedule().due_at(None, None, DAY) is None


def test_what_waits_too_long_already_is_due_at_once() -> None:
    due_at = schedule().due_at(NOW - 100 * DAY, None, DAY)
    assert due_at is not None
    assert due_at < NOW


def test_between_passes_there_is_a_pause() -> None:
    """What was passed over and still waits does not keep the disk busy."""
    assert schedule().due_at(NOW - 100 * DAY, NOW, DAY) == NOW + DAY
    assert schedule(3).due_at(NOW - 100 * DAY, NOW, 9 * DAY) == NOW + DAY / 10


def test_a_pass_takes_what_its_rate_lets_it_or_what_the_last_one_took() -> None:
    assert schedule().expected(holding(3600), None) == timedelta(hours=1)
    assert schedule().expected(holding(3600), DAY) == DAY
    assert schedule().expected(holding(3600), 99 * DAY) == 30 * DAY
    assert schedule().expected(holding(0, documents=1000), None) == timedelta(seconds=8192)


def test_a_rate_that_is_too_low_is_seen() -> None:
    day = DAY.total_seconds()
    assert schedule().within_reach(schedule().expected(holding(23 * day), None))
    assert not schedule().within_reach(schedule().expected(holding(25 * day), None))
