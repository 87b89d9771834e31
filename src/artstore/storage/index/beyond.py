"""What the log has and the index has not taken yet, for listings that must not miss it."""

from artstore.engine import Change, ChangesGone, Lsn
from artstore.storage.following import STARTING, Log, LogFollower
from artstore.storage.index.reader import IndexUnavailable

MOST_CHANGES = 5000
"""Laid over the index for one page at most; with small documents reading them takes some 0.3 s."""
WAIT_SECONDS = 5.0
"""For an index that is further behind to come near. It takes thousands of changes in a second."""


class BeyondIndex:
    """Raises IndexUnavailable where the index is away, or too far behind for a page to be complete."""

    def __init__(self, log: Log, follower: LogFollower, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._log = log
        self._follower = follower
        self._wait_seconds = wait_seconds

    async def near(self) -> Lsn:
        """The last LSN that was acknowledged before this call, once the index is near enough to it."""
        last = self._log.last_lsn
        if self._follower.status.away == STARTING:
            await self._follower.at_work(self._wait_seconds)
        away = self._follower.status.away
        if away is not None:
            raise IndexUnavailable(f"the index is away: {away}")
        if not await self._follower.reached(last - MOST_CHANGES, self._wait_seconds):
            raise IndexUnavailable(f"the index is {self._follower.lag} changes behind and catches up")
        return last

    async def changes(self, position: int, last: Lsn) -> list[Change]:
        """Behind ``position`` of the index, up to ``last``; in order."""
        changes: list[Change] = []
        while position < last:
            try:
                more = await self._log.changes(Lsn(position), last - position)
            except ChangesGone as error:
                raise IndexUnavailable("the index is behind what the log still has") from error
            if not more:
                break  # what is left of the log up to here is damaged, as recovery told
            changes += more
            position = more[-1].lsn
        return [change for change in changes if change.lsn <= last]
