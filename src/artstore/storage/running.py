"""The element as it runs in this process: the engine, what follows its log, what makes it known."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from prometheus_client import REGISTRY
from redis.asyncio import Redis

from artstore.attributes import FileId
from artstore.engine import (
    ElementMismatch,
    Engine,
    EngineError,
    EngineOptions,
    StoreRefuses,
    StoreUnavailable,
)
from artstore.engine import Mode as EngineMode
from artstore.engine.blobs import Blobs
from artstore.kernel.background import Background
from artstore.kernel.database import Database, migrate
from artstore.kernel.logging import get_logger
from artstore.kernel.serve import CLOSE_SECONDS
from artstore.storage.announce import Announcer, Identity
from artstore.storage.events.follower import EventsTarget
from artstore.storage.events.stream import EventStream
from artstore.storage.following import LogFollower
from artstore.storage.health import health_of
from artstore.storage.index.beyond import BeyondIndex
from artstore.storage.index.follower import IndexTarget
from artstore.storage.index.reader import IndexReader
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import IndexRepository
from artstore.storage.index.tables import SCHEMA, index_tables
from artstore.storage.index.writer import IndexWriter
from artstore.storage.log_watch import watch_log
from artstore.storage.metrics import ElementCollector
from artstore.storage.resumable.expiry import expire_for_ever
from artstore.storage.retention.notices import NoticeOptions, Notices
from artstore.storage.scrub.alarm import Alarm, tell
from artstore.storage.scrub.index_rows import IndexOfElement
from artstore.storage.scrub.schedule import Schedule
from artstore.storage.scrub.scrubbing import Scrubbing
from artstore.storage.settings import StorageSettings

_LOCATE_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_THREADS_FOR_STORE = 32
"""A read from an object store waits for the network most of its time."""
_MIGRATIONS = Path(__file__).parent / "index" / "migrations"
_log = get_logger(__name__)


@dataclass(frozen=True)
class _Parts:
    """What there is of an element once it is open."""

    engine: Engine
    announcer: Announcer
    rebuild: Rebuild
    beyond_index: BeyondIndex
    index_follower: LogFollower
    events_follower: LogFollower
    scrubbing: Scrubbing
    alarm: Alarm
    collector: ElementCollector
    notices: Notices


class RunningElement:
    """Made with the application, started and stopped with it.

    Neither PostgreSQL nor Redis need to be there: what needs them keeps trying beside the service. Documents
    that lie in an object store do: until it can be used, the parts of the element raise StoreUnavailable.
    ``make_blobs`` is called for every attempt to open; None: documents lie in the root.
    """

    def __init__(
        self,
        settings: StorageSettings,
        database: Database,
        redis: Redis,
        make_blobs: Callable[[], Blobs] | None = None,
    ) -> None:
        self._settings = settings
        self._make_blobs = make_blobs
        self._parts: _Parts | None = None
        self._waits_for: StoreUnavailable = StoreUnavailable("it was not asked yet")
        self._database = database
        self._redis = redis
        self._tables = index_tables(settings.table_prefix)
        self._repository = IndexRepository(self._tables)
        self._background = Background()
        self.index = IndexReader(database, self._repository)

    @property
    def is_open(self) -> bool:
        return self._parts is not None

    @property
    def engine(self) -> Engine:
        return self._opened().engine

    @property
    def announcer(self) -> Announcer:
        return self._opened().announcer

    @property
    def rebuild(self) -> Rebuild:
        return self._opened().rebuild

    @property
    def beyond_index(self) -> BeyondIndex:
        return self._opened().beyond_index

    @property
    def index_follower(self) -> LogFollower:
        return self._opened().index_follower

    @property
    def events_follower(self) -> LogFollower:
        return self._opened().events_follower

    @property
    def scrubbing(self) -> Scrubbing:
        return self._opened().scrubbing

    @property
    def alarm(self) -> Alarm:
        return self._opened().alarm

    @property
    def followers(self) -> Sequence[LogFollower]:
        return (self.index_follower, self.events_follower)

    async def start(self) -> None:
        """Opens the root, which recovers it; then everything else begins. Raises EngineError.

        Where an object store cannot be used now, opening is tried again beside the service.
        """
        try:
            await self._open()
        except StoreUnavailable as error:
            self._wait_for(error)
            self._background.start("open", self._open_when_possible)

    async def stop(self) -> None:
        await self._background.stop()
        if self._parts is not None:
            REGISTRY.unregister(self._parts.collector)
            await self._parts.engine.close()

    def _opened(self) -> _Parts:
        if self._parts is None:
            raise type(self._waits_for)(self._waits_for.reason)
        return self._parts

    async def _open_when_possible(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self.is_open:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                await self._open()
            except StoreUnavailable as error:
                self._wait_for(error)
            except EngineError as error:
                # At the start this would have ended the process; now somebody reads the health of it.
                self._wait_for(StoreRefuses(str(error)))

    def _wait_for(self, error: StoreUnavailable) -> None:
        if str(error) != str(self._waits_for):
            _log.warning("the element cannot be opened yet", reason=error.reason)
        self._waits_for = error

    async def _open(self) -> None:
        engine = await self._open_engine()
        try:
            parts = self._compose(engine)
        except BaseException:
            await engine.close()
            raise
        self._parts = parts
        for follower in self.followers:
            self._background.start(follower.name, follower.run)
        self._background.start("log", partial(watch_log, engine))
        self._background.start("index rebuild", parts.rebuild.run)
        self._background.start("scrub", parts.scrubbing.run)
        self._background.start("announce", parts.announcer.run)
        self._background.start("expiring", parts.notices.run)
        self._background.start("resumable uploads", partial(expire_for_ever, parts.engine))
        await parts.announcer.said_first()

    async def _open_engine(self) -> Engine:
        settings = self._settings
        blobs = self._make_blobs() if self._make_blobs is not None else None
        options = EngineOptions(
            element_id=settings.element_id,
            mode=EngineMode(settings.mode.value),
            confirm_mode=settings.confirm_mode,
            capacity_bytes=settings.capacity_bytes,
            inline_limit=settings.inline_limit,
            max_file_bytes=settings.max_file_bytes,
            max_backlog_bytes=settings.max_backlog_bytes,
            upload_memory_bytes=settings.upload_memory_bytes,
            coding=settings.coding,
            followers=(IndexTarget.name, EventsTarget.name),
            close_seconds=CLOSE_SECONDS / 2,
            take_over=settings.s3_take_over,
            resumable_seconds=settings.resumable_seconds,
            resumable_uploads=settings.resumable_uploads,
            batch_seconds=settings.batch_seconds,
            batch_documents=settings.batch_documents,
            batches=settings.batches,
            threads=EngineOptions.threads if blobs is None else _THREADS_FOR_STORE,
        )
        try:
            engine = await Engine.open(settings.root, options, locate=self._locate, blobs=blobs)
        except ElementMismatch as error:
            error.args = (_explained(error),)
            raise
        _log.info(
            "the element is open",
            element_id=engine.element.id,
            compression=settings.compression,
            **vars(engine.recovery),
        )
        return engine

    def _compose(self, engine: Engine) -> _Parts:
        settings = self._settings
        migrate_index = partial(
            migrate,
            settings.database_url,
            migrations=_MIGRATIONS,
            schema=SCHEMA,
            version_table=self._tables.version_table,
            attributes={"prefix": self._tables.prefix},
        )
        writer = IndexWriter(engine, self._database, self._repository)
        rebuild = Rebuild(engine, writer)
        stream = EventStream(self._redis, settings.element_id)
        followers = (
            LogFollower(engine, IndexTarget(engine, writer, rebuild, migrate_index)),
            LogFollower(engine, EventsTarget(engine, stream)),
        )
        identity = Identity(
            url=settings.public_url,
            client_url=settings.client_url,
            max_file_bytes=settings.max_file_bytes,
            started_at=datetime.now(UTC),
        )
        scrubbing, alarm = self._compose_scrub(engine, followers[0])
        health = partial(health_of, engine, followers, settings.max_backlog_bytes, alarm)
        announcer = Announcer(
            engine,
            self._redis,
            identity,
            health,
            lambda: len(alarm.open_findings()),
            settings.thresholds,
        )
        collector = ElementCollector(engine, followers, rebuild, scrubbing.scrub, settings.thresholds)
        beyond_index = BeyondIndex(engine, followers[0])
        REGISTRY.register(collector)
        options = NoticeOptions(timedelta(days=settings.expiring_days), settings.expiry_seconds)
        notices = Notices(engine, self.index, writer.note_told, self._redis, options)
        return _Parts(
            engine, announcer, rebuild, beyond_index, *followers, scrubbing, alarm, collector, notices
        )

    def _compose_scrub(self, engine: Engine, index_follower: LogFollower) -> tuple[Scrubbing, Alarm]:
        settings = self._settings
        scrub = engine.scrub(
            bytes_per_second=settings.scrub_bytes_per_second,
            index=IndexOfElement(engine, self.index, index_follower),
            told=tell,
        )
        within = timedelta(days=settings.scrub_days)
        schedule = Schedule(settings.scrub_enabled, within, settings.scrub_bytes_per_second)
        return Scrubbing(engine, scrub, schedule), Alarm(engine, scrub)

    async def _locate(self, file_id: FileId) -> str | None:
        """For the engine, which does without it: whatever makes this slow must not make a download slow."""
        if self.index_follower.status.away is not None:
            return None
        async with asyncio.timeout(_LOCATE_SECONDS):
            return await self.index.storage_path(file_id)


def _explained(error: ElementMismatch) -> str:
    """The mismatch with the settings that end it, for the person who starts the service."""
    if error.what != "the mode":
        return str(error)
    return (
        f"{error}. To go on in the mode that it has, set ARTSTORE_STORAGE_MODE={error.found}. To give it the"
        f" mode '{error.configured}', start it once with ARTSTORE_STORAGE_CONFIRM_MODE=true"
    )
