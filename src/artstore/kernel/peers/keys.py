"""Admin's keys as a service has them: kept up to date, and in its health."""

import asyncio
import random
import time
from dataclasses import dataclass

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.kernel.access import JwksClient
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger
from artstore.wire.keys import ANNOUNCE_KEYS_EVERY_SECONDS, KEYS_CHANNEL, KeyAnnouncement

_log = get_logger(__name__)
_SILENCE_SECONDS = 2.5 * ANNOUNCE_KEYS_EVERY_SECONDS
_ASK_EVERY_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_FRESH_SECONDS = 1.0


class KeyFollower:
    """Has the key set read again as soon as Admin tells in Redis that it is another one.

    While nobody tells, because Redis or Admin is away, the set is read every second: a key that was revoked
    must not go on being good for that. Start `run` as a task.
    """

    def __init__(self, redis: Redis, keys: JwksClient) -> None:
        self._redis = redis
        self._keys = keys
        self._heard_at = float("-inf")
        self._told: frozenset[str] | None = None

    async def run(self) -> None:
        """Follows until cancelled. Never raises for Redis or Admin being away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._ask())

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow()
            except (RedisError, OSError) as error:
                if self._heard_at > float("-inf"):
                    _log.warning("nobody tells of new keys; they are asked for", reason=type(error).__name__)
                self._heard_at = float("-inf")
            await asyncio.sleep(_RETRY_SECONDS * random.uniform(0.5, 1.5))

    async def _follow(self) -> None:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(KEYS_CHANNEL)
            while True:
                message = await subscription.get_message(
                    ignore_subscribe_messages=True, timeout=ANNOUNCE_KEYS_EVERY_SECONDS
                )
                if message is not None:
                    await self._take(message["data"])

    async def _take(self, message: bytes | str) -> None:
        try:
            told = KeyAnnouncement.model_validate_json(message).kids
        except ValidationError as error:
            _log.warning("an announcement of keys is unreadable", errors=error.error_count())
            return
        self._heard_at = time.monotonic()
        self._told = told
        if told != self._keys.kids:
            await self._keys.refresh()

    async def _ask(self) -> None:
        """What follows the announcements: also where an Admin was asked that did not know of it yet."""
        while True:
            silent = time.monotonic() - self._heard_at > _SILENCE_SECONDS
            if silent or self._told != self._keys.kids:
                await self._keys.refresh()
            await asyncio.sleep(_ASK_EVERY_SECONDS if silent else _ASK_EVERY_SECONDS / 2)


@dataclass(frozen=True)
class AdminKeysDependency:
    """Whether the key set can be read now. Not essential: keys that are known go on being used."""

    keys: JwksClient
    essential: bool = False
    name: str = "admin_keys"

    async def check(self) -> None:
        if not await self.keys.refresh(within=_FRESH_SECONDS):
            raise DependencyDown("Admin does not give its keys")
