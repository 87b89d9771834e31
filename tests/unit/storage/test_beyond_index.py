"""A listing is complete or refused: how far the index may be behind."""

import pytest

from artstore.engine import Lsn
from artstore.storage.following import LogFollower, TargetAway
from artstore.storage.index.beyond import MOST_CHANGES, BeyondIndex
from artstore.storage.index.reader import IndexUnavailable
from tests.unit.storage.test_following import MemoryLog, MemoryTarget, running


async def test_near_enough_is_not_waited_for() -> None:
    log = MemoryLog()
    follower = LogFollower(log, MemoryTarget())
    beyond = BeyondIndex(log, follower, wait_seconds=60)
    async with running(follower):
        await follower.at_work(60)
    await log.grow(MOST_CHANGES)  # nobody follows any more
    assert await beyond.near() == MOST_CHANGES
    assert [change.lsn for change in await beyond.changes(0, Lsn(3))] == [1, 2, 3]


async def test_too_far_behind_is_told() -> None:
    log = MemoryLog()
    follower = LogFollower(log, MemoryTarget())
    async with running(follower):
        await follower.at_work(60)
    await log.grow(MOST_CHANGES + 7)
    with pytest.raises(IndexUnavailable, match=f"{MOST_CHANGES + 7} changes behind"):
        await BeyondIndex(log, follower, wait_seconds=0.01).near()


async def test_an_index_that_catches_up_is_waited_for() -> None:
    log = MemoryLog()
    follower = LogFollower(log, MemoryTarget())
    await log.grow(MOST_CHANGES * 3)
    async with running(follower):
        assert await BeyondIndex(log, follower, wait_seconds=60).near() == MOST_CHANGES * 3


async def test_why_it_is_away_is_told() -> None:
    follower = LogFollower(MemoryLog(), MemoryTarget(*[TargetAway("PostgreSQL is away: why")] * 9))
    async with running(follower):
        with pytest.raises(IndexUnavailable, match="PostgreSQL is away: why"):
            await BeyondIndex(MemoryLog(), follower).near()


async def test_nothing_beyond_the_last_that_was_asked_for() -> None:
    log = MemoryLog()
    await log.grow(10)
    beyond = BeyondIndex(log, LogFollower(log, MemoryTarget()))
    assert await beyond.changes(8, Lsn(8)) == []
    assert await beyond.changes(12, Lsn(10)) == []
    assert [change.lsn for change in await beyond.changes(8, Lsn(10))] == [9, 10]
