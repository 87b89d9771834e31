"""The list of revocations in a real Redis, which several Admin processes write at once."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from artstore.admin.revocations.feed import RevocationFeed
from artstore.admin.revocations.publisher import RevocationPublisher
from artstore.kernel.database import Database
from artstore.kernel.redis import connect
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.revocations import POSITION_FIELD, REVOCATIONS_KEY, Revocation

ACCOUNT = UUID("7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001")


def entry(position: int) -> Revocation:
    return Revocation(
        position=position, account_id=ACCOUNT, jti=f"token-{position}", until=time.time() + 1000
    )


class Feed(RevocationFeed):
    """Follows a list in place of the table. ``refreshed`` is awaited once, behind the next refresh."""

    def __init__(self, table: list[Revocation]) -> None:
        super().__init__(Database(SecretStr("postgresql+psycopg://nobody@/none"), application_name="test"))
        self._table = table
        self.refreshed: Callable[[], Awaitable[object]] | None = None

    async def refresh(self) -> None:
        if new := [one for one in self._table if one.position > self.position]:
            self._take(new)
        happens, self.refreshed = self.refreshed, None
        if happens is not None:
            await happens()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(server: EmbeddedRedis) -> AsyncIterator[Redis]:
    client = connect(server.url)
    yield client
    await client.aclose()


async def held(redis: Redis) -> tuple[int, set[str]]:
    fields = await redis.hgetall(REVOCATIONS_KEY)
    position = int(fields.pop(POSITION_FIELD.encode()))
    return position, {key.decode() if isinstance(key, bytes) else key for key in fields}


async def test_a_rewrite_takes_nothing_away_that_another_process_adds(redis: Redis) -> None:
    table = [entry(9)]
    slow, quick = Feed(table), Feed(table)
    slow_publisher, quick_publisher = (RevocationPublisher(feed, redis) for feed in (slow, quick))
    await quick_publisher._tell()

    async def another_is_quicker() -> None:
        table.append(entry(10))
        await quick.refresh()
        await quick_publisher._tell()

    slow.refreshed = another_is_quicker
    await slow_publisher._tell()
    assert await held(redis) == (10, {"jti:token-9", "jti:token-10"})
    await slow_publisher._tell()
    assert await held(redis) == (10, {"jti:token-9", "jti:token-10"})


async def test_what_has_expired_goes_with_a_rewrite(redis: Redis) -> None:
    await redis.hset(REVOCATIONS_KEY, mapping={"jti:expired": "{}", POSITION_FIELD: 3})
    await RevocationPublisher(Feed([entry(9)]), redis)._tell()
    assert await held(redis) == (9, {"jti:token-9"})


async def test_a_list_of_another_database_is_replaced(redis: Redis) -> None:
    await redis.hset(REVOCATIONS_KEY, mapping={"jti:other": "{}", POSITION_FIELD: 300})
    await RevocationPublisher(Feed([entry(9)]), redis)._tell()
    assert await held(redis) == (9, {"jti:token-9"})
