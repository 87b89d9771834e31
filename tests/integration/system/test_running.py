"""The system in use: many uploads at once, restarts of every part, memory while a gigabyte passes."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from artstore.sdk import Client, Profile
from artstore.sdk.errors import Unavailable
from artstore.wire.elements import REGISTRY_KEY, announcement_key
from tests.support.elements import problem
from tests.support.everywhere import Call, calls, change_keys, decide, signer, stored_by, takes
from tests.support.http_connection import Connection
from tests.support.redis import redis_of
from tests.support.suspension import refused_everywhere, services_that_take_it
from tests.support.system import BOUNDARY, Account, RunningSystem, eventually, form, part

MIB = 1 << 20
_MANY_COPIES = """
INSERT INTO query.catalog_files (file_id, element_id, lsn, created_by_id, created_at, document, search)
SELECT gen_random_uuid(), element_id, lsn, created_by_id, created_at,
    document || jsonb_build_object('copied', repeat('x', 4000)), search
FROM query.catalog_files, generate_series(1, 8000) WHERE file_id = %s
"""


async def test_hundred_uploads_at_once(account: Account) -> None:
    contents = {f"parallel {n:03d}.txt": f"content {n}".encode() * (n * 37 % 4000 + 1) for n in range(100)}
    answers = await asyncio.gather(*(account.upload(name, content) for name, content in contents.items()))
    assert [answer.status_code for answer in answers] == [201] * 100
    assert len({answer.json()["file_id"] for answer in answers}) == 100
    for (name, content), answer in zip(contents.items(), answers, strict=True):
        stored = answer.json()
        assert stored["original_filename"] == name
        assert stored["checksum"] == hashlib.sha256(content).hexdigest()
        assert (await account.download(stored["file_id"])).content == content
    for answer in answers:
        await account.find("parallel", answer.json()["file_id"])


class TestRestart:
    """Every part is stopped, killed or replaced in turn; what was stored before is there afterwards."""

    @pytest.mark.parametrize("how", ["restart", "kill"])
    @pytest.mark.parametrize(
        "part_name", ["admin", "ingester", "query", "edit-01", "rw-01", "redis", "postgres"]
    )
    async def test_data_is_intact(self, own_system: RunningSystem, part_name: str, how: str) -> None:
        account = await own_system.create_account()
        before: dict[str, bytes] = {}
        for number, policy in enumerate(["permanent", "temporary"] * 3):
            content = f"kept {part_name} {number}".encode() * 1000 * (number + 1)
            stored = (await account.upload(f"kept {number}.txt", content, retention_policy=policy)).json()
            before[stored["file_id"]] = content

        if how == "restart":
            await own_system.stop(part_name)
        else:
            await own_system.kill(part_name)
        await own_system.start(part_name)

        await account.refresh()
        for file_id, content in before.items():
            assert (await account.download_when_ready(file_id)).content == content
            await account.find("kept", file_id)
        stored = await account.upload_until_taken("after.txt", b"after the restart")
        await account.find("after", stored["file_id"])

    async def test_second_start_finds_everything(self, own_system: RunningSystem) -> None:
        account = await own_system.create_account()
        stored = (await account.upload("lasting.txt", b"lasting")).json()
        await own_system.stop_all()
        await own_system.start_all()
        await account.refresh()
        assert (await account.download_when_ready(stored["file_id"])).content == b"lasting"
        await account.find("lasting", stored["file_id"])

    async def test_what_an_element_keeps_that_is_not_back_is_not_said_to_be_missing(
        self, own_system: RunningSystem
    ) -> None:
        """The catalog has not heard of it, and neither of the two services has of its element."""
        account = await own_system.create_account()
        await own_system.registry_knows_all_elements()
        await own_system.stop("query")
        stored = (await account.upload("lasting.txt", b"lasting")).json()
        await own_system.stop("rw-01")
        await own_system.stop("ingester")
        async with redis_of(own_system) as redis:

            async def published() -> bool:
                return bool(await redis.hexists(REGISTRY_KEY, "rw-01"))

            await eventually(published, "Admin does not publish its registry")
            await redis.delete(announcement_key("rw-01"))  # as time does
        for name in ("ingester", "query"):
            await own_system.start(name)
        url = f"{own_system.ingester_url}/api/v1/files/{stored['file_id']}"
        for answer in (await account.download(stored["file_id"]), await account.http.delete(url)):
            problem(answer, "element-unavailable", 503)
        await own_system.start("rw-01")
        assert (await account.download_when_ready(stored["file_id"])).content == b"lasting"


class TestRedisAway:
    async def test_uploads_and_downloads_go_on(self, own_system: RunningSystem) -> None:
        account = await own_system.create_account()
        await own_system.kill("redis")
        stored = await account.upload_until_taken("without redis.txt", b"content")
        assert (await account.download_when_ready(stored["file_id"])).content == b"content"
        await own_system.start("redis")
        await account.find("redis", stored["file_id"])

    async def test_ingester_that_starts_without_redis_asks_the_registry(
        self, own_system: RunningSystem
    ) -> None:
        account = await own_system.create_account()
        await own_system.registry_knows_all_elements()
        await own_system.kill("redis")
        await own_system.stop("ingester")
        await own_system.start("ingester")
        stored = await account.upload_until_taken("without redis.txt", b"content")
        assert stored["file_size"] == 7
        await own_system.start("redis")

    async def test_suspension_takes_effect(self, own_system: RunningSystem) -> None:
        account, admin = await own_system.create_account(), await own_system.administrator()
        accounts = f"{own_system.admin_url}/api/v1/service-accounts"
        listed = await admin.http.get(accounts, params={"q": account.name})
        await own_system.kill("redis")
        assert await services_that_take_it(own_system, account.token) >= {"admin", "query", "edit-01"}
        answer = await admin.http.post(f"{accounts}/{listed.json()['items'][0]['id']}/suspend")
        assert answer.status_code == 200
        await refused_everywhere(own_system, account.token)
        await own_system.start("redis")

    async def test_service_that_starts_without_redis_knows_what_was_revoked(
        self, own_system: RunningSystem
    ) -> None:
        account, admin = await own_system.create_account(), await own_system.administrator()
        await admin.http.post(
            f"{own_system.admin_url}/api/v1/auth/revoke",
            data={"token": account.token},
            auth=admin.credentials,
        )
        await refused_everywhere(own_system, account.token)
        await own_system.kill("redis")
        await own_system.stop("edit-01")
        await own_system.start("edit-01")
        assert await services_that_take_it(own_system, account.token) == set()
        await own_system.start("redis")

    async def test_what_is_decided_about_elements_holds(self, own_system: RunningSystem) -> None:
        """Admin is asked for it."""
        administrator = await own_system.administrator()
        await own_system.registry_knows_all_elements()
        await own_system.kill("redis")
        await decide(administrator, "drain")
        await takes(administrator, nothing=True)
        await decide(administrator, "activate")
        await takes(administrator, nothing=False)
        await own_system.start("redis")

    async def test_revoked_key_is_worthless(self, own_system: RunningSystem) -> None:
        """Nobody can tell the services of it, so they ask."""
        account = await own_system.administrator()
        everywhere = calls(own_system, await stored_by(account))
        assert {(await call(account)).status_code for call in everywhere.values()} == {200, 201}
        await own_system.kill("redis")
        await change_keys(account, f"{signer(account)}/revoke")
        for name, call in everywhere.items():

            async def refused(call: Call = call) -> bool:
                return (await call(account)).status_code == 401

            await eventually(refused, f"{name} goes on with the revoked key")
        await own_system.start("redis")


class TestPostgresAway:
    async def test_uploads_and_downloads_go_on(self, own_system: RunningSystem) -> None:
        account = await own_system.create_account()
        first = (await account.upload("first.txt", b"first")).json()
        await own_system.kill("postgres")
        second = await account.upload_until_taken("second.txt", b"second")
        assert (await account.download_when_ready(first["file_id"])).content == b"first"
        assert (await account.download_when_ready(second["file_id"])).content == b"second"
        search = await account.search_page("second")
        assert search.status_code == 503
        assert search.json()["type"] == "urn:artstore:problem:dependency-unavailable"
        health = await own_system.health("rw-01")
        assert health["status"] == "degraded"
        await own_system.start("postgres")
        await account.find("second", second["file_id"])

    async def test_an_export_is_seen_to_break(self, own_system: RunningSystem, tmp_path: Path) -> None:
        """Its body has no end; the library leaves no file. It is asked for again when PostgreSQL is back."""
        account = await own_system.create_account()
        stored = (await account.upload("exported.txt", b"exported")).json()
        await account.find("exported", stored["file_id"])
        with own_system.database() as connection:
            connection.execute(_MANY_COPIES, (stored["file_id"],))
        profile = Profile(
            own_system.admin_url, own_system.ingester_url, own_system.query_url, *account.credentials
        )
        url = f"{own_system.query_url}/api/v1/search/export"
        file = tmp_path / "found.csv"
        begun, goes_on = threading.Event(), threading.Event()
        with Client(profile) as client:

            def held(done: int, size: int | None) -> None:
                begun.set()
                goes_on.wait(60)

            export = partial(client.export, file, "exported", progress=held)
            try:
                exporting = asyncio.create_task(asyncio.to_thread(export))
                parameters = {"q": "exported", "format": "jsonl"}
                async with account.http.stream("GET", url, params=parameters) as answer:
                    assert answer.status_code == 200
                    pieces = answer.aiter_raw()
                    await anext(pieces)
                    assert await asyncio.to_thread(begun.wait, 60)
                    await own_system.no_more_is_sent("query")  # both clients have had enough for now
                    await own_system.kill("postgres")
                    goes_on.set()
                    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                        async for _ in pieces:
                            pass
                with pytest.raises(Unavailable, match="broke"):
                    await exporting
            finally:
                goes_on.set()
                await own_system.start("postgres")
            assert list(tmp_path.iterdir()) == []
            await account.find("exported", stored["file_id"])
            with own_system.database() as connection:
                connection.execute("DELETE FROM query.catalog_files WHERE document ? 'copied'")
            await asyncio.to_thread(client.export, file, "exported")
            assert len(file.read_text(encoding="utf-8").splitlines()) == 2

    async def test_catalog_that_lost_its_last_commits_catches_up(self, own_system: RunningSystem) -> None:
        """As after a failover to a standby that was behind."""
        account = await own_system.create_account()
        stored = (await account.upload("forgotten.txt", b"forgotten")).json()
        await account.find("forgotten", stored["file_id"])
        with own_system.database() as connection:
            connection.execute("DELETE FROM query.catalog_files WHERE file_id = %s", (stored["file_id"],))
            connection.execute("UPDATE query.catalog_positions SET lsn = lsn - 1 WHERE element_id = 'rw-01'")
        await account.find("forgotten", stored["file_id"])


async def test_what_every_service_refuses_comes_into_the_audit_trail(own_system: RunningSystem) -> None:
    """At the latest when the service stops, which is what makes it tell at once."""
    owner, stranger = await own_system.create_account(), await own_system.create_account()
    reader = await own_system.create_account("READONLY")
    stored = await owner.upload_until_taken("private.txt", b"private")
    for _ in range(3):
        assert (await stranger.download(stored["file_id"])).status_code == 404
        assert (await reader.upload("a.txt", b"a")).status_code == 403
    async with owner.anonymous() as nobody:
        assert (await nobody.get(f"{own_system.query_url}/api/v1/search")).status_code == 401
    stopped = ["ingester", "query", *own_system.element_urls]
    for name in stopped:
        await own_system.stop(name)
    for name in stopped:
        await own_system.start(name)
    administrator = await own_system.administrator()
    trail = await administrator.http.get(
        f"{own_system.admin_url}/api/v1/audit", params={"action": "access.refused", "limit": 1000}
    )
    told: dict[tuple[str, str | None, str], int] = {}
    for entry in trail.json()["items"]:
        actor, details = entry["actor"], entry["details"]
        who = (details["service"], actor["name"] or actor["address"], entry["subject"]["id"])
        told[who] = told.get(who, 0) + details["count"]
    assert told["ingester", reader.name, "POST /api/v1/files/upload"] == 3
    assert told["storage", stranger.name, "GET /api/v1/files/{file_id}"] == 3
    assert told["query", "127.0.0.1", "GET /api/v1/search"] >= 1


# The largest come last: what they store is read again after every test that follows.


async def test_a_slow_reader_does_not_fill_memory(own_system: RunningSystem) -> None:
    """A client that stops reading and leaves is noticed, and what it asked for is not piled up."""
    account = await own_system.create_account()
    stored = (await account.upload("large.bin", b"x" * (200 * MIB), timeout=60)).json()
    own_system.forget_peak_memory("query")
    before = own_system.peak_memory("query")
    url = f"{own_system.query_url}/api/v1/files/{stored['file_id']}/download"
    async with account.http.stream("GET", url) as download:
        stream = download.aiter_raw(65536)
        await anext(stream)
        await own_system.no_more_is_sent("query")
    assert own_system.peak_memory("query") - before < 64 * MIB


async def test_memory_while_hundred_clients_send_at_once(own_system: RunningSystem) -> None:
    """What an element grows by does not depend on what they send: here, 400 MiB."""
    account = await own_system.create_account()
    body = form(part("file", hashlib.sha256(b"block").digest() * (4 * MIB // 32), "four.bin"))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    async def send(connection: Connection) -> int:
        return (await connection.request("POST", "/api/v1/files/upload", headers, body)).status

    url = own_system.element_urls["rw-01"]
    connections = [await Connection.open(url, account.token) for _ in range(100)]
    try:
        assert await send(connections[0]) == 201
        own_system.forget_peak_memory("rw-01")
        before = own_system.peak_memory("rw-01")
        assert await asyncio.gather(*map(send, connections)) == [201] * 100
        grown = own_system.peak_memory("rw-01") - before
    finally:
        for connection in connections:
            await connection.close()
    assert grown < 96 * MIB, f"{grown / MIB:.0f} MiB"
    in_memory = "artstore_storage_upload_memory_bytes 0.0"
    assert in_memory in (await account.http.get(f"{url}/metrics")).text.splitlines()


@pytest.mark.timeout(600)
async def test_memory_while_a_gigabyte_passes(own_system: RunningSystem) -> None:
    """Ingester and element grow by less than 64 MiB, up and down; Query as well."""
    account = await own_system.create_account()
    await account.upload("warm up.bin", b"x" * MIB)
    watched = ["ingester", "rw-01", "query"]
    for name in watched:
        own_system.forget_peak_memory(name)
    before = {name: own_system.peak_memory(name) for name in watched}

    size = 1024 * MIB
    block = hashlib.sha256(b"block").digest() * (MIB // 32)
    digest = hashlib.sha256()
    head = form(part("file", b"", "gigabyte.bin"))[: -len(b"\r\n--frontier--\r\n")]
    tail = b"\r\n--frontier--\r\n"

    async def body() -> AsyncIterator[bytes]:
        yield head
        for _ in range(1024):
            digest.update(block)
            yield block
        yield tail

    answer = await account.http.post(
        f"{own_system.ingester_url}/api/v1/files/upload",
        content=body(),
        headers={
            "Content-Type": "multipart/form-data; boundary=frontier",
            "Content-Length": str(len(head) + size + len(tail)),
        },
        timeout=120,
    )
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert stored["checksum"] == digest.hexdigest()

    received = hashlib.sha256()
    url = f"{own_system.query_url}/api/v1/files/{stored['file_id']}/download"
    async with account.http.stream("GET", url, timeout=120) as download:
        async for chunk in download.aiter_bytes():
            received.update(chunk)
    assert received.hexdigest() == stored["checksum"]

    grown = {name: own_system.peak_memory(name) - before[name] for name in watched}
    assert all(growth < 64 * MIB for growth in grown.values()), grown
