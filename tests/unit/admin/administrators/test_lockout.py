"""The account of failed attempts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.administrators.lockout import Attempts, Limits, begin, give_back

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = Limits(5, first=60 * SECOND, longest=600 * SECOND)


def locked(lockouts: int) -> Attempts:
    """As after so many locks one after another; the last has just begun at ``NOW``."""
    attempts, now = Attempts(), NOW
    for _ in range(lockouts):
        now = attempts.locked_until or NOW
        for _ in range(LIMITS.failures):
            begun = begin(attempts, now, LIMITS)
            assert begun is not None
            attempts = begun
    return attempts


def test_the_fifth_failure_locks() -> None:
    attempts = Attempts()
    for number in range(1, 6):
        begun = begin(attempts, NOW, LIMITS)
        assert begun is not None
        attempts = begun
        assert (attempts.failures, attempts.locked_until is None) == (number, number < 5)
    assert attempts.locked_until == NOW + 60 * SECOND
    assert begin(attempts, NOW + 59.9 * SECOND, LIMITS) is None
    again = begin(attempts, NOW + 60 * SECOND, LIMITS)
    assert again is not None
    assert (again.failures, again.locked_until) == (1, None)


def test_locks_grow_up_to_the_longest() -> None:
    lengths = []
    for lockouts in range(1, 8):
        attempts = locked(lockouts)
        assert attempts.locked_until is not None
        assert attempts.last_attempt_at is not None
        lengths.append((attempts.locked_until - attempts.last_attempt_at) / SECOND)
    assert lengths == [60, 120, 240, 480, 600, 600, 600]


@given(st.integers(0, 10**9))
def test_no_lock_is_longer(lockouts: int) -> None:
    begun = begin(Attempts(4, lockouts, None, NOW), NOW, LIMITS)
    assert begun is not None
    assert begun.locked_until is not None
    assert begun.locked_until - NOW <= LIMITS.longest


def test_nothing_is_held_against_anybody_for_ever() -> None:
    attempts = locked(4)
    assert attempts.last_attempt_at is not None
    begun = begin(attempts, attempts.last_attempt_at + timedelta(hours=25), LIMITS)
    assert begun is not None
    assert (begun.failures, begun.lockouts) == (1, 0)


@given(st.integers(0, 30))
def test_an_attempt_that_is_given_back_was_none(before: int) -> None:
    attempts, now = Attempts(), NOW
    for _ in range(before):
        begun = begin(attempts, now, LIMITS)
        assert begun is not None
        attempts = begun
        now = max(now, attempts.locked_until or now)
    begun = begin(attempts, now, LIMITS)
    assert begun is not None
    returned = give_back(begun)
    assert returned.locked_until is None
    assert returned.lockouts == attempts.lockouts
    assert returned.failures == (0 if attempts.locked_until else attempts.failures)


@given(st.lists(st.sampled_from(["attempt", "second", "minute"]), max_size=200))
def test_never_more_than_five_failures_between_two_locks(acts: list[str]) -> None:
    attempts, now, granted = Attempts(), NOW, 0
    for act in acts:
        if act != "attempt":
            now += SECOND * (60 if act == "minute" else 1)
            continue
        begun = begin(attempts, now, LIMITS)
        if begun is None:
            assert attempts.locked_until is not None
            assert now < attempts.locked_until
            continue
        granted = 1 if attempts.locked_until else granted + 1
        attempts = begun
        assert granted <= LIMITS.failures
        assert (granted == LIMITS.failures) == (attempts.locked_until is not None)


def test_nothing_to_give_back() -> None:
    assert give_back(Attempts()) == Attempts()
