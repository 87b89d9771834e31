"""Unmodified clients of tus, over lines that break, while parts of the system are killed and come back."""

import asyncio
import hashlib
import random
from pathlib import Path

import httpx
import pytest

from tests.support import tus_clients
from tests.support.breaking_proxy import BreakingProxy
from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import Tus

SIZE = 12_000_000
CONTENT = hashlib.shake_128(b"clients").digest(SIZE)
ELEMENT = "rw-01"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    asyncio.run(tus_clients.install())


@pytest.fixture
async def tus(own_system: RunningSystem) -> Tus:
    return Tus(await own_system.create_account(rate_limit=1_000_000))


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "документ.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def token_file(tmp_path: Path, tus: Tus) -> Path:
    path = tmp_path / "token"
    path.write_text(tus.account.token)
    return path


def cuts(seed: int, connections: int = 12) -> list[int | None]:
    """Anywhere in the heads and bodies of requests."""
    choice = random.Random(seed)
    return [
        *(choice.choice([choice.randrange(1, 2000), choice.randrange(SIZE)]) for _ in range(connections)),
    ]


async def is_stored_once(tus: Tus, url: str, name: str) -> None:
    address = tus.endpoint + "/" + url.rpartition("/")[2]
    stored = await tus.document(address)
    assert (stored["original_filename"], stored["content_type"]) == (name, "application/x-test")
    assert stored["checksum"] == hashlib.sha256(CONTENT).hexdigest()
    assert await tus.content(address) == CONTENT
    await tus.account.find("", stored["file_id"])
    assert len(await tus.account.search("")) == 1


class TestBreakingLines:
    async def test_tuspy(self, tus: Tus, document: Path) -> None:
        async with BreakingProxy(tus.base, [None, *cuts(1)]).serving() as proxy:
            url = await tus_clients.with_tuspy(
                f"{proxy.url}/api/v1/uploads",
                document,
                lambda: tus.account.token,
                chunk_size=3_000_001,
                upload_checksum=True,
            )
        assert proxy.broken > 1
        await is_stored_once(tus, url, document.name)

    @pytest.mark.parametrize("chunk_size", [None, 1_500_001])
    async def test_tus_js_client(
        self, tus: Tus, document: Path, token_file: Path, chunk_size: int | None
    ) -> None:
        options = {} if chunk_size is None else {"chunkSize": chunk_size}
        async with BreakingProxy(tus.base, cuts(2)).serving() as proxy:
            url = await tus_clients.with_node(
                "tus-js-client", f"{proxy.url}/api/v1/uploads", document, token_file, **options
            )
        assert proxy.broken > 1
        await is_stored_once(tus, url, document.name)

    async def test_tus_js_client_in_parallel_parts(self, tus: Tus, document: Path, token_file: Path) -> None:
        async with BreakingProxy(tus.base, cuts(3, 6)).serving() as proxy:
            url = await tus_clients.with_node(
                "tus-js-client", f"{proxy.url}/api/v1/uploads", document, token_file, parallelUploads=3
            )
        assert proxy.broken > 1
        await is_stored_once(tus, url, document.name)

    async def test_uppy(self, tus: Tus, document: Path, token_file: Path) -> None:
        async with BreakingProxy(tus.base, cuts(4)).serving() as proxy:
            url = await tus_clients.with_node(
                "uppy", f"{proxy.url}/api/v1/uploads", document, token_file, chunkSize=2_000_000
            )
        assert proxy.broken > 1
        await is_stored_once(tus, url, document.name)


class TestKills:
    async def sent_while_parts_die(
        self, system: RunningSystem, proxy: BreakingProxy, sending: "asyncio.Task[str]"
    ) -> str:
        async def die() -> None:
            for passed, name in ((SIZE // 4, "ingester"), (SIZE // 2, ELEMENT), (3 * SIZE // 4, "ingester")):
                await proxy.passed(passed)
                await system.kill(name)
                await system.start(name)

        dying = asyncio.create_task(die())
        try:
            return await sending
        finally:
            await dying

    async def test_tuspy(self, own_system: RunningSystem, tus: Tus, document: Path) -> None:
        async with BreakingProxy(tus.base, []).serving() as proxy:
            endpoint = f"{proxy.url}/api/v1/uploads"
            sending = tus_clients.with_tuspy(
                endpoint, document, lambda: tus.account.token, chunk_size=1_000_000
            )
            url = await self.sent_while_parts_die(own_system, proxy, asyncio.create_task(sending))
        await is_stored_once(tus, url, document.name)

    async def test_tus_js_client(
        self, own_system: RunningSystem, tus: Tus, document: Path, token_file: Path
    ) -> None:
        async with BreakingProxy(tus.base, []).serving() as proxy:
            endpoint = f"{proxy.url}/api/v1/uploads"
            sending = tus_clients.with_node(
                "tus-js-client", endpoint, document, token_file, chunkSize=1_000_000
            )
            url = await self.sent_while_parts_die(own_system, proxy, asyncio.create_task(sending))
        await is_stored_once(tus, url, document.name)


class TestAcknowledged:
    async def test_an_offset_outlives_the_element(self, own_system: RunningSystem, tus: Tus) -> None:
        url = await tus.create(SIZE, "a.bin")
        offset = 0
        for size in (1, 65_536, 5_000_000):
            assert (await tus.patch(url, offset, CONTENT[offset : offset + size])).status_code == 204
            offset += size
            await own_system.kill(ELEMENT)
            assert (await tus.head(url)).status_code == 503
            await own_system.start(ELEMENT)
            await eventually(lambda: answers(tus, url), "the element does not come back")
            assert await tus.offset(url) == offset
        assert (await tus.patch(url, offset, CONTENT[offset:])).status_code == 204
        assert await tus.content(url) == CONTENT

    async def test_what_a_dying_client_sent_is_kept(self, tus: Tus) -> None:
        url = await tus.create(SIZE, "a.bin")
        async with BreakingProxy(tus.base, [5_000_000]).serving() as proxy:
            broken = Tus(tus.account)
            with pytest.raises(httpx.TransportError):
                await broken.patch(url.replace(tus.base, proxy.url), 0, CONTENT)

        async def kept() -> bool:
            return await tus.offset(url) > 4_000_000

        await eventually(kept, "what came is not kept")
        offset = await tus.offset(url)
        assert (await tus.patch(url, offset, CONTENT[offset:])).status_code == 204
        assert await tus.content(url) == CONTENT

    async def test_a_fresh_token_goes_on(
        self, own_system: RunningSystem, tus: Tus, document: Path, token_file: Path
    ) -> None:
        """The client reads its token before each request, and it is replaced in the middle."""
        account: Account = tus.account
        first = account.token
        async with BreakingProxy(tus.base, []).serving() as proxy:
            sending = asyncio.create_task(
                tus_clients.with_node(
                    "tus-js-client",
                    f"{proxy.url}/api/v1/uploads",
                    document,
                    token_file,
                    chunkSize=1_000_000,
                )
            )
            await proxy.passed(SIZE // 3)
            await account.refresh()
            token_file.write_text(account.token)
            await end(own_system, account, first)
            url = await sending
        await is_stored_once(tus, url, document.name)


async def end(system: RunningSystem, account: Account, token: str) -> None:
    answer = await account.http.post(
        f"{system.admin_url}/api/v1/auth/revoke", data={"token": token}, auth=account.credentials
    )
    assert answer.status_code == 200


async def answers(tus: Tus, url: str) -> bool:
    return (await tus.head(url)).status_code == 200
