"""Answers about documents are kept until somebody tells of a change, and never longer than is sure."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from artstore.query.files.cache import FRESH_SECONDS, KEPT_SECONDS, DocumentCache, Owners

FIRST, SECOND = UUID(int=1), UUID(int=2)
MINE = frozenset({"me"})


class Source:
    """The catalog: counts how often it was asked, and answers when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.state = "as stored"
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> dict[str, dict[str, Any]]:
        self.asked += 1
        found = {"rw-01": {"description": self.state}}
        await self.may_answer.wait()
        return found


@pytest.fixture
def source() -> Source:
    return Source()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> DocumentCache:
    cache = DocumentCache(2, clock=clock)
    cache.up_to_date()
    return cache


async def described(
    cache: DocumentCache, source: Source, file_id: UUID = FIRST, owners: Owners = MINE
) -> object:
    return (await cache.get(file_id, owners, source))["rw-01"]["description"]


async def test_asks_once(cache: DocumentCache, source: Source) -> None:
    for _ in range(3):
        assert await described(cache, source) == "as stored"
    assert source.asked == 1


async def test_asks_once_for_all_who_want_the_same_at_once(cache: DocumentCache, source: Source) -> None:
    source.may_answer.clear()
    first = asyncio.create_task(described(cache, source))
    others = [asyncio.create_task(described(cache, source)) for _ in range(10)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.may_answer.set()
    assert await asyncio.gather(*others) == ["as stored"] * 10
    assert source.asked == 1


async def test_a_change_is_asked_for(cache: DocumentCache, source: Source) -> None:
    await described(cache, source)
    source.state = "changed"
    cache.changed([SECOND])
    assert await described(cache, source) == "as stored"
    cache.changed([FIRST])
    assert await described(cache, source) == "changed"


@pytest.mark.parametrize("how", ["changed", "clear"])
async def test_what_changes_while_it_is_asked_is_not_kept(
    cache: DocumentCache, source: Source, how: str
) -> None:
    source.may_answer.clear()
    before = asyncio.create_task(described(cache, source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert source.asked == 1
    source.state = "changed"
    if how == "changed":
        cache.changed([FIRST])
    else:
        cache.clear()
        cache.up_to_date()
    after = asyncio.create_task(described(cache, source))
    await asyncio.sleep(0)
    source.may_answer.set()
    assert await before == "as stored"
    assert await after == "changed"
    assert await described(cache, source) == "changed"


async def test_nothing_is_answered_from_it_while_events_may_be_missing(
    cache: DocumentCache, source: Source, clock: Clock
) -> None:
    await described(cache, source)
    clock.now += FRESH_SECONDS
    source.state = "changed"
    assert await described(cache, source) == "changed"
    cache.up_to_date()
    assert source.asked == 2


async def test_is_asked_anew_after_a_minute(cache: DocumentCache, source: Source, clock: Clock) -> None:
    await described(cache, source)
    clock.now += KEPT_SECONDS
    cache.up_to_date()
    source.state = "changed"
    assert await described(cache, source) == "changed"


async def test_each_asker_has_answers_of_the_own(cache: DocumentCache, source: Source) -> None:
    for owners in (MINE, None, frozenset({"another"})):
        await described(cache, source, owners=owners)
    assert source.asked == 3
    source.state = "changed"
    cache.changed([FIRST])
    for owners in (None, frozenset({"another"})):
        assert await described(cache, source, owners=owners) == "changed"


async def test_keeps_the_latest(cache: DocumentCache, source: Source) -> None:
    for number in (1, 2, 1, 3):  # 2 gives way, which was asked for the longest ago
        await described(cache, source, UUID(int=number))
    assert source.asked == 3
    await described(cache, source, UUID(int=1))
    await described(cache, source, UUID(int=3))
    assert source.asked == 3
    await described(cache, source, UUID(int=2))
    assert source.asked == 4


async def test_what_fails_is_not_kept(cache: DocumentCache, source: Source) -> None:
    async def fails() -> dict[str, dict[str, Any]]:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await cache.get(FIRST, MINE, fails)
    assert await described(cache, source) == "as stored"


async def test_counts(cache: DocumentCache, source: Source) -> None:
    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("artstore_query_cache_lookups_total", {"outcome": outcome}) or 0.0

    before = {outcome: count(outcome) for outcome in ("hit", "miss", "unsure")}
    await described(cache, source)
    await described(cache, source)
    cache.clear()
    await described(cache, source)
    assert {outcome: count(outcome) - before[outcome] for outcome in before} == {
        "hit": 1,
        "miss": 1,
        "unsure": 1,
    }


async def test_none_is_kept_where_none_may_be(source: Source) -> None:
    cache = DocumentCache(0)
    cache.up_to_date()
    await described(cache, source)
    await described(cache, source)
    assert source.asked == 2
