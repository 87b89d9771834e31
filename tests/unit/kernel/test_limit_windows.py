"""The windows of one process: never more than the limit in a minute, and room again after it."""

from collections import deque
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.limits.windows import WINDOW_SECONDS, Windows


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


STEPS = st.lists(
    st.tuples(
        st.floats(0, 25).map(lambda seconds: round(seconds, 3)),
        st.sampled_from(["one", "two"]),
        st.integers(1, 6),
        st.booleans(),
    ),
    max_size=200,
)


@given(STEPS)
def test_no_minute_has_more_than_the_limit(steps: list[tuple[float, str, int, bool]]) -> None:
    """Whatever limits are given: what is allowed at one was the last minute's no more than that."""
    clock = Clock()
    windows = Windows(now=clock)
    taken: dict[str, deque[float]] = {"one": deque(), "two": deque()}
    for pause, key, limit, keep in steps:
        clock.now += pause
        standing = windows.take(key, limit)
        if standing.allowed and not keep:
            windows.give_back(key, standing)
        elif standing.allowed:
            taken[key].append(clock.now)
            last_minute = [at for at in taken[key] if at > clock.now - WINDOW_SECONDS]
            assert len(last_minute) <= limit


@given(STEPS)
def test_what_is_refused_is_allowed_after_the_time_told_and_not_a_second_earlier_than_needed(
    steps: list[tuple[float, str, int, bool]],
) -> None:
    clock = Clock()
    windows = Windows(now=clock)
    for pause, key, limit, _ in steps:
        clock.now += pause
        standing = windows.take(key, limit)
        assert 0 < standing.reset_seconds <= WINDOW_SECONDS + 1
        if standing.allowed:
            assert 0 <= standing.remaining < limit
            continue
        ahead = deepcopy(windows, {id(clock): clock})  # what is over is thrown away when it is met
        refused_at, clock.now = clock.now, float(int(clock.now) + standing.reset_seconds - 1)
        assert not ahead.look(key, limit).allowed
        clock.now = refused_at + standing.reset_seconds
        assert ahead.look(key, limit).allowed
        clock.now = refused_at


def test_looking_counts_nothing() -> None:
    windows = Windows(now=Clock())
    for _ in range(5):
        assert windows.look("key", 1).allowed
    assert windows.take("key", 1).allowed
    assert not windows.look("key", 1).allowed


def test_all_room_is_back_after_the_minute() -> None:
    clock = Clock()
    windows = Windows(now=clock)
    assert [windows.take("key", 3).remaining for _ in range(3)] == [2, 1, 0]
    clock.now += WINDOW_SECONDS + 1
    assert windows.take("key", 3).remaining == 2


def test_what_is_given_back_leaves_the_second_it_was_taken_in() -> None:
    """Taken from a later one, what was taken there would be forgotten too early."""
    clock = Clock()
    windows = Windows(now=clock)
    first = windows.take("key", 2)
    clock.now += 30
    assert windows.take("key", 2).allowed
    windows.give_back("key", first)
    clock.now += 31.5  # the first would be over by now, the second is not
    assert windows.take("key", 2).allowed
    assert not windows.take("key", 2).allowed


def test_only_so_many_keys_are_kept() -> None:
    windows = Windows(now=Clock(), most_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        windows.take(key, 2)
    assert len(windows) == 3
    left = {key: windows.look(key, 2).remaining for key in ("a", "b", "c", "d")}
    assert left == {"a": 0, "b": 2, "c": 1, "d": 1}, "b was used longest ago"
