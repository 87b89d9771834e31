"""Tells the revocations in Redis: the whole list in a key, news on a channel."""

import asyncio
import random
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from artstore.admin.revocations.feed import RevocationFeed
from artstore.kernel.logging import get_logger
from artstore.wire.revocations import (
    HEARTBEAT_SECONDS,
    POSITION_FIELD,
    REVOCATIONS_CHANNEL,
    REVOCATIONS_KEY,
    Revocation,
    RevocationNews,
)

_log = get_logger(__name__)
_REWRITE_SECONDS = 600.0
"""The key is written anew so often, so that expired entries go."""


_Field = bytes | bytearray | memoryview | str | int | float  # as the client of Redis types it


class RevocationPublisher:
    """Adds to Redis what Redis lacks. Several processes may do so at once: each step may be repeated."""

    def __init__(self, feed: RevocationFeed, redis: Redis) -> None:
        self._feed = feed
        self._redis = redis
        self._rewritten_at = float("-inf")

    async def run(self) -> None:
        """Runs until it is cancelled; never raises for Redis being away."""
        told = True
        while True:
            try:
                await self._tell()
                told = True
            except (RedisError, OSError) as error:
                if told:
                    _log.warning("revocations cannot be told in Redis", reason=type(error).__name__)
                told = False
                self._rewritten_at = float("-inf")  # the Redis that comes back may be another one
                await asyncio.sleep(random.uniform(0.2, 0.6))
            await self._feed.wait_for_news(HEARTBEAT_SECONDS)

    async def _tell(self) -> None:
        held = int(await self._redis.hget(REVOCATIONS_KEY, POSITION_FIELD) or 0)
        due = time.monotonic() - self._rewritten_at > _REWRITE_SECONDS
        if due or held > self._feed.position:
            await self._rewrite()
        news = self._feed.after(min(held, self._feed.position))
        while True:
            await self._add(news)
            if not news.more:
                return
            news = self._feed.after(news.position)

    async def _rewrite(self) -> None:
        """Unless another process adds to the key meanwhile: what it added would be gone from there.

        Then the next look tries again. What was added before is in the table, and so in what is written.
        """
        async with self._redis.pipeline(transaction=True) as pipeline:
            await pipeline.watch(REVOCATIONS_KEY)
            held = int(await pipeline.hget(REVOCATIONS_KEY, POSITION_FIELD) or 0)
            await self._feed.refresh()
            if held > self._feed.position:
                _log.warning("the revocations in Redis are those of another database", position=held)
            entries = _fields(self._feed.everything())
            pipeline.multi()  # type: ignore[no-untyped-call]  # as the client of Redis leaves it
            pipeline.delete(REVOCATIONS_KEY)
            pipeline.hset(REVOCATIONS_KEY, mapping=entries | {POSITION_FIELD: self._feed.position})
            try:
                await pipeline.execute()
            except WatchError:
                return
        self._rewritten_at = time.monotonic()

    async def _add(self, news: RevocationNews) -> None:
        """In one transaction, so that whoever hears of it finds it in the key."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            if news.items:
                fields = _fields(news.items) | {POSITION_FIELD: news.position}
                pipeline.hset(REVOCATIONS_KEY, mapping=fields)
            pipeline.publish(REVOCATIONS_CHANNEL, news.model_dump_json())
            await pipeline.execute()


def _fields(revocations: list[Revocation]) -> dict[_Field, _Field]:
    """The last of an account is its highest epoch."""
    return {entry.key: entry.model_dump_json() for entry in revocations}
