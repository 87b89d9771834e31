"""Windows of this process: how often each key was counted within the last minute. Pure but for the clock."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 60
MOST_KEYS: Final = 10_000
"""Of these at most is anything known; the one that was asked for longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands after it was asked for."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until there is room for more than now; where it is not allowed, until it is worth asking again."""
    second: int = 0
    """In which it was counted, to give it back."""


class Windows:
    """Counts by whole seconds of its clock, and holds each second until all of it is a minute ago.

    What is promised: in no 60 seconds, wherever they begin, is more taken of a key than the limit, while no
    more than ``most_keys`` are in use. Not promised: that room comes back at once; it may be a second late.
    Limits may differ from call to call.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic, most_keys: int = MOST_KEYS) -> None:
        self._now = now
        self._most_keys = most_keys
        self._counts: OrderedDict[str, deque[list[int]]] = OrderedDict()
        """By key: pairs of second and count, the oldest first."""

    def take(self, key: str, limit: int) -> Standing:
        """Counts one if the limit allows it."""
        return self._ask(key, limit, count=True)

    def look(self, key: str, limit: int) -> Standing:
        """Whether one would be allowed; nothing is counted."""
        return self._ask(key, limit, count=False)

    def give_back(self, key: str, taken: Standing) -> None:
        """Takes back one that ``take`` has allowed."""
        for pair in self._counts.get(key, ()):
            if pair[0] == taken.second and pair[1] > 0:
                pair[1] -= 1
                return

    def __len__(self) -> int:
        return len(self._counts)

    def _ask(self, key: str, limit: int, *, count: bool) -> Standing:
        second = int(self._now())
        counts = self._counts.get(key)
        if counts is None:
            counts = deque()
        while counts and counts[0][0] < second - WINDOW_SECONDS:
            counts.popleft()
        taken = sum(pair[1] for pair in counts)
        if taken >= limit:
            return Standing(False, limit, 0, _until_room(counts, taken, limit, second))
        if count:
            if counts and counts[-1][0] == second:
                counts[-1][1] += 1
            else:
                counts.append([second, 1])
            taken += 1
            self._keep(key, counts)
        oldest = next((pair[0] for pair in counts if pair[1]), second)
        return Standing(True, limit, limit - taken, oldest + WINDOW_SECONDS + 1 - second, second)

    def _keep(self, key: str, counts: deque[list[int]]) -> None:
        self._counts[key] = counts
        self._counts.move_to_end(key)
        if len(self._counts) > self._most_keys:
            self._counts.popitem(last=False)


def _until_room(counts: deque[list[int]], taken: int, limit: int, second: int) -> int:
    for at, count in counts:
        taken -= count
        if taken < limit:
            return at + WINDOW_SECONDS + 1 - second
    return WINDOW_SECONDS + 1
