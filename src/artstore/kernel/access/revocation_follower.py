"""How a service learns of revoked tokens: from Redis as it happens, from Admin while Redis says nothing."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import Gauge
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from artstore.kernel.access.revocations import RevocationList
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger
from artstore.wire.revocations import (
    HEARTBEAT_SECONDS,
    POSITION_FIELD,
    REVOCATIONS_CHANNEL,
    REVOCATIONS_KEY,
    REVOCATIONS_PATH,
    Revocation,
    RevocationNews,
)

if TYPE_CHECKING:
    import aiohttp

_log = get_logger(__name__)
_SILENCE_SECONDS = 2 * HEARTBEAT_SECONDS
"""Without a word from Redis for so long, Admin is asked: Redis, or the way from Admin to it, is broken."""
_LOOK_SECONDS = 0.5
_ASK_ANYWAY_SECONDS = 30.0
"""Admin is asked so often also while Redis speaks: what Redis holds is a copy."""
_FORGET_EVERY_SECONDS = 60.0
_FIRST_SECONDS = 2.0
_ADMIN_SECONDS = 2.0
_OUTDATED_SECONDS = 10.0
_UNCONFIRMED = Gauge(
    "artstore_access_revocations_unconfirmed_seconds",
    "Seconds since this process last knew that its list of revocations was complete",
)


class RevocationFollower:
    """Fills a RevocationList. Start `run` as a task; never raises for Redis or Admin being away.

    While both are away the list stands as it is: tokens are verified with what was last known.
    """

    essential = False
    name = "revocations"

    def __init__(
        self,
        revocations: RevocationList,
        redis: Redis,
        admin_url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._list = revocations
        self._redis = redis
        self._url = admin_url.rstrip("/") + REVOCATIONS_PATH
        self._clock = clock
        self._heard_at = self._asked_at = self._forgot_at = float("-inf")
        self._confirmed_at = clock()
        _UNCONFIRMED.set_function(lambda: self._clock() - self._confirmed_at)

    async def learn_first(self) -> None:
        """Learn what is known now, for a moment at most, so that a restart brings no revoked token back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_SECONDS):
                with suppress(RedisError, OSError):
                    await self._take_all()
                await self._ask_admin()

    async def run(self) -> None:
        """Follows until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_redis(), name="revocations from Redis")
            tasks.create_task(self._follow_admin(), name="revocations from Admin")

    async def check(self) -> None:
        """In the health of a service. Raises DependencyDown while nobody confirms the list."""
        silent = self._clock() - self._confirmed_at
        if silent > _OUTDATED_SECONDS:
            raise DependencyDown(f"neither Redis nor Admin was heard for {silent:.0f} s")

    # From Redis

    async def _follow_redis(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    # Subscribed first, so that nothing is missed between the list and the first message.
                    await subscription.subscribe(REVOCATIONS_CHANNEL)
                    await self._take_all()
                    await self._listen(subscription)
            except (RedisError, OSError) as error:
                _log.warning("revocations are not heard from Redis", reason=type(error).__name__)
            self._heard_at = float("-inf")
            await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _listen(self, subscription: PubSub) -> None:
        while True:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=_SILENCE_SECONDS)
            if message is not None:
                await self._take_news(message["data"])

    async def _take_news(self, value: bytes) -> None:
        try:
            news = RevocationNews.model_validate_json(value)
        except ValidationError as error:
            _log.warning("news of revocations are unreadable", errors=error.error_count())
            return
        self._list.learn(news.items)
        if self._list.position < news.after:
            await self._take_all()  # something was missed
        self._confirm(max(self._list.position, news.position), news.after, by_redis=True)

    async def _take_all(self) -> None:
        held = await self._redis.hgetall(REVOCATIONS_KEY)
        position = int(held.pop(POSITION_FIELD.encode(), 0))
        try:
            self._list.learn(map(Revocation.model_validate_json, held.values()))
        except ValidationError as error:
            _log.warning("the revocations in Redis are unreadable", errors=error.error_count())
            return
        self._list.position = max(self._list.position, position)

    def _confirm(self, position: int, after: int, *, by_redis: bool) -> None:
        """The list is complete up to ``position``, provided that it was so up to ``after``."""
        if self._list.position < after:
            return
        self._list.position = position
        self._confirmed_at = self._clock()
        if by_redis:
            self._heard_at = self._clock()

    # From Admin

    async def _follow_admin(self) -> None:
        while True:
            now = self._clock()
            if now - self._heard_at > _SILENCE_SECONDS or now - self._asked_at > _ASK_ANYWAY_SECONDS:
                await self._ask_admin()
            if now - self._forgot_at > _FORGET_EVERY_SECONDS:
                self._forgot_at = now
                self._list.forget_expired()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask_admin(self) -> None:
        import aiohttp  # a service that never verifies a token does not pay for loading it

        self._asked_at = self._clock()
        timeout = aiohttp.ClientTimeout(total=_ADMIN_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                while await self._ask_page(session):
                    pass
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
            _log.debug("Admin does not tell the revocations", reason=str(error) or type(error).__name__)

    async def _ask_page(self, session: "aiohttp.ClientSession") -> bool:
        """Takes one page; whether there are more."""
        async with session.get(self._url, params={"after": self._list.position}) as answer:
            answer.raise_for_status()
            news = RevocationNews.model_validate_json(await answer.read())
        self._list.learn(news.items)
        if news.position < self._list.position:
            # Admin's list began anew, after its database was replaced by an older copy, say.
            self._list.position = 0
            return True
        self._confirm(news.position, news.after, by_redis=False)
        return news.more
