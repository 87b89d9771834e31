"""When the next pass is due, so that every document is read again in time: pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from artstore.engine import Capacity

_SPARE = 1.25
"""A pass may take so many times as long as it is expected to."""
_ATTRIBUTES_BYTES = 8192
"""What the scrub counts for each document at least: opening the two files of it."""
_SHORTEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """``within``: every document is read again within this time."""

    enabled: bool
    within: timedelta
    bytes_per_second: int

    def expected(self, capacity: Capacity, last: timedelta | None) -> timedelta:
        """How long a pass takes; ``last``: how long the last one took, with all its interruptions."""
        size = capacity.used_bytes + capacity.documents * _ATTRIBUTES_BYTES
        at_this_rate = timedelta(seconds=size / self.bytes_per_second)
        return max(at_this_rate, min(last or timedelta(0), self.within))

    def within_reach(self, expected: timedelta) -> bool:
        """Whether a pass is through in time at all."""
        return _SPARE * expected <= self.within

    def due_at(
        self, oldest: datetime | None, ended_at: datetime | None, expected: timedelta
    ) -> datetime | None:
        """When to begin, so that the pass is through before ``oldest`` is too old; None: nothing to read.

        ``ended_at``: of the last pass. After it there is a pause in any case, of a day or less, so that what
        cannot be judged now does not keep the disk busy.
        """
        if oldest is None:
            return None
        due = oldest + self.within - min(_SPARE * expected, self.within)
        if ended_at is None:
            return due
        return max(due, ended_at + min(_SHORTEST_PAUSE, self.within / 30))
