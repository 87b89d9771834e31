"""A follower gives its target every change in order, whatever the target does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from artstore.engine import Change, ChangeKind, Lsn, Mode
from artstore.storage.following import LogFollower, TargetAway


class MemoryLog:
    """A log of mode changes."""

    def __init__(self) -> None:
        self.last_lsn = Lsn(0)
        self.acknowledged: list[tuple[str, int]] = []
        self._grown = asyncio.Condition()

    async def grow(self, count: int = 1) -> None:
        async with self._grown:
            self.last_lsn = Lsn(self.last_lsn + count)
            self._grown.notify_all()

    async def wait_for(self, lsn: Lsn) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self.last_lsn > lsn)

    async def changes(self, after: Lsn, limit: int) -> list[Change]:
        end = min(self.last_lsn, after + limit)
        return [change(lsn) for lsn in range(after + 1, end + 1)]

    def acknowledge(self, follower: str, lsn: Lsn) -> None:
        self.acknowledged.append((follower, lsn))


def change(lsn: int) -> Change:
    return Change(
        lsn=Lsn(lsn),
        kind=ChangeKind.MODE,
        file_id=None,
        attributes=None,
        storage_path=None,
        mode=Mode.RO,
        at=datetime.now(UTC),
    )


class MemoryTarget:
    """Keeps LSNs. ``failures`` are raised first, one for each call of open or take."""

    name = "memory"
    pace_seconds = 0.0

    def __init__(self, *failures: Exception) -> None:
        self.taken: list[int] = []
        self.failures = list(failures)

    async def open(self) -> Lsn:
        self._fail()
        return Lsn(self.taken[-1] if self.taken else 0)

    async def take(self, changes: Sequence[Change]) -> None:
        self._fail()
        self.taken += [change.lsn for change in changes]

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@asynccontextmanager
async def running(follower: LogFollower) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(follower.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_takes_all_in_order_and_acknowledges() -> None:
    log, target = MemoryLog(), MemoryTarget()
    follower = LogFollower(log, target, batch_size=3)
    await log.grow(10)
    async with running(follower):
        assert await follower.reached(10, 60)
        await log.grow(2)
        assert await follower.reached(12, 60)
    assert target.taken == list(range(1, 13))
    assert log.acknowledged[-1] == ("memory", 12)
    assert follower.lag == 0


async def test_a_target_that_is_away_is_tried_again_and_nothing_is_left_out() -> None:
    log, target = MemoryLog(), MemoryTarget(TargetAway("no answer"), TargetAway("still none"))
    follower = LogFollower(log, target)
    await log.grow(3)
    assert follower.status.away == "starting"
    async with running(follower):
        assert await follower.reached(3, 60)
        assert follower.status.away is None
        target.failures.append(TargetAway("gone again"))
        await log.grow(1)
        assert await follower.reached(4, 60)
    assert target.taken == [1, 2, 3, 4]


async def test_an_unexpected_error_is_told_and_ends_the_run() -> None:
    log, target = MemoryLog(), MemoryTarget(ValueError("a mistake"))
    follower = LogFollower(log, target)
    with pytest.raises(ValueError, match="a mistake"):
        await follower.run()
    assert follower.status.away == "failed: ValueError"


async def test_the_first_attempt_can_be_waited_for() -> None:
    log, target = MemoryLog(), MemoryTarget(TargetAway("no answer"))
    follower = LogFollower(log, target)
    assert not await follower.at_work(0.01)
    async with running(follower):
        assert not await follower.at_work(60)
        assert follower.status.away == "no answer"
        await log.grow(1)
        assert await follower.reached(1, 60)
        assert await follower.at_work(0)


async def test_waiting_for_what_does_not_come_ends() -> None:
    follower = LogFollower(MemoryLog(), MemoryTarget())
    assert not await follower.reached(1, 0.01)
