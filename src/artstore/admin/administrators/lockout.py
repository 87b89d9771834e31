"""When too many logins failed: a pure account of attempts, kept for each person and for each address.

An attempt counts as failed from its beginning, and is forgiven when it succeeds: so guesses that are made at
the same time, by however many processes, are never more than allowed. Whoever keeps it changes it under
a lock.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_FORGET_AFTER = timedelta(hours=24)
"""So long after the last attempt nothing is held against anybody any more."""


@dataclass(frozen=True)
class Limits:
    """``failures`` in a row lead to a lock of ``first``, each further one is twice as long, to ``longest``.

    The longest is bounded, so that nobody can be locked out for ever by a stranger.
    """

    failures: int
    first: timedelta
    longest: timedelta


@dataclass(frozen=True)
class Attempts:
    failures: int = 0
    lockouts: int = 0
    """Locks since the last success: the next one is the longer for it."""
    locked_until: datetime | None = None
    last_attempt_at: datetime | None = None


def begin(attempts: Attempts, now: datetime, limits: Limits) -> Attempts | None:
    """The account with one attempt more, or None where it is locked: then nothing is counted or looked at."""
    if attempts.locked_until is not None and now < attempts.locked_until:
        return None
    if attempts.last_attempt_at is not None and now - attempts.last_attempt_at > _FORGET_AFTER:
        attempts = Attempts()
    # A lock that is over leaves as many attempts as before it, and a longer lock after them.
    failures = (0 if attempts.locked_until is not None else attempts.failures) + 1
    if failures < limits.failures:
        return Attempts(failures, attempts.lockouts, None, now)
    until = now + _duration(attempts.lockouts, limits)
    return Attempts(failures, attempts.lockouts + 1, until, now)


def give_back(attempts: Attempts) -> Attempts:
    """The account after an attempt turned out to be neither a success nor a failure."""
    if attempts.failures == 0:
        return attempts
    was_locked = attempts.locked_until is not None
    return replace(
        attempts,
        failures=attempts.failures - 1,
        lockouts=attempts.lockouts - was_locked,
        locked_until=None,
    )


def _duration(lockouts: int, limits: Limits) -> timedelta:
    # Bounded before it is doubled, for the power of a large number has no timedelta.
    doubled: int = 1 << min(lockouts, 20)
    return min(limits.longest, limits.first * doubled)
