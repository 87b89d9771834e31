"""Two processes with a cache each, on one database: a change is seen in both, whoever took it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from redis.asyncio import Redis

from artstore.kernel.background import Background
from artstore.kernel.database import Database
from artstore.query.catalog import follower, stream
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.stream import EventStreams
from artstore.query.files.cache import DocumentCache
from artstore.query.files.repository import FilesRepository
from artstore.wire.events import ENTRY_FIELD, EventKind, element_stream
from tests.support.system import eventually

from .following import Following, ServedElement


class CachedReader:
    """What one process answers about a document."""

    def __init__(
        self, database: Database, redis: Redis, follower: CatalogFollower, cache: DocumentCache
    ) -> None:
        self.redis = redis
        self.follower = follower
        self.cache = cache
        self._database = database
        self.read = 0
        self.asked = 0
        """Of what was read, how often PostgreSQL was asked."""

    async def description(self, file_id: UUID) -> str | None:
        async def load() -> dict[str, dict[str, object]]:
            self.asked += 1
            async with self._database.read() as db:
                return await FilesRepository().copies(db, file_id, owners=None)

        self.read += 1
        copies = await self.cache.get(file_id, None, load)
        return str(next(iter(copies.values()))["description"]) if copies else None


@pytest.fixture
async def readers(following: Following, database: Database) -> AsyncIterator[list[CachedReader]]:
    async with AsyncExitStack() as stack:
        background = Background()
        cache = DocumentCache(100)
        second = CatalogFollower(
            Catalog(database, CatalogRepository()),
            EventStreams(following.redis),
            following.listing,
            following.directory,
            cache,
        )
        background.start("second follower", second.run)
        stack.push_async_callback(background.stop)
        yield [
            CachedReader(database, following.redis, following.follower, following.cache),
            CachedReader(database, following.redis, second, cache),
        ]


async def test_a_change_is_seen_in_both(element: ServedElement, readers: list[CachedReader]) -> None:
    """Each answers from its cache in between, and never again what was before, once it told of the change."""
    file_id = UUID(int=1)
    for _ in range(20):
        before = element.last_lsn
        element.change(EventKind.UPDATE, file_id)
        await element.publish(before)
        new = element.documents()[file_id].description
        for reader in readers:

            async def seen(reader: CachedReader = reader, new: str | None = new) -> bool:
                return await reader.description(file_id) == new

            await eventually(seen, "the change is not seen")
        for reader in readers:
            assert await reader.description(file_id) == new
    assert all(reader.asked < reader.read for reader in readers)


async def test_a_deletion_is_seen_in_both(element: ServedElement, readers: list[CachedReader]) -> None:
    file_id = UUID(int=2)
    for reader in readers:
        assert await reader.description(file_id) is not None
    before = element.last_lsn
    element.change(EventKind.DELETE, file_id)
    await element.publish(before)
    for reader in readers:

        async def gone(reader: CachedReader = reader) -> bool:
            return await reader.description(file_id) is None

        await eventually(gone, "a deleted document is still answered")


async def test_lost_events_are_seen_in_both(element: ServedElement, readers: list[CachedReader]) -> None:
    """What only the listing tells, and only one of them may have asked for."""
    file_id = UUID(int=3)
    for reader in readers:
        await reader.description(file_id)
    element.change(EventKind.UPDATE, file_id)  # lost: it is not published
    await element.announce()
    new = element.documents()[file_id].description
    for reader in readers:

        async def seen(reader: CachedReader = reader) -> bool:
            return await reader.description(file_id) == new

        await eventually(seen, "the change is not seen")


async def test_is_not_up_to_date_while_events_wait_to_be_read(
    element: ServedElement, readers: list[CachedReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that brings as much as it may leaves some, perhaps."""
    reader, before = readers[1], element.last_lsn
    await eventually(lambda: reader.follower.position(element.element_id) == before, "it does not follow")
    for module in (stream, follower):
        monkeypatch.setattr(module, "BATCH_ENTRIES", 2)
    told: list[int | None] = []
    monkeypatch.setattr(
        reader.cache, "up_to_date", lambda: told.append(reader.follower.position(element.element_id))
    )
    for number in range(100, 106):
        element.change(EventKind.PUT, UUID(int=number))
    async with reader.redis.pipeline() as pipe:  # all at once, so that no read brings but one
        for event in element.events[before:]:
            entry: dict[str, str] = {ENTRY_FIELD: event.model_dump_json()}
            pipe.xadd(element_stream(element.element_id), entry, id=f"{event.lsn}-0")  # type: ignore[arg-type]  # a narrower dict
        await pipe.execute()
    await eventually(lambda: element.last_lsn in told, "the events are not taken")
    assert set(told) <= {before, element.last_lsn}


async def test_is_used_while_nothing_changes(element: ServedElement, readers: list[CachedReader]) -> None:
    [reader, _] = readers

    async def unasked() -> bool:
        asked = reader.asked
        await reader.description(UUID(int=1))
        await asyncio.sleep(0)
        return reader.asked == asked

    await eventually(unasked, "the cache answers nothing")
