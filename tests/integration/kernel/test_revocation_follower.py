"""The list of revocations of a service, on a real Redis that comes and goes, with an Admin beside it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis

from artstore.kernel.access import RevocationFollower, RevocationList, revocation_follower
from artstore.kernel.dependencies import DependencyDown
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.revocations import (
    POSITION_FIELD,
    REVOCATIONS_CHANNEL,
    REVOCATIONS_KEY,
    REVOCATIONS_PATH,
    Revocation,
    RevocationNews,
)
from tests.support.system import eventually

ACCOUNT = UUID("7e0f0f3c-55a4-4b7e-9d7c-1d1c9b1f0001")


@pytest.fixture(autouse=True)
def _all_have_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no Admin that is away."""
    for name in ("_FIRST_SECONDS", "_ADMIN_SECONDS"):
        monkeypatch.setattr(revocation_follower, name, 60)


def entry(position: int) -> Revocation:
    return Revocation(
        position=position, account_id=ACCOUNT, jti=f"token-{position}", until=time.time() + 1000
    )


class Admin:
    """Has a list, answers with it two entries at a time, and publishes it when told."""

    def __init__(self, redis: Redis) -> None:
        self.entries: list[Revocation] = []
        self.asked = 0
        self._redis = redis
        application = web.Application()
        application.router.add_get(REVOCATIONS_PATH, self._answer)
        self.server = TestServer(application)
        self.url = ""

    async def start(self) -> None:
        await self.server.start_server()
        self.url = str(self.server.make_url("")).rstrip("/")

    @property
    def position(self) -> int:
        return self.entries[-1].position if self.entries else 0

    def revoke(self, position: int) -> Revocation:
        self.entries.append(entry(position))
        return self.entries[-1]

    async def publish(self, *entries: Revocation, after: int, key: bool = True) -> None:
        position = entries[-1].position if entries else self.position
        if key:
            for one in self.entries:
                await self._redis.hset(REVOCATIONS_KEY, one.key, one.model_dump_json())
            await self._redis.hset(REVOCATIONS_KEY, POSITION_FIELD, position)
        news = RevocationNews(items=list(entries), after=after, position=position)
        await self._redis.publish(REVOCATIONS_CHANNEL, news.model_dump_json())

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        after = int(request.query["after"])
        if after > self.position:
            news = RevocationNews(items=[], after=after, position=self.position)
        else:
            left = [one for one in self.entries if one.position > after]
            items, more = left[:2], len(left) > 2
            reached = items[-1].position if more else self.position
            news = RevocationNews(items=items, after=after, position=reached, more=more)
        return web.json_response(text=news.model_dump_json())


@pytest.fixture
async def admin(redis: Redis) -> AsyncIterator[Admin]:
    admin = Admin(redis)
    await admin.start()
    yield admin
    await admin.server.close()


@pytest.fixture
async def following(redis: Redis, admin: Admin) -> AsyncIterator[tuple[RevocationList, RevocationFollower]]:
    """A list, and the follower that fills it, which runs."""
    revocations = RevocationList()
    follower = RevocationFollower(revocations, redis, admin.url)
    await follower.learn_first()
    task = asyncio.create_task(follower.run())
    yield revocations, follower
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


Following = tuple[RevocationList, RevocationFollower]


async def knows(revocations: RevocationList, *positions: int) -> None:
    wanted = {f"token-{position}" for position in positions}
    await eventually(lambda: set(revocations._tokens) == wanted, f"knows {revocations._tokens}")


