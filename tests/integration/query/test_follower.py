"""Following elements through a real Redis into a real PostgreSQL. The element is a model behind real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy import select

from artstore.kernel.background import Background
from artstore.kernel.database import Database
from artstore.kernel.peers import ElementDirectory, ServiceToken, http_session
from artstore.kernel.redis import connect
from artstore.launcher.redis import EmbeddedRedis
from artstore.query import metrics
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.stream import EventStreams
from artstore.query.catalog.tables import catalog_files
from artstore.wire.documents import Document
from artstore.wire.elements import (
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    ElementAnnouncement,
    ElementHealth,
    Mode,
    announcement_key,
)
from artstore.wire.events import ENTRY_FIELD, EventKind, element_stream
from tests.support.element_model import ModelElement
from tests.support.system import eventually

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class ServedElement(ModelElement):
    """A model that publishes and announces itself in Redis and answers over HTTP, as far as a follower asks."""

    def __init__(self, element_id: str, redis: Redis) -> None:
        super().__init__(element_id)
        self.url = ""
        self.away = False
        self.listings = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self._redis = redis
        self._announced_at = NOON

    async def serve(self, stack: AsyncExitStack) -> None:
        application = web.Application()
        application.router.add_get("/api/v1/files", self._list)
        application.router.add_post("/api/v1/auth/token", self._give_token)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://{}:{}".format(*runner.addresses[0])

    async def publish(self, after: int = 0) -> None:
        for event in self.events[after:]:
            entry = {ENTRY_FIELD: event.model_dump_json()}
            await self._redis.xadd(element_stream(self.element_id), entry, id=f"{event.lsn}-0")  # type: ignore[arg-type]  # a narrower dict

    async def announce(self, *, last_lsn: int | None = None) -> None:
        """Each announcement is six seconds younger than the one before."""
        self._announced_at += timedelta(seconds=6)
        text = ElementAnnouncement(
            element_id=self.element_id,
            url=self.url,
            mode=Mode.RW,
            capacity_bytes=1,
            used_bytes=0,
            free_bytes=1,
            documents=len(self.documents()),
            last_lsn=self.last_lsn if last_lsn is None else last_lsn,
            health=ElementHealth.OK,
            max_file_bytes=1,
            started_at=NOON,
            announced_at=self._announced_at,
        ).model_dump_json()
        await self._redis.sadd(ELEMENTS_KEY, self.element_id)
        await self._redis.set(announcement_key(self.element_id), text)
        await self._redis.publish(ELEMENTS_CHANNEL, text)

    async def store(self, *numbers: int, publish: bool = True) -> None:
        """Puts documents; published unless said otherwise, not announced."""
        before = self.last_lsn
        for number in numbers:
            self.change(EventKind.PUT, UUID(int=number))
        if publish:
            await self.publish(before)

    async def _give_token(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"access_token": "a-token", "token_type": "Bearer", "expires_in": 60, "scope": "files:all"}
        )

    async def _list(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer a-token"
        self.listings += 1
        await self.answers.wait()
        if self.away:
            return web.Response(status=503)
        query = request.query
        page = self.page(int(query["since_lsn"]), query.get("cursor"), min(3, int(query["limit"])))
        return web.Response(text=page.model_dump_json(), content_type="application/json")


class Following:
    """A follower at work, the elements that it follows, and what has come of it."""

    def __init__(
        self, database: Database, redis: Redis, stack: AsyncExitStack, follower: CatalogFollower
    ) -> None:
        self.redis = redis
        self.follower = follower
        self._database = database
        self._stack = stack

    async def element(self, element_id: str) -> ServedElement:
        element = ServedElement(element_id, self.redis)
        await element.serve(self._stack)
        return element

    async def equals(self, element: ServedElement) -> None:
        async def equal() -> bool:
            return await self._documents(element.element_id) == element.documents()

        await eventually(equal, f"the catalog does not become equal to {element.element_id}")

    async def reaches(self, element: ServedElement) -> None:
        await eventually(
            lambda: self.follower.position(element.element_id) == element.last_lsn,
            f"{element.element_id} stays at {self.follower.position(element.element_id)}",
        )

    async def _documents(self, element_id: str) -> dict[UUID, Document]:
        query = select(catalog_files).where(catalog_files.c.element_id == element_id)
        async with self._database.read() as db:
            return {row.file_id: Document.model_validate(row.document) for row in await db.execute(query)}


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def following(
    redis_server: EmbeddedRedis, database: Database, catalog: Catalog
) -> AsyncIterator[Following]:
    async with AsyncExitStack() as stack:
        redis = connect(redis_server.url)
        stack.push_async_callback(redis.aclose)
        session = await stack.enter_async_context(http_session())
        admin = ServedElement("admin", redis)
        await admin.serve(stack)
        token = ServiceToken(session, admin.url, "services", "secret")
        directory = ElementDirectory(redis)
        follower = CatalogFollower(catalog, EventStreams(redis), ElementListing(session, token), directory)
        background = Background()
        background.start("directory", directory.run)
        background.start("follower", follower.run)
        stack.push_async_callback(background.stop)
        yield Following(database, redis, stack, follower)


@pytest.fixture
async def element(following: Following) -> ServedElement:
    """An element with three documents, which the catalog has."""
    element = await following.element("rw-01")
    await element.store(1, 2, 3)
    await element.announce()
    await following.reaches(element)
    return element


class TestStream:
    async def test_is_enough_while_it_is_whole(self, following: Following, element: ServedElement) -> None:
        listings = element.listings
        for number in range(4, 40):
            await element.store(number)
        element.change(EventKind.DELETE, UUID(int=7))
        element.change(EventKind.MODE, UUID(int=1))
        element.change(EventKind.UPDATE, UUID(int=8))
        await element.publish(element.last_lsn - 3)
        await following.reaches(element)
        await following.equals(element)
        assert element.listings == listings

    async def test_new_element_is_followed(self, following: Following, element: ServedElement) -> None:
        late = await following.element("edit-01")
        await late.store(50)
        await late.announce()
        await following.reaches(late)
        await late.store(51)
        await following.reaches(late)
        await following.equals(late)
        await following.equals(element)

    async def test_slow_listing_holds_no_other_element_up(
        self, following: Following, element: ServedElement
    ) -> None:
        slow = await following.element("slow-01")
        slow.answers.clear()
        await slow.store(60)
        await slow.announce()
        await eventually(lambda: slow.listings > 0, "the slow element is not asked")
        await element.store(4)
        await following.reaches(element)
        slow.answers.set()
        await following.reaches(slow)


class TestListing:
    async def test_lost_events(self, following: Following, element: ServedElement) -> None:
        await element.store(4, 5, 6, 7, 8, publish=False)
        await element.store(9)
        await following.reaches(element)
        await following.equals(element)

    async def test_lost_stream(self, following: Following, element: ServedElement) -> None:
        await following.redis.delete(element_stream("rw-01"))
        await element.store(4, 5, publish=False)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)
        await element.store(6)
        await following.reaches(element)

    async def test_trimmed_before_it_was_read(self, following: Following) -> None:
        element = await following.element("edit-01")
        await element.store(*range(1, 9))
        await following.redis.xtrim(element_stream("edit-01"), maxlen=2, approximate=False)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)

    async def test_documents_from_before_the_log(self, following: Following) -> None:
        element = await following.element("old-01")
        element.adopt(UUID(int=70))
        await element.store(71)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)

    async def test_event_of_a_kind_that_is_not_known(
        self, following: Following, element: ServedElement
    ) -> None:
        await element.store(4, publish=False)
        unknown = element.events[-1].model_dump_json().replace('"put"', '"put-with-seal"')
        await following.redis.xadd(element_stream("rw-01"), {ENTRY_FIELD: unknown}, id="4-0")
        await following.reaches(element)
        await following.equals(element)

    async def test_element_that_cannot_be_asked_for_a_while(
        self, following: Following, element: ServedElement
    ) -> None:
        element.away = True
        await element.store(4, publish=False)
        await element.store(5)
        before = element.listings
        await eventually(lambda: element.listings >= before + 2, "the element is not asked again")
        element.away = False
        await following.reaches(element)
        await following.equals(element)

    async def test_deletions_that_the_element_forgot(
        self, following: Following, element: ServedElement
    ) -> None:
        element.change(EventKind.DELETE, UUID(int=2))
        await element.store(4, publish=False)
        element.rebuild_index(element.last_lsn)
        await element.announce()
        await following.reaches(element)
        await following.equals(element)


async def test_redis_that_was_away(
    following: Following, element: ServedElement, redis_server: EmbeddedRedis
) -> None:
    await asyncio.to_thread(redis_server.kill)
    await element.store(4, 5, publish=False)
    await asyncio.to_thread(redis_server.start)
    await element.announce()
    await following.reaches(element)
    await following.equals(element)
    await element.store(6)
    await following.reaches(element)


async def test_element_that_was_put_back_from_a_backup(following: Following, element: ServedElement) -> None:
    """Its log is shorter than what the catalog took; the stream of the other history is gone with it."""
    await element.store(*range(10, 30))
    await following.reaches(element)
    restored = await following.element("rw-01")
    await restored.store(1, 2, publish=False)
    await following.redis.delete(element_stream("rw-01"))

    async def taken_anew() -> bool:
        await restored.announce()
        return following.follower.position("rw-01") == restored.last_lsn

    await eventually(taken_anew, "the catalog keeps to the other history")
    await following.equals(restored)


async def test_lag_is_a_metric(following: Following, element: ServedElement) -> None:
    element.away = True
    await element.store(4, 5, publish=False)
    await element.announce()

    def lag() -> float:
        return next(
            sample.value
            for metric in metrics.CATALOG_LAG.collect()
            for sample in metric.samples
            if sample.labels == {"element": "rw-01"}
        )

    await eventually(lambda: lag() == 2, "the lag is not told")
    element.away = False
    await eventually(lambda: lag() == 0, "the lag does not go away")
