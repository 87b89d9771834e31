"""A connection to the Redis of a running system."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from artstore.launcher.redis import EmbeddedRedis
from tests.support.system import RunningSystem


@asynccontextmanager
async def redis_of(system: RunningSystem) -> AsyncIterator[Redis]:
    part = system.part("redis")
    assert isinstance(part, EmbeddedRedis)
    redis = Redis.from_url(part.url)
    try:
        yield redis
    finally:
        await redis.aclose()
