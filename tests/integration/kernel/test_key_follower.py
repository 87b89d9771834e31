"""Keys that change are read again as soon as that is told in a real Redis, and asked for while nobody tells."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import RSAKey
from redis.asyncio import Redis

from artstore.kernel.access import JwksClient
from artstore.kernel.peers import KeyFollower
from artstore.kernel.peers import keys as followed
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.keys import KEYS_CHANNEL, KeyAnnouncement
from tests.support.system import eventually

PUBLIC = RSAKey.generate_key(2048).as_dict(private=False)


class Admin:
    """Gives out a key set."""

    def __init__(self) -> None:
        self.kids = ["one"]
        self.asked = 0
        application = web.Application()
        application.router.add_get("/.well-known/jwks.json", self._answer)
        self.server = TestServer(application)

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        entries: list[dict[str, Any]] = [{**PUBLIC, "kid": kid} for kid in self.kids]
        return web.json_response({"keys": entries})


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    admin = Admin()
    await admin.server.start_server()
    yield admin
    await admin.server.close()


@pytest.fixture
async def keys(admin: Admin, redis: Redis) -> AsyncIterator[JwksClient]:
    """Those of a follower that has read them once."""
    keys = JwksClient(str(admin.server.make_url("/")))
    task = asyncio.create_task(KeyFollower(redis, keys).run())
    await eventually(lambda: keys.knows("one"), "the keys are not read")
    yield keys
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await keys.close()


async def told(redis: Redis, *kids: str) -> None:
    """Returns when the follower listens and has been told."""
    message = KeyAnnouncement(kids=frozenset(kids)).model_dump_json()

    async def heard() -> bool:
        return bool(await redis.publish(KEYS_CHANNEL, message))

    await eventually(heard, "nobody listens")


async def test_reads_the_set_when_others_are_told(
    admin: Admin, redis: Redis, keys: JwksClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "_ASK_EVERY_SECONDS", 3600.0)
    await told(redis, "one")
    admin.kids = ["two"]
    await told(redis, "two")
    await eventually(lambda: keys.kids == {"two"}, "the new key is not read")


async def test_does_not_ask_while_it_is_told_that_nothing_changed(
    admin: Admin, redis: Redis, keys: JwksClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(redis, "one")
    await keys.refresh()
    asked = admin.asked
    monkeypatch.setattr(followed, "_ASK_EVERY_SECONDS", 0.01)
    for _ in range(20):
        await told(redis, "one")
        await asyncio.sleep(0.05)
    # One may have been under way when the first message came.
    assert admin.asked <= asked + 1


async def test_asks_again_where_admin_did_not_know_yet(admin: Admin, redis: Redis, keys: JwksClient) -> None:
    """Of several Admins the one that answered may be a moment behind the one that told."""
    asked = admin.asked
    await told(redis, "two")
    await eventually(lambda: admin.asked > asked, "the set is not read")
    admin.kids = ["two"]
    await eventually(lambda: keys.kids == {"two"}, "the new key is not read")


async def test_asks_while_redis_is_away(
    server: EmbeddedRedis, admin: Admin, redis: Redis, keys: JwksClient
) -> None:
    await told(redis, "one")
    server.kill()
    admin.kids = ["two"]
    await eventually(lambda: keys.kids == {"two"}, "the new key is not read")


async def test_asks_while_nobody_tells(
    admin: Admin, keys: JwksClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "_SILENCE_SECONDS", 0.0)
    admin.kids = ["two"]
    await eventually(lambda: keys.kids == {"two"}, "the new key is not read")


async def test_nonsense_is_passed_over(admin: Admin, redis: Redis, keys: JwksClient) -> None:
    await told(redis, "one")
    await redis.publish(KEYS_CHANNEL, b"\xff nonsense")
    admin.kids = ["two"]
    await told(redis, "two")
    await eventually(lambda: keys.kids == {"two"}, "the new key is not read")
