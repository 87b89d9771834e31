"""A follower at work, and the elements that it follows: models behind real HTTP and a real Redis."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy import select

from artstore.kernel.database import Database
from artstore.kernel.peers import ElementDirectory
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.tables import catalog_files
from artstore.query.files.cache import DocumentCache
from artstore.wire.documents import Document
from artstore.wire.elements import (
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    announcement_key,
)
from artstore.wire.events import ENTRY_FIELD, EventKind, element_stream
from tests.support.announcements import announced
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
        self.only_first_pages = False
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
        text = announced(
            self.element_id,
            url=self.url,
            documents=len(self.documents()),
            last_lsn=self.last_lsn if last_lsn is None else last_lsn,
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
        if self.only_first_pages and "cursor" in query:
            return web.Response(status=503)
        page = self.page(int(query["since_lsn"]), query.get("cursor"), min(3, int(query["limit"])))
        return web.Response(text=page.model_dump_json(), content_type="application/json")


class Following:
    """A follower at work, the elements that it follows, and what has come of it."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        stack: AsyncExitStack,
        *,
        directory: ElementDirectory,
        listing: ElementListing,
        follower: CatalogFollower,
        cache: DocumentCache,
    ) -> None:
        self.redis = redis
        self.directory = directory
        self.listing = listing
        self.follower = follower
        self.cache = cache
        self._database = database
        self._stack = stack

    async def element(self, element_id: str) -> ServedElement:
        element = ServedElement(element_id, self.redis)
        await element.serve(self._stack)
        return element

    async def with_documents(self, element_id: str, *numbers: int) -> ServedElement:
        """One whose documents the catalog has."""
        element = await self.element(element_id)
        await element.store(*numbers)
        await element.announce()
        await self.reaches(element)
        return element

    async def equals(self, element: ServedElement) -> None:
        async def equal() -> bool:
            return await self.documents(element.element_id) == element.documents()

        await eventually(equal, f"the catalog does not become equal to {element.element_id}")

    async def reaches(self, element: ServedElement) -> None:
        await eventually(
            lambda: self.follower.position(element.element_id) == element.last_lsn,
            f"{element.element_id} stays at {self.follower.position(element.element_id)}",
        )

    async def documents(self, element_id: str) -> dict[UUID, Document]:
        query = select(catalog_files).where(catalog_files.c.element_id == element_id)
        async with self._database.read() as db:
            return {row.file_id: Document.model_validate(row.document) for row in await db.execute(query)}
