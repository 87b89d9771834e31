"""The element as it runs in this process: the engine, what follows its log, what makes it known."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from prometheus_client import REGISTRY
from redis.asyncio import Redis

from artstore.attributes import FileId
from artstore.engine import Engine, EngineOptions
from artstore.engine import Mode as EngineMode
from artstore.kernel.background import Background
from artstore.kernel.database import Database, migrate
from artstore.kernel.logging import get_logger
from artstore.kernel.serve import CLOSE_SECONDS
from artstore.storage.announce import Announcer, Identity
from artstore.storage.events.follower import EventsTarget
from artstore.storage.events.stream import EventStream
from artstore.storage.following import LogFollower
from artstore.storage.health import health_of
from artstore.storage.index.follower import IndexTarget
from artstore.storage.index.reader import IndexReader
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import IndexRepository
from artstore.storage.index.tables import SCHEMA, index_tables
from artstore.storage.metrics import ElementCollector
from artstore.storage.settings import StorageSettings

_LOCATE_SECONDS = 1.0
_MIGRATIONS = Path(__file__).parent / "index" / "migrations"
_log = get_logger(__name__)


class RunningElement:
    """Made with the application, started and stopped with it. The parts exist from ``start`` on, not before.

    Neither PostgreSQL nor Redis need to be there: what needs them keeps trying beside the service.
    """

    engine: Engine
    announcer: Announcer
    rebuild: Rebuild
    index_follower: LogFollower
    events_follower: LogFollower

    def __init__(self, settings: StorageSettings, database: Database, redis: Redis) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._tables = index_tables(settings.table_prefix)
        self._repository = IndexRepository(self._tables)
        self._background = Background()
        self.index = IndexReader(database, self._repository)

    @property
    def followers(self) -> Sequence[LogFollower]:
        return (self.index_follower, self.events_follower)

    async def start(self) -> None:
        """Opens the root, which recovers it; then everything else begins. Raises EngineError."""
        self.engine = await self._open_engine()
        try:
            self._compose()
        except BaseException:
            await self.engine.close()
            raise
        for follower in self.followers:
            self._background.start(follower.name, follower.run)
        self._background.start("announce", self.announcer.run)

    async def stop(self) -> None:
        await self._background.stop()
        REGISTRY.unregister(self._collector)
        await self.engine.close()

    async def _open_engine(self) -> Engine:
        settings = self._settings
        options = EngineOptions(
            element_id=settings.element_id,
            mode=EngineMode(settings.mode.value),
            confirm_mode=settings.confirm_mode,
            capacity_bytes=settings.capacity_bytes,
            inline_limit=settings.inline_limit,
            max_file_bytes=settings.max_file_bytes,
            max_backlog_bytes=settings.max_backlog_bytes,
            followers=(IndexTarget.name, EventsTarget.name),
            close_seconds=CLOSE_SECONDS / 2,
        )
        engine = await Engine.open(settings.root, options, locate=self._locate)
        _log.info("the element is open", element_id=engine.element.id, **vars(engine.recovery))
        return engine

    def _compose(self) -> None:
        settings, engine = self._settings, self.engine
        migrate_index = partial(
            migrate,
            settings.database_url,
            migrations=_MIGRATIONS,
            schema=SCHEMA,
            version_table=self._tables.version_table,
            attributes={"prefix": self._tables.prefix},
        )
        index_target = IndexTarget(engine, self._database, self._repository, migrate_index)
        self.rebuild = index_target.rebuild
        self.index_follower = LogFollower(engine, index_target)
        stream = EventStream(self._redis, settings.element_id)
        self.events_follower = LogFollower(engine, EventsTarget(engine, stream))
        identity = Identity(
            url=settings.public_url, max_file_bytes=settings.max_file_bytes, started_at=datetime.now(UTC)
        )
        health = partial(health_of, engine, self.followers, settings.max_backlog_bytes)
        self.announcer = Announcer(engine, self._redis, identity, health)
        self._collector = ElementCollector(engine, self.followers)
        REGISTRY.register(self._collector)

    async def _locate(self, file_id: FileId) -> str | None:
        """For the engine, which does without it: whatever makes this slow must not make a download slow."""
        if self.index_follower.status.away is not None:
            return None
        async with asyncio.timeout(_LOCATE_SECONDS):
            return await self.index.storage_path(file_id)
