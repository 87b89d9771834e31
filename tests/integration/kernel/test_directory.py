"""The directory of elements on a real Redis that comes and goes, with a registry beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from artstore.kernel import peers
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.peers import AdminRegistry, ElementDirectory, http_session
from artstore.kernel.peers.directory import Source
from artstore.kernel.redis import RedisDependency
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.elements import (
    ANNOUNCEMENT_EXPIRES_SECONDS,
    ELEMENTS_CHANNEL,
    ELEMENTS_KEY,
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    ElementAnnouncement,
    ElementHealth,
    ElementPage,
    ElementState,
    ListedElement,
    Mode,
    Registration,
    announcement_key,
)
from tests.support.announcements import NOW, announced
from tests.support.system import eventually


def listed(element_id: str, **decided: Any) -> ListedElement:
    registration = Registration(**decided)
    return ListedElement(**dict(announced(element_id)), registration=registration)


async def publish(redis: Redis, element_id: str, **decided: Any) -> None:
    """As Admin does."""
    await redis.hset(REGISTRY_KEY, element_id, Registration(**decided).model_dump_json())
    await redis.publish(REGISTRY_CHANNEL, b"")


def state_of(directory: ElementDirectory, element_id: str) -> ElementState | None:
    known = directory.get(element_id)
    return None if known is None else known.registration.state


async def announce(redis: Redis, said: ElementAnnouncement) -> None:
    json = said.model_dump_json()
    await redis.sadd(ELEMENTS_KEY, said.element_id)
    await redis.set(announcement_key(said.element_id), json, ex=ANNOUNCEMENT_EXPIRES_SECONDS)
    await redis.publish(ELEMENTS_CHANNEL, json)


class Clock:
    """The time as the directory sees it; ``pass_seconds`` lets some go by on top of the real one."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self._ahead

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += seconds


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All elements are known in the end, on a busy machine as well."""
    monkeypatch.setattr(peers.directory, "_FIRST_SECONDS", 60)


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(redis: Redis, clock: Clock) -> AsyncIterator[ElementDirectory]:
    """One that follows, stopped at the end."""
    directory = ElementDirectory(redis, clock=clock)
    task = asyncio.create_task(directory.run())
    yield directory
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def registry() -> AsyncIterator["Registry"]:
    registry = Registry()
    await registry.start()
    yield registry
    await registry.stop()


class Registry:
    """Admin as far as the directory needs it: tokens for one account, and a list in pages of one."""

    def __init__(self) -> None:
        self.listed: list[ListedElement] = []
        self.tokens = 0
        self.asked = 0
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()
        app = web.Application()
        app.router.add_post("/api/v1/auth/token", self._token)
        app.router.add_get("/api/v1/storage-elements", self._elements)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        assert (
            request.headers["Authorization"] == "Basic aW4lM0FnZXN0ZXI6cyUyQmVjcmV0"
        )  # in%3Agester:s%2Becret
        assert dict(await request.post()) == {"grant_type": "client_credentials"}
        self.tokens += 1
        answer = {"access_token": f"t{self.tokens}", "token_type": "Bearer", "expires_in": 600, "scope": ""}
        return web.json_response(answer)

    async def _elements(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.answers.wait()
        if self.is_down:
            return web.Response(status=503)
        if request.headers["Authorization"] != f"Bearer t{self.tokens}":
            return web.Response(status=401)
        start = int(request.query.get("cursor", "0"))
        following = str(start + 1) if start + 1 < len(self.listed) else None
        page = ElementPage(items=self.listed[start : start + 1], next_cursor=following)
        return web.Response(text=page.model_dump_json(), content_type="application/json")


class TestWithRedis:
    @pytest.mark.usefixtures("patient")
    async def test_learns_what_is_there(self, redis: Redis, directory: ElementDirectory) -> None:
        await announce(redis, announced("e2"))
        await announce(redis, announced("e1"))
        await directory.learned_first()
        assert directory.is_up_to_date
        await eventually(lambda: len(directory.elements()) == 2, "the elements are not learned")
        assert [element.element_id for element in directory.elements()] == ["e1", "e2"]
        assert directory.source is Source.REDIS
        await directory.dependency().check()

    async def test_hears_of_a_change_at_once(self, redis: Redis, directory: ElementDirectory) -> None:
        await directory.ready.wait()
        later = NOW + timedelta(seconds=1)
        await announce(redis, announced())
        await announce(redis, announced(mode=Mode.RO, announced_at=later))
        # An old message that comes late changes nothing.
        await announce(redis, announced())

        def read_only() -> bool:
            known = directory.get("e1")
            return known is not None and known.mode is Mode.RO

        await eventually(read_only, "the change is not heard")

    async def test_what_is_no_announcement_is_passed_over(
        self, redis: Redis, directory: ElementDirectory
    ) -> None:
        await directory.ready.wait()
        await redis.publish(ELEMENTS_CHANNEL, b"\xff nonsense")
        await redis.publish(ELEMENTS_CHANNEL, b"{}")
        elsewhere = announced("e0").model_copy(update={"client_url": "https://e0\r\nSet-Cookie: x=y"})
        await redis.publish(ELEMENTS_CHANNEL, elsewhere.model_dump_json())
        await announce(redis, announced())
        await eventually(lambda: directory.get("e1") is not None, "the element is not learned")
        assert directory.get("e0") is None

    async def test_one_that_is_silent_is_away_and_not_forgotten(
        self, redis: Redis, directory: ElementDirectory, clock: Clock
    ) -> None:
        await announce(redis, announced())
        await eventually(lambda: directory.get("e1") is not None, "the element is not learned")
        await redis.delete(announcement_key("e1"))
        assert directory.elements()[0].health is ElementHealth.OK
        clock.pass_seconds(ANNOUNCEMENT_EXPIRES_SECONDS)
        await announce(redis, announced("e2"))  # wakes the directory, which then looks again
        await eventually(
            lambda: directory.elements()[0].health is ElementHealth.AWAY, "the element is not away"
        )
        await redis.srem(ELEMENTS_KEY, "e1")
        assert directory.elements()[0].element_id == "e1"

        await announce(redis, announced(announced_at=NOW + timedelta(seconds=60)))
        await eventually(lambda: directory.elements()[0].health is ElementHealth.OK, "it is not back")

    async def test_a_redis_that_starts_empty_makes_nobody_away(
        self, server: EmbeddedRedis, redis: Redis, directory: ElementDirectory, clock: Clock
    ) -> None:
        await announce(redis, announced())
        await eventually(lambda: directory.get("e1") is not None, "the element is not learned")
        server.kill()
        clock.pass_seconds(60)
        await eventually(lambda: directory.source is Source.NONE, "the loss is not noticed")
        assert directory.elements()[0].health is ElementHealth.OK
        server.start()
        await eventually(lambda: directory.source is Source.REDIS, "Redis is not followed again")
        assert directory.elements()[0].health is ElementHealth.OK
        clock.pass_seconds(ANNOUNCEMENT_EXPIRES_SECONDS)
        assert directory.elements()[0].health is ElementHealth.AWAY
        with pytest.raises(DependencyDown, match="away"):
            await directory.dependency().check()

    async def test_health_without_elements(self, directory: ElementDirectory) -> None:
        await directory.ready.wait()
        with pytest.raises(DependencyDown, match="no storage element"):
            await directory.dependency().check()


class TestRegistrations:
    async def test_come_with_the_element(self, redis: Redis, directory: ElementDirectory) -> None:
        await announce(redis, announced())
        await eventually(lambda: directory.get("e1") is not None, "the element is not learned")
        assert state_of(directory, "e1") is ElementState.ACTIVE
        await publish(redis, "e1", state="draining", revision=1)
        await eventually(lambda: state_of(directory, "e1") is ElementState.DRAINING, "the drain is not heard")
        # What the element says of itself changes nothing about it.
        later = NOW + timedelta(seconds=1)
        await announce(redis, announced(announced_at=later))
        await eventually(lambda: directory.announced()[0].announced_at == later, "it is not heard")
        assert state_of(directory, "e1") is ElementState.DRAINING

    async def test_older_ones_and_nonsense_change_nothing(
        self, redis: Redis, directory: ElementDirectory
    ) -> None:
        await announce(redis, announced())
        await publish(redis, "e1", state="draining", revision=2)
        await eventually(lambda: state_of(directory, "e1") is ElementState.DRAINING, "the drain is not heard")
        await publish(redis, "e1", state="active", revision=1)
        await redis.hset(REGISTRY_KEY, "e2", b"\xff")
        await announce(redis, announced("e3"))
        await publish(redis, "e3", priority=5, revision=1)

        def heard() -> bool:
            known = directory.get("e3")
            return known is not None and known.registration.priority == 5

        await eventually(heard, "the priority is not heard")
        assert state_of(directory, "e1") is ElementState.DRAINING

    async def test_are_asked_for_where_redis_has_none(
        self, redis: Redis, clock: Clock, registry: Registry
    ) -> None:
        """As one that starts beside a Redis that has lost all: it must not fill a drained element."""
        registry.listed = [listed("e1", state="draining", revision=3)]
        await announce(redis, announced())
        async with http_session() as session:
            admin = AdminRegistry(session, registry.url, "in:gester", "s+ecret")
            directory = ElementDirectory(redis, admin, clock=clock)
            task = asyncio.create_task(directory.run())
            await directory.ready.wait()
            assert state_of(directory, "e1") is ElementState.DRAINING
            assert directory.source is Source.REDIS
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class TestWhichThereAre:
    """After a start of everything an element may not be back yet. Nobody may say that it does not exist."""

    @pytest.fixture
    async def directory(
        self, redis: Redis, clock: Clock, registry: Registry
    ) -> AsyncIterator[ElementDirectory]:
        async with http_session() as session:
            directory = ElementDirectory(redis, AdminRegistry(session, registry.url, "in:gester", "s+ecret"))
            yield directory

    @pytest.fixture
    async def following(self, directory: ElementDirectory) -> AsyncIterator[Callable[[], None]]:
        tasks: list[asyncio.Task[None]] = []
        yield lambda: tasks.append(asyncio.create_task(directory.run()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @pytest.mark.usefixtures("patient")
    async def test_one_without_an_announcement_is_asked_for(
        self, redis: Redis, directory: ElementDirectory, registry: Registry, following: Callable[[], None]
    ) -> None:
        registry.listed = [listed("e1"), listed("e2")]
        await announce(redis, announced("e1"))
        await publish(redis, "e1")
        await publish(redis, "e2")
        following()
        await directory.learned_first()
        assert directory.is_up_to_date
        assert directory.get("e2") is not None

    @pytest.mark.parametrize("published", [True, False])
    async def test_while_nobody_tells(
        self,
        redis: Redis,
        directory: ElementDirectory,
        registry: Registry,
        following: Callable[[], None],
        published: bool,
    ) -> None:
        await announce(redis, announced("e1"))
        if published:
            await publish(redis, "e1")
            await redis.sadd(ELEMENTS_KEY, "e2")
        registry.is_down = True
        following()
        await directory.learned_first()
        await eventually(directory.ready.is_set, "nothing is learned")
        assert [element.element_id for element in directory.elements()] == ["e1"]
        assert not directory.is_up_to_date
        with pytest.raises(DependencyDown, match="there may be others"):
            await directory.dependency().check()
        registry.is_down = False
        await eventually(lambda: directory.is_up_to_date, "Admin is not asked again")

    @pytest.mark.usefixtures("patient")
    async def test_while_admin_is_asked_for_one_that_is_new(
        self, redis: Redis, directory: ElementDirectory, registry: Registry, following: Callable[[], None]
    ) -> None:
        registry.listed = [listed("e1"), listed("e2")]
        await announce(redis, announced("e1"))
        await publish(redis, "e1")
        following()
        await directory.learned_first()
        assert directory.is_up_to_date
        registry.answers.clear()
        await publish(redis, "e2")
        await eventually(lambda: registry.asked > 0, "Admin is not asked")
        assert not directory.is_up_to_date
        registry.answers.set()
        await eventually(lambda: directory.is_up_to_date, "Admin is not heard")
        assert directory.get("e2") is not None

    async def test_one_that_comes_back_needs_no_admin(
        self, redis: Redis, directory: ElementDirectory, registry: Registry, following: Callable[[], None]
    ) -> None:
        registry.is_down = True
        await announce(redis, announced("e1"))
        await publish(redis, "e1")
        await redis.sadd(ELEMENTS_KEY, "e2")
        following()
        await directory.learned_first()
        await eventually(directory.ready.is_set, "nothing is learned")
        assert not directory.is_up_to_date
        await announce(redis, announced("e2"))
        await eventually(lambda: directory.is_up_to_date, "the element is not heard")

    @pytest.mark.usefixtures("patient")
    async def test_one_that_admin_does_not_know_is_no_more(
        self, redis: Redis, directory: ElementDirectory, registry: Registry, following: Callable[[], None]
    ) -> None:
        registry.listed = [listed("e1")]
        await announce(redis, announced("e1"))
        await publish(redis, "e1")
        await redis.sadd(ELEMENTS_KEY, "long gone")
        following()
        await directory.learned_first()
        assert directory.is_up_to_date
        asked = registry.asked
        await publish(redis, "e1", priority=5, revision=1)
        await eventually(lambda: directory.elements()[0].registration.priority == 5, "it is not heard")
        assert directory.is_up_to_date
        assert registry.asked == asked


class TestWithoutRedis:
    async def test_asks_the_registry(
        self, server: EmbeddedRedis, redis: Redis, directory: ElementDirectory, registry: Registry
    ) -> None:
        server.kill()
        registry.listed = [listed("e1"), listed("e2", priority=7), listed("e3")]
        async with http_session() as session:
            directory.admin = AdminRegistry(session, registry.url, "in:gester", "s+ecret")
            await directory.ready.wait()
            await eventually(lambda: directory.source is Source.ADMIN, "the registry is not asked")
            assert [element.element_id for element in directory.elements()] == ["e1", "e2", "e3"]
            assert [element.registration.priority for element in directory.elements()] == [100, 7, 100]
            assert registry.tokens == 1
            directory.admin = None

    async def test_a_token_that_is_refused_is_renewed(self, registry: Registry) -> None:
        registry.listed = [listed("e1")]
        async with http_session() as session:
            admin = AdminRegistry(session, registry.url, "in:gester", "s+ecret")
            await admin.elements()
            registry.tokens += 1  # as if the keys had been changed
            with pytest.raises(Exception, match="401"):
                await admin.elements()
            assert len(await admin.elements()) == 1

    async def test_health_of_redis(self, server: EmbeddedRedis, redis: Redis) -> None:
        dependency = RedisDependency(redis)
        await dependency.check()
        server.kill()
        with pytest.raises(DependencyDown) as down:
            await dependency.check()
        password = server.url.partition("//:")[2].partition("@")[0]
        assert password
        assert password not in str(down.value)
