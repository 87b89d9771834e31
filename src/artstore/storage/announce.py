"""How the element makes itself known (``wire.elements``): a key in Redis that expires, and a message."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.engine import Engine, Lsn
from artstore.kernel.logging import get_logger
from artstore.storage.element.thresholds import Thresholds
from artstore.wire.elements import (
    ANNOUNCE_EVERY_SECONDS,
    ANNOUNCEMENT_EXPIRES_SECONDS,
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    CapacityStatus,
    ElementAnnouncement,
    ElementHealth,
    Mode,
    announcement_key,
)

_LSN_TOLD_WITHIN_SECONDS = 0.5
"""A reader that missed an event learns of it by the last LSN: told soon, but not for each upload."""
_LOOK_EVERY_SECONDS = 0.25
_FIRST_SECONDS = 2.0

_log = get_logger(__name__)


@dataclass(frozen=True)
class Identity:
    """What an element says of itself that does not change while it runs."""

    url: str
    client_url: str
    max_file_bytes: int
    started_at: datetime


class Announcer:
    """Announces at once when health, mode, capacity status or what is known to be wrong changes, soon when
    the log moved, and at least every 5 seconds.

    ``health`` and ``open_findings`` are asked at each look. Redis being away ends nothing: the next
    announcement tries again.
    """

    def __init__(
        self,
        engine: Engine,
        redis: Redis,
        identity: Identity,
        health: Callable[[], ElementHealth],
        open_findings: Callable[[], int],
        thresholds: Thresholds,
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._identity = identity
        self._health = health
        self._open_findings = open_findings
        self._thresholds = thresholds
        self._tried = asyncio.Event()

    def announcement(self) -> ElementAnnouncement:
        """The element as it is now."""
        capacity = self._engine.capacity()
        return ElementAnnouncement(
            element_id=self._engine.element.id,
            url=self._identity.url,
            client_url=self._identity.client_url,
            mode=Mode(self._engine.element.mode),
            capacity_bytes=capacity.capacity_bytes,
            used_bytes=capacity.used_bytes,
            free_bytes=capacity.free_bytes,
            capacity_status=self._thresholds.status(capacity),
            documents=capacity.documents,
            last_lsn=self._engine.last_lsn,
            health=self._health(),
            open_findings=self._open_findings(),
            max_file_bytes=self._identity.max_file_bytes,
            started_at=self._identity.started_at,
            announced_at=datetime.now(UTC),
        )

    async def said_first(self) -> None:
        """For the start of the element, beside `run`: wait until the first announcement was made, or could
        not be, for a moment at most. What is ready can then have documents placed on it.
        """
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await self._tried.wait()
        except TimeoutError:
            _log.warning("Redis does not answer; the start goes on, and the element is not announced yet")

    async def run(self) -> None:
        reachable = True
        while True:
            said = self.announcement()
            try:
                await self._say(said)
            except (RedisError, OSError) as error:
                if reachable:
                    _log.warning("the element cannot announce itself", reason=type(error).__name__)
                reachable = False
            else:
                reachable = True
            self._tried.set()
            await self._until_worth_saying(said)

    async def _say(self, announcement: ElementAnnouncement) -> None:
        text = announcement.model_dump_json()
        element_id = announcement.element_id
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.sadd(ELEMENTS_KEY, element_id)
            pipeline.set(announcement_key(element_id), text, ex=ANNOUNCEMENT_EXPIRES_SECONDS)
            pipeline.publish(ELEMENTS_CHANNEL, text)
            await pipeline.execute()

    def _state(self) -> tuple[ElementHealth, Mode, CapacityStatus, int]:
        """What others must know at once when it changes."""
        status = self._thresholds.status(self._engine.capacity())
        return self._health(), Mode(self._engine.element.mode), status, self._open_findings()

    async def _until_worth_saying(self, said: ElementAnnouncement) -> None:
        loop = asyncio.get_running_loop()
        said_at = loop.time()
        while (age := loop.time() - said_at) < ANNOUNCE_EVERY_SECONDS:
            if self._state() != (said.health, said.mode, said.capacity_status, said.open_findings):
                return
            moved = self._engine.last_lsn > said.last_lsn
            if moved and age >= _LSN_TOLD_WITHIN_SECONDS:
                return
            if moved:  # only time has to pass
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._engine.wait_for(Lsn(said.last_lsn))
