"""Tells the services in Redis which keys are good, so that they need not ask."""

import asyncio
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.admin.keys.ring import KeyRing
from artstore.kernel.logging import get_logger
from artstore.wire.keys import ANNOUNCE_KEYS_EVERY_SECONDS, KEYS_CHANNEL, KeyAnnouncement

_log = get_logger(__name__)
_RETRY_SECONDS = 0.5


class KeyAnnouncer:
    """Announces the keys at once when they change and again every two seconds, for those who missed it.

    Silent while the ring may be out of date, for what it would say could bring a revoked key back.
    """

    def __init__(self, ring: KeyRing, redis: Redis) -> None:
        self._ring = ring
        self._redis = redis

    async def run(self) -> None:
        """Runs until it is cancelled. Redis being away ends nothing."""
        reachable = True
        while True:
            self._ring.changed.clear()
            try:
                if self._ring.is_current:
                    message = KeyAnnouncement(kids=self._ring.kids)
                    await self._redis.publish(KEYS_CHANNEL, message.model_dump_json())
            except (RedisError, OSError) as error:
                if reachable:
                    _log.warning("the keys cannot be announced", reason=type(error).__name__)
                reachable = False
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            reachable = True
            with suppress(TimeoutError):
                async with asyncio.timeout(ANNOUNCE_KEYS_EVERY_SECONDS):
                    await self._ring.changed.wait()
