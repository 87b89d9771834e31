"""The key set of Admin: read over HTTP, kept, read again, and never asked for too often."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import RSAKey

from artstore.kernel.access import JwksClient, KeysUnavailable
from artstore.kernel.access import keys as keys_module
from artstore.kernel.access.keys import read_key_set
from tests.support.pieces import answer_in_pieces

from .conftest import Issuer, encode


class Admin:
    """An HTTP server that answers with a key set, or fails as it is told."""

    def __init__(self, issuer: Issuer) -> None:
        self.entries: list[dict[str, Any]] = [entry(issuer, "one")]
        self.status = 200
        self.pieces = 1
        self.asked = 0
        self.was_asked = asyncio.Event()
        self.before_answer: asyncio.Event | None = None
        application = web.Application()
        application.router.add_get("/.well-known/jwks.json", self._answer)
        self.server = TestServer(application)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        answer = web.json_response({"keys": self.entries}, status=self.status)
        self.was_asked.set()
        if self.before_answer is not None:
            await self.before_answer.wait()
        if self.pieces > 1:
            return await answer_in_pieces(request, json.dumps({"keys": self.entries}).encode(), self.pieces)
        return answer

    @property
    def url(self) -> str:
        return str(self.server.make_url("/"))


def entry(issuer: Issuer, kid: str) -> dict[str, Any]:
    return {**issuer.public_key.as_dict(private=False), "kid": kid, "use": "sig"}


async def fetched(client: JwksClient) -> None:
    """Returns when the fetch that a request started beside itself has ended."""
    assert client._fetching is not None
    await client._fetching


@pytest.fixture
async def admin(issuer: Issuer) -> AsyncIterator[Admin]:
    server = Admin(issuer)
    await server.server.start_server()
    yield server
    await server.server.close()


@pytest.fixture
async def client(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JwksClient]:
    monkeypatch.setattr(keys_module, "_MIN_SECONDS_BETWEEN_FETCHES", 0.0)
    monkeypatch.setattr(keys_module, "_FETCH_TIMEOUT_SECONDS", 60.0)
    made = JwksClient(admin.url)
    yield made
    await made.close()


class TestKey:
    async def test_known_one_is_asked_for_once(self, admin: Admin, client: JwksClient) -> None:
        assert await client.key("one") is not None
        assert await client.key("one") is not None
        assert admin.asked == 1

    async def test_set_that_comes_in_pieces(self, admin: Admin, client: JwksClient) -> None:
        admin.pieces = 3
        assert await client.key("one") is not None

    async def test_set_without_an_end(
        self, admin: Admin, client: JwksClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keys_module, "_MAX_BYTES", 100)
        admin.pieces = 3
        with pytest.raises(KeysUnavailable):
            await client.key("one")

    async def test_unknown_one_makes_a_fresh_set(
        self, admin: Admin, client: JwksClient, issuer: Issuer
    ) -> None:
        assert await client.key("two") is None
        admin.entries.append(entry(issuer, "two"))
        assert await client.key("two") is not None

    async def test_those_who_invent_keys_wait_for_one_another(
        self, admin: Admin, client: JwksClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two fetches serve all: one under way says nothing to whoever came after it was answered."""
        monkeypatch.setattr(keys_module, "_MIN_SECONDS_BETWEEN_FETCHES", 0.25)
        assert await client.key("one") is not None
        keys = await asyncio.gather(*(client.key(f"invented-{number}") for number in range(50)))
        assert keys == [None] * 50
        assert admin.asked <= 3

    async def test_a_fetch_waits_for_its_turn(
        self, admin: Admin, client: JwksClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await client.key("one") is not None
        monkeypatch.setattr(keys_module, "_MIN_SECONDS_BETWEEN_FETCHES", 3600.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.key("invented")
        assert admin.asked == 1

    async def test_key_that_is_made_during_a_fetch_is_found(
        self, admin: Admin, client: JwksClient, issuer: Issuer
    ) -> None:
        admin.before_answer = asyncio.Event()
        early = asyncio.create_task(client.key("two"))
        await admin.was_asked.wait()  # and its answer is made
        late = asyncio.create_task(client.key("two"))
        await asyncio.sleep(0)
        admin.entries = [*admin.entries, entry(issuer, "two")]
        admin.before_answer.set()
        assert await early is None
        assert await late is not None

    async def test_fresh_enough(self, admin: Admin, client: JwksClient) -> None:
        assert await client.refresh(within=3600)
        assert await client.refresh(within=3600)
        assert admin.asked == 1
        assert await client.refresh()
        assert admin.asked == 2

    async def test_key_that_is_withdrawn(self, admin: Admin, client: JwksClient) -> None:
        assert await client.key("one") is not None
        assert client.knows("one")
        admin.entries = []
        await client.refresh()
        assert not client.knows("one")
        assert client.kids == frozenset()

    async def test_those_who_ask_at_once_share_a_fetch(self, admin: Admin, client: JwksClient) -> None:
        keys = await asyncio.gather(*(client.key("one") for _ in range(20)))
        assert all(keys)
        assert admin.asked == 1

    async def test_old_set_is_read_again_beside_the_request(
        self, admin: Admin, client: JwksClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await client.key("one") is not None
        monkeypatch.setattr(keys_module, "REFRESH_SECONDS", -1.0)
        admin.entries.clear()
        assert await client.key("one") is not None
        await fetched(client)
        monkeypatch.undo()
        assert await client.key("one") is None


class TestAdminAway:
    async def test_nothing_known(self, admin: Admin, client: JwksClient) -> None:
        admin.status = 500
        with pytest.raises(KeysUnavailable):
            await client.key("one")

    async def test_last_known_set_stays(
        self, admin: Admin, client: JwksClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await client.key("one") is not None
        admin.status = 500
        monkeypatch.setattr(keys_module, "REFRESH_SECONDS", -1.0)
        assert await client.key("one") is not None
        await fetched(client)
        assert await client.key("one") is not None

    async def test_unknown_key_cannot_be_judged(self, admin: Admin, client: JwksClient) -> None:
        assert await client.key("one") is not None
        admin.status = 500
        with pytest.raises(KeysUnavailable):
            await client.key("two")

    async def test_nobody_listens(self, admin: Admin) -> None:
        url = admin.url
        await admin.server.close()
        with pytest.raises(KeysUnavailable):
            await JwksClient(url).key("one")

    async def test_comes_back(self, admin: Admin, client: JwksClient) -> None:
        admin.status = 500
        with pytest.raises(KeysUnavailable):
            await client.key("one")
        admin.status = 200
        assert await client.key("one") is not None


class TestReadKeySet:
    def test_takes_only_what_it_can_use(self, issuer: Issuer) -> None:
        private = {**RSAKey.generate_key(2048).as_dict(private=True), "kid": "private"}
        small = {"kty": "RSA", "kid": "small", "n": encode(b"\xff" * 128).decode(), "e": "AQAB"}
        entries = [
            entry(issuer, "good"),
            {**entry(issuer, "encryption"), "use": "enc"},
            {"kty": "oct", "kid": "secret", "k": "AAAA"},
            {"kty": "RSA", "kid": "broken", "n": entry(issuer, "")["n"], "e": "!"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            "no object",
            small,
            private,
        ]
        keys = read_key_set(json.dumps({"keys": entries}).encode())
        assert set(keys) == {"good", "private"}
        assert not keys["private"].is_private

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": 1}', b"\xff"])
    def test_no_key_set(self, body: bytes) -> None:
        with pytest.raises(ValueError, match=r".*"):
            read_key_set(body)