class TestLearning:
    async def test_what_is_known_at_the_start(self, redis: Redis, admin: Admin) -> None:
        for position in (1, 2, 3, 7, 9):
            admin.revoke(position)
        revocations = RevocationList()
        await RevocationFollower(revocations, redis, admin.url).learn_first()
        assert (len(revocations), revocations.position) == (5, 9)

    async def test_start_while_admin_is_away(self, redis: Redis, admin: Admin) -> None:
        await admin.publish(admin.revoke(4), after=0)
        await admin.server.close()
        revocations = RevocationList()
        await RevocationFollower(revocations, redis, admin.url).learn_first()
        assert (len(revocations), revocations.position) == (1, 4)

    async def test_start_while_all_are_away(self, redis: Redis, admin: Admin, server: EmbeddedRedis) -> None:
        server.stop()
        await admin.server.close()
        revocations = RevocationList()
        await RevocationFollower(revocations, redis, admin.url).learn_first()
        assert len(revocations) == 0

    async def test_news_of_redis(self, admin: Admin, following: Following) -> None:
        revocations, _ = following
        # Published again until it is heard: the follower may still be about to subscribe.
        one = admin.revoke(1)

        async def heard() -> bool:
            await admin.publish(one, after=0, key=False)
            return revocations.position == 1

        await eventually(heard, "nothing is heard")
        await knows(revocations, 1)

    async def test_news_that_were_missed_are_read_from_the_key(
        self, redis: Redis, admin: Admin, following: Following
    ) -> None:
        revocations, _ = following
        await admin.publish(after=0)
        await eventually(lambda: admin.asked > 1, "it does not run")
        missed, heard = admin.revoke(5), admin.revoke(6)
        await redis.hset(REVOCATIONS_KEY, mapping={missed.key: missed.model_dump_json(), POSITION_FIELD: 5})
        await admin.publish(heard, after=5)
        await knows(revocations, 5, 6)

    async def test_nonsense_is_left_out(self, redis: Redis, admin: Admin, following: Following) -> None:
        revocations, _ = following
        for nonsense in (b"", b"{}", b"\xff", b'{"items": [{}], "after": 0, "position": 1}'):
            await redis.publish(REVOCATIONS_CHANNEL, nonsense)
        await admin.publish(admin.revoke(1), after=0)
        await knows(revocations, 1)


class TestAway:
    async def test_redis_dies(self, admin: Admin, following: Following, server: EmbeddedRedis) -> None:
        revocations, follower = following
        await admin.publish(admin.revoke(1), after=0)
        await knows(revocations, 1)
        server.stop()
        for position in (2, 3, 4, 5):
            admin.revoke(position)
        await knows(revocations, 1, 2, 3, 4, 5)
        await follower.check()

    async def test_redis_hangs(self, admin: Admin, following: Following, server: EmbeddedRedis) -> None:
        revocations, _ = following
        await admin.publish(admin.revoke(1), after=0)
        await knows(revocations, 1)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        admin.revoke(2)
        await knows(revocations, 1, 2)
        server.process.send_signal(signal.SIGCONT)

    async def test_redis_is_there_but_nobody_speaks(self, admin: Admin, following: Following) -> None:
        revocations, _ = following
        await admin.publish(admin.revoke(1), after=0)
        await knows(revocations, 1)
        admin.revoke(2)
        await knows(revocations, 1, 2)

    async def test_all_away_is_told_and_what_is_known_stands(self, redis: Redis, admin: Admin) -> None:
        ahead = 0.0
        revocations = RevocationList()
        follower = RevocationFollower(revocations, redis, admin.url, clock=lambda: time.monotonic() + ahead)
        admin.revoke(1)
        await follower.learn_first()
        await follower.check()
        await admin.server.close()
        ahead = 11.0
        with pytest.raises(DependencyDown, match="neither Redis nor Admin"):
            await follower.check()
        assert len(revocations) == 1

    async def test_a_list_that_began_anew(self, redis: Redis, admin: Admin) -> None:
        """Admin's database was replaced by an older copy: what was revoked then counts, too."""
        revocations = RevocationList()
        follower = RevocationFollower(revocations, redis, admin.url)
        admin.revoke(9)
        await follower.learn_first()
        admin.entries.clear()
        admin.revoke(3)
        await follower.learn_first()
        assert set(revocations._tokens) == {"token-9", "token-3"}
        assert revocations.position == 3
