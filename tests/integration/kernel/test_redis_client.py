"""The client of Redis: a task that uses it can be ended."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from artstore.kernel.redis import connect

STEPS = 60
"""Of the event loop, during which a client connects, subscribes and waits."""


async def listen(redis: Redis) -> None:
    """As followers do it: for ever, whatever happens to a single read."""
    async with redis.pubsub() as subscription:
        await subscription.subscribe("news")
        while True:
            await redis.get("a key")
            await subscription.get_message(timeout=60)


async def test_a_cancellation_at_any_moment_ends_the_task(redis: Redis) -> None:
    for steps in range(STEPS):
        task = asyncio.create_task(listen(redis))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait([task], timeout=10)
        assert ended, f"it goes on after {steps} steps"
        assert task.cancelled()


async def test_a_time_limit_around_it_holds(redis: Redis) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await listen(redis)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "rediss://127.0.0.1:1", "unix:///nowhere"])
async def test_at_any_kind_of_address(url: str) -> None:
    client = connect(url)
    with pytest.raises(RedisAway):
        await client.ping()
    await client.aclose()
