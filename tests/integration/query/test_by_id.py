"""Documents by their id while parts of the system are away, on real processes."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest

from artstore.launcher.settings import SystemSettings
from tests.support.system import Account, RunningSystem, eventually

MIB = 1 << 20
MISSING = "0193a5b0-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    soon = {"ARTSTORE_QUERY_FAILOVER_SECONDS": "1"}
    settings = SystemSettings(default_ports={}, durable_database=False, environment=soon)
    system = RunningSystem(tmp_path_factory.mktemp("system"), settings)
    yield from system.for_a_while()


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()


@pytest.fixture
async def other_account(system: RunningSystem) -> Account:
    return await system.create_account()


async def stored(account: Account, name: str, content: bytes) -> str:
    answer = await account.upload(name, content, timeout=60)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file_id"])


async def info(account: Account, file_id: str) -> httpx.Response:
    return await account.http.get(f"{account.system.query_url}/api/v1/files/{file_id}")


def refusal(answer: httpx.Response) -> tuple[int, dict[str, object]]:
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, body


class TestWhatIsNotThere:
    @pytest.mark.parametrize("file_id", [MISSING, str(UUID(int=0)), "x", "%00", "0" * 32])
    async def test_is_not_found(self, account: Account, file_id: str) -> None:
        for answer in (await info(account, file_id), await account.download(file_id)):
            assert answer.status_code == 404
            assert answer.json()["type"] == "urn:artstore:problem:not-found"

    async def test_looks_like_what_is_anothers(self, account: Account, other_account: Account) -> None:
        file_id = await stored(account, "secret.txt", b"secret")
        await account.find("secret", file_id)
        missing = refusal(await other_account.download(MISSING))
        assert refusal(await other_account.download(file_id)) == missing
        assert refusal(await info(other_account, file_id)) == missing
        assert refusal(await info(other_account, MISSING)) == missing


async def test_attributes_are_what_the_upload_answered(account: Account) -> None:
    answer = await account.upload(
        "a.txt", b"a", description="d", tags=["t"], custom_attributes={"b": [None, 1.5], "a": {"k": "v"}}
    )
    uploaded = answer.json()
    early = (await info(account, uploaded["file_id"])).json()
    hit = await account.find("a", uploaded["file_id"])
    late = (await info(account, uploaded["file_id"])).json()
    assert early == hit == late == {**uploaded, "element_id": "rw-01"}
    assert list(late)[:2] == ["file_id", "original_filename"]


async def test_element_away(system: RunningSystem, account: Account, other_account: Account) -> None:
    file_id = await stored(account, "kept.txt", b"kept")
    await account.find("kept", file_id)
    await system.stop("rw-01")
    try:
        answer = await account.download(file_id)
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:artstore:problem:element-unavailable"
        assert int(answer.headers["retry-after"]) > 0
        assert (await info(account, file_id)).json()["original_filename"] == "kept.txt"
        for _ in range(2):
            assert (await account.download(file_id)).status_code == 503
        down = (await system.health("query"))["dependencies"]["element_breakers"]
        assert (down["status"], down["detail"]) == ("down", "rw-01 is open")
        assert (await other_account.download(MISSING)).status_code == 404
        # What is as young as this one may be in the element and not yet in the catalog.
        as_young = await other_account.download(str(UUID(int=UUID(file_id).int ^ 1)))
        assert refusal(await other_account.download(file_id)) == refusal(as_young)
    finally:
        await system.start("rw-01")
    assert (await account.download_when_ready(file_id)).content == b"kept"


async def test_element_that_dies_in_the_middle_is_no_short_document(
    system: RunningSystem, account: Account
) -> None:
    content = hashlib.sha256(b"block").digest() * (200 * MIB // 32)
    file_id = await stored(account, "large.bin", content)
    url = f"{system.query_url}/api/v1/files/{file_id}/download"
    received = bytearray()

    async def read(answer: httpx.Response) -> None:
        async for chunk in answer.aiter_bytes():
            if not received:
                await system.kill("rw-01")
            received.extend(chunk)

    try:
        async with account.http.stream("GET", url) as answer:
            assert answer.headers["content-length"] == str(len(content))
            with pytest.raises(httpx.RemoteProtocolError):
                await read(answer)
    finally:
        await system.start("rw-01")
    assert 0 < len(received) < len(content)
    assert (await account.download_when_ready(file_id)).content == content


async def test_start_without_postgresql(system: RunningSystem, account: Account) -> None:
    file_id = await stored(account, "early bird.txt", b"early")
    await account.find("bird", file_id)
    await system.stop("query")
    await system.stop("postgres")
    await system.start("query")
    try:
        assert (await account.download_when_ready(file_id)).content == b"early"
        assert (await info(account, file_id)).json()["original_filename"] == "early bird.txt"
        refused = await account.search_page("bird")
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:artstore:problem:dependency-unavailable"
        bodies: dict[str, dict[str, object]] = {f"files/{file_id}/link": {}, "downloads": {"ids": [file_id]}}
        for path, body in bodies.items():
            refused = await account.http.post(f"{system.query_url}/api/v1/{path}", json=body)
            assert refused.status_code == 503
            assert refused.json()["type"] == "urn:artstore:problem:dependency-unavailable"
        health = await system.health("query")
        assert health["status"] == "degraded"
        assert health["dependencies"]["database"]["status"] == "down"
    finally:
        await system.start("postgres")
    await account.find("bird", file_id)
    late = await account.upload_until_taken("late bird.txt", b"late")
    await account.find("late", late["file_id"])


async def test_client_that_leaves_is_noticed(system: RunningSystem, account: Account) -> None:
    file_id = await stored(account, "large.bin", b"x" * (100 * MIB))
    url = f"{system.query_url}/api/v1/files/{file_id}/download"
    async with account.http.stream("GET", url) as answer:
        await anext(answer.aiter_bytes())

    async def counted() -> bool:
        metrics = (await account.http.get(f"{system.query_url}/metrics")).text
        return 'artstore_query_downloads_broken_total{side="client"}' in metrics

    await eventually(counted, "the download goes on without a client")
    await asyncio.wait_for(system.no_more_is_sent("query"), 30)


async def test_archive_of_which_an_element_dies_in_the_middle_is_none(
    system: RunningSystem, account: Account
) -> None:
    content = hashlib.sha256(b"block").digest() * (100 * MIB // 32)
    ids = [await stored(account, f"large {number}.bin", content) for number in range(2)]
    url = f"{system.query_url}/api/v1/downloads"
    received = bytearray()

    async def read(answer: httpx.Response) -> None:
        async for chunk in answer.aiter_bytes():
            if not received:
                await system.kill("rw-01")
            received.extend(chunk)

    try:
        async with account.http.stream("POST", url, json={"ids": ids}) as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                await read(answer)
        refused = await account.http.post(url, json={"ids": ids})
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:artstore:problem:element-unavailable"
    finally:
        await system.start("rw-01")
    assert len(received) < 2 * len(content)
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(bytes(received)))
    assert (await account.download_when_ready(ids[0])).content == content
