"""Downloads over bad lines and from elements that die, of documents that two elements have; real processes."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from uuid_utils.compat import uuid7

from artstore.launcher.settings import Element, SystemSettings
from tests.support.breaking_proxy import BreakingProxy
from tests.support.processes import paused
from tests.support.system import PATIENCE_SECONDS, Account, RunningSystem, eventually

MIB = 1 << 20
CONTENT = b"".join(hashlib.sha512(number.to_bytes(4, "big")).digest() for number in range(24 * MIB // 64))
LARGE = CONTENT * 4


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    settings = SystemSettings(
        default_ports={},
        durable_database=False,
        elements=(Element("rw-01", "rw"), Element("rw-02", "rw")),
        # Long enough for an element to start again on a busy machine.
        environment={
            "ARTSTORE_QUERY_FAILOVER_SECONDS": "60",
            "ARTSTORE_QUERY_ELEMENT_SILENCE_SECONDS": "3",
            "ARTSTORE_QUERY_CLIENT_STALLED_SECONDS": "15",
        },
    )
    system = RunningSystem(tmp_path_factory.mktemp("two-copies"), settings)
    yield from system.for_a_while()


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()


async def stored(account: Account, content: bytes, *elements: str) -> str:
    """The same document in each of these elements, as after its copying in a finalization, and in the catalog."""
    file_id = str(uuid7())
    for element_id in elements:
        url = f"{account.system.element_urls[element_id]}/api/v1/files/upload"
        files = {"file": (f"{file_id}.bin", content)}
        answer = await account.http.post(url, files=files, headers={"X-File-Id": file_id}, timeout=60)
        assert answer.status_code == 201, answer.text

    async def known() -> bool:
        items = await account.search(file_id)
        return {item["element_id"] for item in items} == set(elements)

    await eventually(known, "the catalog does not know both copies")
    return file_id


class Counts:
    """What Query counts, all of the same moment."""

    def __init__(self, metrics: str) -> None:
        self._lines = metrics.splitlines()

    @classmethod
    async def now(cls, account: Account) -> "Counts":
        return cls((await account.http.get(f"{account.system.query_url}/metrics")).text)

    def continued(self, element: str) -> float:
        return self._sum(f'artstore_query_downloads_continued_total{{element="{element}"}} ')

    def broken_by_clients(self) -> float:
        return self._sum('artstore_query_downloads_broken_total{side="client"} ')

    def under_way(self, element_id: str) -> float:
        return self._sum(f'artstore_query_downloads_under_way{{element_id="{element_id}"}} ')

    def serving(self, account: Account) -> str:
        """The element that the download under way comes from: one that has just started is no first choice."""
        [element_id] = [name for name in account.system.element_urls if self.under_way(name)]
        return element_id

    def _sum(self, name: str) -> float:
        return sum(float(line.removeprefix(name)) for line in self._lines if line.startswith(name))


class TestElementDies:
    async def read(
        self, account: Account, file_id: str, headers: dict[str, str]
    ) -> tuple[httpx.Response, Counts]:
        """The download, in the middle of which the element dies that serves it, and what was counted by then."""
        url = f"{account.system.query_url}/api/v1/files/{file_id}/download"
        content = bytearray()
        before: Counts | None = None
        async with account.http.stream("GET", url, headers=headers, timeout=90) as answer:
            async for chunk in answer.aiter_raw():
                if before is None:
                    before = await Counts.now(account)
                    await account.system.kill(before.serving(account))
                content += chunk
        assert before is not None
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content)), before

    @pytest.mark.parametrize("first", [0, 10 * MIB])
    async def test_another_goes_on(self, system: RunningSystem, account: Account, first: int) -> None:
        file_id = await stored(account, LARGE, "rw-01", "rw-02")
        try:
            answer, before = await self.read(account, file_id, {"Range": f"bytes={first}-"} if first else {})
        finally:
            for name in system.element_urls:
                await system.start(name)
        assert answer.status_code == (206 if first else 200)
        assert answer.content == LARGE[first:]
        assert (await Counts.now(account)).continued("other") == before.continued("other") + 1

    async def test_it_goes_on_when_it_is_back(self, system: RunningSystem, account: Account) -> None:
        file_id = await stored(account, LARGE, "rw-01")
        reading = asyncio.create_task(self.read(account, file_id, {}))
        await eventually(lambda: system.running_pid("rw-01") is None, "it does not die")
        await system.start("rw-01")
        answer, before = await reading
        assert answer.content == LARGE
        assert (await Counts.now(account)).continued("same") == before.continued("same") + 1


class TestElementHangs:
    """It is stopped as it is, and neither answers nor breaks off."""

    async def read(self, account: Account, file_id: str, *, begun: bool) -> tuple[bytes, Counts]:
        """The bytes, and what was counted when the element was stopped."""
        url = f"{account.system.query_url}/api/v1/files/{file_id}/download"
        content = bytearray()
        before = await Counts.now(account)
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
            if not begun:
                stack.enter_context(paused(account.system.pid("rw-01")))
            async with account.http.stream("GET", url, timeout=90) as answer:
                assert answer.status_code == 200
                async for chunk in answer.aiter_raw():
                    if begun and not content:
                        before = await Counts.now(account)
                        stack.enter_context(paused(account.system.pid(before.serving(account))))
                    content += chunk
        return bytes(content), before

    @pytest.mark.parametrize("begun", [False, True])
    async def test_another_is_asked(self, account: Account, begun: bool) -> None:
        file_id = await stored(account, LARGE, "rw-01", "rw-02")
        content, before = await self.read(account, file_id, begun=begun)
        assert content == LARGE
        assert (await Counts.now(account)).continued("other") == before.continued("other") + begun


async def test_a_client_that_takes_nothing_is_cut_off(account: Account) -> None:
    file_id = await stored(account, LARGE, "rw-02")
    address = urlsplit(account.system.query_url)
    before = await Counts.now(account)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        head = f"GET /api/v1/files/{file_id}/download HTTP/1.1\r\nHost: query\r\n"
        writer.write(f"{head}Authorization: Bearer {account.token}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")

        async def given_up() -> bool:
            now = await Counts.now(account)
            grown = now.broken_by_clients() - before.broken_by_clients()
            return grown == 1 and now.under_way("rw-02") == 0

        await eventually(given_up, "the element's connection is held")
        came = 0
        with suppress(ConnectionError):
            while chunk := await reader.read(MIB):
                came += len(chunk)
        assert came < len(LARGE)
    finally:
        writer.close()


class Client:
    """A program that downloads to a file, and goes on with what it has."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder, self.url = folder, url
        self.head = folder / "head"
        # In files: whoever lists processes would see it in an argument.
        header = f"Authorization: Bearer {token}"
        self.head.write_text(header)
        (folder / "wgetrc").write_text(f"header = {header}\n")
        (folder / "aria2.conf").write_text(f"header={header}\n")

    async def fetch(self, name: str) -> bytes:
        target = self.folder / "copy.bin"
        commands = {
            "curl": ["-sSf", "-C", "-", "--limit-rate", "8M", "-H", f"@{self.head}", "-o", str(target)],
            "wget": [
                f"--config={self.folder / 'wgetrc'}",
                "-c",
                "--no-verbose",
                "--limit-rate=8m",
                "--waitretry=1",
                "--tries=3",
                "-O",
                str(target),
            ],
            "aria2c": [
                f"--conf-path={self.folder / 'aria2.conf'}",
                *("-x8", "-s8", "-k1M", "-c", "--file-allocation=none", "--console-log-level=warn"),
                *(
                    "--max-tries=3",
                    "--retry-wait=1",
                    "--max-overall-download-limit=8M",
                    "--summary-interval=0",
                ),
                *(f"--dir={self.folder}", "--out=copy.bin"),
            ],
        }
        deadline = asyncio.get_running_loop().time() + 120
        while True:
            process = await asyncio.create_subprocess_exec(
                name, *commands[name], self.url, stdout=-1, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await asyncio.wait_for(process.communicate(), 120)
            if process.returncode == 0:
                return target.read_bytes()
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{name} does not come to an end: {said.decode(errors='replace')}")
            # As whoever tries again does: while Query starts, the line breaks at once each time.
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("name", ["curl", "wget", "aria2c"])
async def test_real_clients_over_bad_lines(
    system: RunningSystem, account: Account, tmp_path: Path, name: str
) -> None:
    assert shutil.which(name), f"{name} is not installed: see CONTRIBUTING.md"
    file_id = await stored(account, CONTENT, "rw-01", "rw-02")
    cuts = [5 * MIB, 100, 1, 300_000, 64_000]
    async with BreakingProxy(system.query_url, cuts, downloads=True).serving() as proxy:
        client = Client(tmp_path, f"{proxy.url}/api/v1/files/{file_id}/download", account.token)
        fetching = asyncio.create_task(client.fetch(name))
        # Of several connections at once the first may end before its cut; a quick machine sends much in the
        # moment between the last cuts and the kill.
        async with asyncio.timeout(60):
            await proxy.passed(8 * MIB, broken=len(cuts) - 1)
        await system.kill("query")
        await system.start("query")
        async with asyncio.timeout(60):
            await proxy.passed(14 * MIB)
        await system.kill("rw-01")
        await system.start("rw-01")
        assert await fetching == CONTENT
