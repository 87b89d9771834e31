"""Puts what is decided about elements into Redis, and what is to be seen to into metrics and the log."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.admin.storage_elements import metrics, repository
from artstore.admin.storage_elements.noticing import Thresholds, listed, statistics
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.wire.elements import REGISTRY_CHANNEL, REGISTRY_KEY, ElementWarning, ListedElement

_log = get_logger(__name__)
_EVERY_SECONDS = 2.0
"""A Redis that has lost all gets it back within this time, and so does a change by another Admin process."""


class RegistryPublisher:
    """Publishes at once after ``changed`` and every two seconds. Any number of processes may do so at once:
    whoever reads takes the greater revision.
    """

    def __init__(self, database: Database, redis: Redis, thresholds: Thresholds) -> None:
        self.changed = asyncio.Event()
        self._database = database
        self._redis = redis
        self._thresholds = thresholds
        self._published: dict[str, str] = {}
        self._warned: set[tuple[str, ElementWarning]] = set()
        self._away = False

    async def run(self) -> None:
        """Runs until it is cancelled. PostgreSQL or Redis being away ends nothing."""
        while True:
            self.changed.clear()
            try:
                await self._look()
            except (DatabaseDown, RedisError, OSError) as error:
                if not self._away:
                    _log.warning("the registry of elements is not published", reason=type(error).__name__)
                self._away = True
                self._published = {}
            else:
                self._away = False
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self.changed.wait()

    async def _look(self) -> None:
        async with self._database.read() as connection:
            found = await repository.all_elements(connection)
        now = datetime.now(UTC)
        elements = [listed(element, self._thresholds, now) for element in found]
        metrics.tell(statistics(elements))
        self._warn(elements)
        decided = {element.element_id: element.registration.model_dump_json() for element in elements}
        if decided:
            await self._redis.hset(REGISTRY_KEY, items=[part for pair in decided.items() for part in pair])
        if decided != self._published:
            await self._redis.publish(REGISTRY_CHANNEL, b"")
            self._published = decided

    def _warn(self, elements: list[ListedElement]) -> None:
        warned = {(element.element_id, warning) for element in elements for warning in element.warnings}
        for element_id, warning in sorted(warned - self._warned):
            _log.warning("an element needs somebody", element_id=element_id, warning=warning)
        self._warned = warned
