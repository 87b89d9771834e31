"""Real elements whose documents lie in a real store: the way of a document, failures of the store, settings."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from artstore.engine.blobs import Blobs
from artstore.engine.blobs.s3 import S3Blobs
from artstore.launcher.ports import Ports
from artstore.launcher.service import Service
from artstore.launcher.settings import SystemSettings
from tests.support.elements import AtElement
from tests.support.forking import fork_server
from tests.support.swift import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Swift
from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import Tus

BUCKET = "system"
ELEMENT = "rw-01"
"""Where permanent documents go."""
SMALL = b"a small document\n"
LARGE = os.urandom(20 * 1024 * 1024)


def settings(swift: Swift, **changes: str) -> dict[str, str]:
    values = {
        "CAPACITY_BYTES": str(10**12),
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT": swift.endpoint,
        "S3_REGION": REGION,
        "S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "S3_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "S3_PATH_STYLE": "true",
    }
    return {f"ARTSTORE_STORAGE_{name}": value for name, value in {**values, **changes}.items()}


@pytest.fixture(scope="module")
def system(swift: Swift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    swift.make_bucket(BUCKET)
    environment = settings(swift)
    told = SystemSettings(default_ports={}, environment=environment, durable_database=False)
    system = RunningSystem(tmp_path_factory.mktemp("s3-system"), told)
    yield from system.for_a_while()
    for log in (system.folder / "logs").iterdir():
        assert_no_secret(log)


def assert_no_secret(log: Path) -> None:
    text = log.read_text(encoding="utf-8", errors="replace")
    for secret in (SECRET_ACCESS_KEY, ACCESS_KEY_ID):
        assert secret not in text, log


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()


@pytest.fixture
def blobs(swift: Swift) -> Iterator[Blobs]:
    """What lies in the element's place."""
    blobs = S3Blobs(swift.options(BUCKET, prefix=ELEMENT))
    yield blobs
    blobs.close()


async def stored(account: Account, name: str, content: bytes) -> str:
    answer = await account.upload(name, content, timeout=120)
    assert answer.status_code == 201, answer.text
    file_id: str = answer.json()["file_id"]
    return file_id


async def in_store(blobs: Blobs, file_id: str) -> None:
    def is_there() -> bool:
        paths = [path for path, _ in blobs.walk("files") if file_id in path]
        return len(paths) == 2

    await eventually(is_there, f"{file_id} does not come to the store")


class TestWayOfADocument:
    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
    async def test_comes_back_whole_and_in_parts(
        self, account: Account, blobs: Blobs, content: bytes
    ) -> None:
        file_id = await stored(account, "отчёт 2026.bin", content)
        assert (await account.download(file_id)).content == content
        await in_store(blobs, file_id)
        assert (await account.download(file_id)).content == content
        for first, last in ((0, 0), (5, 12), (len(content) // 2, len(content) - 1)):
            part = await account.download(file_id, {"Range": f"bytes={first}-{last}"})
            assert (part.status_code, part.content) == (206, content[first : last + 1])
        [path] = [path for path, size in blobs.walk("files") if file_id in path and size == len(content)]
        attributes = json.loads(blobs.read(f"{path}.attr.json", 4096))
        assert attributes["original_filename"] == "отчёт 2026.bin"

    async def test_resumable_upload(self, system: RunningSystem, account: Account, blobs: Blobs) -> None:
        """Its bytes lie in the root until it is whole, through a restart."""
        tus = Tus(account)
        url = await tus.create(len(LARGE), "large.bin")
        assert (await tus.patch(url, 0, LARGE[:9_000_000])).status_code == 204
        await system.kill(ELEMENT)
        await system.start(ELEMENT)

        async def answers() -> bool:
            return (await tus.head(url)).status_code == 200

        await eventually(answers, "the element does not come back")
        assert await tus.offset(url) == 9_000_000
        assert (await tus.patch(url, 9_000_000, LARGE[9_000_000:])).status_code == 204
        await in_store(blobs, (await tus.document(url))["file_id"])
        assert await tus.content(url) == LARGE

    async def test_survives_restarts(self, system: RunningSystem, account: Account, blobs: Blobs) -> None:
        kept = [await stored(account, "kept.bin", content) for content in (SMALL, LARGE)]
        await system.stop(ELEMENT)
        await system.start(ELEMENT)
        late = [await stored(account, "late.bin", content) for content in (SMALL, LARGE)]
        await system.kill(ELEMENT)
        await system.start(ELEMENT)
        for small, large in (kept, late):
            assert (await account.download_when_ready(small)).content == SMALL
            assert (await account.download_when_ready(large)).content == LARGE
            await in_store(blobs, large)

    async def test_both_ends_say_what_they_are(self, system: RunningSystem, blobs: Blobs) -> None:
        description = (system.root(ELEMENT) / "element.json").read_bytes()
        assert blobs.read("element.json", 10_000) == description
        assert json.loads(description)["store"]["bucket"] == BUCKET
        assert not (system.root(ELEMENT) / "files").exists()


class TestStoreAway:
    async def test_uploads_go_on_and_reads_say_why_not(
        self, system: RunningSystem, account: Account, swift: Swift, blobs: Blobs
    ) -> None:
        before = await stored(account, "before.txt", SMALL)
        await self._all_followed(system)
        with swift.away():
            during = await stored(account, "during.txt", b"while it is away")
            assert (await account.download(during)).content == b"while it is away"
            answer = await account.http.get(f"{system.element_urls[ELEMENT]}/api/v1/files/{before}/download")
            assert (answer.status_code, answer.json()["type"]) == (
                503,
                "urn:artstore:problem:dependency-unavailable",
            )
            assert "object store" in answer.json()["detail"]
            health = await self._health_when(system, "degraded")
            assert "cannot be reached" in health["dependencies"]["store"]["detail"]
            assert SECRET_ACCESS_KEY not in json.dumps(health)
        await self._health_when(system, "ready")
        assert (await account.download_when_ready(before)).content == SMALL
        await in_store(blobs, during)

    async def _all_followed(self, system: RunningSystem) -> None:
        """Only the store has the documents now: nothing is read from the log."""
        administrator = await system.administrator()

        async def followed() -> bool:
            wal = (await administrator.http.get(f"{system.element_urls[ELEMENT]}/api/v1/wal")).json()
            return bool(wal["followers"]["files"]["lag"] == 0)

        await eventually(followed, "the files do not catch up")

    async def _health_when(self, system: RunningSystem, status: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def is_so() -> bool:
            found.update(await system.health(ELEMENT))
            # The check of the store may take longer than who asks for the health waits.
            told = "no answer within" not in json.dumps(found)
            return bool(found["status"] == status) and told

        await eventually(is_so, f"the element does not become {status}")
        return found


class TestScrub:
    @pytest.fixture
    async def operator(self, system: RunningSystem) -> AtElement:
        return AtElement(await system.administrator(), ELEMENT)

    async def scrubbed(self, operator: AtElement) -> dict[str, Any]:
        """The report after a whole pass."""
        number = (await operator.ask("POST", "scrub")).json()["current"]["number"]
        report: dict[str, Any] = {}

        async def ended() -> bool:
            report.update(await operator.told("scrub"))
            return bool(report["last"] and report["last"]["number"] >= number)

        await eventually(ended, "the scrub does not end")
        return report

    async def test_finds_and_names_flipped_bytes(
        self, system: RunningSystem, account: Account, operator: AtElement, blobs: Blobs
    ) -> None:
        file_id = await stored(account, "staged.bin", LARGE[:200_000])
        await in_store(blobs, file_id)
        assert (await self.scrubbed(operator))["last"]["findings"] == 0
        # Of this one the log has the attributes, and nobody has the bytes.
        attributes, path = sorted(
            (path for path, _ in blobs.walk("files") if file_id in path), key=len, reverse=True
        )
        for damaged in (path, attributes):
            whole = blobs.read(damaged, 1_000_000)
            blobs.put(damaged, whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
            report = await self.scrubbed(operator)
            page = await operator.told("scrub/findings")
            [finding] = [item for item in page["items"] if item["pass_number"] == report["last"]["number"]]
            assert finding["path"] == damaged
            if damaged == path:
                assert (finding["code"], finding["open"], report["open_findings"]) == ("D003", True, 1)
                assert (await account.download(file_id)).status_code == 500
                assert (await system.health(ELEMENT))["status"] == "degraded"
                blobs.put(damaged, whole)
                assert (await account.download(file_id)).content == LARGE[:200_000]
            else:
                assert (finding["repaired_from"], report["open_findings"]) == ("log", 0)
                assert blobs.read(damaged, 1_000_000) == whole
                assert (system.root(ELEMENT) / finding["kept_as"]).is_file()
        assert (await self.scrubbed(operator))["last"]["findings"] == 0


class TestSettings:
    @pytest.fixture
    def ports(self, tmp_path: Path) -> Iterator[Ports]:
        ports = Ports(tmp_path / "ports.json", host="127.0.0.1", defaults={})
        yield ports
        ports.close()

    async def test_is_not_ready_until_the_bucket_is_there(
        self, system: RunningSystem, account: Account, swift: Swift, ports: Ports, tmp_path: Path
    ) -> None:
        element = self._element(system, swift, tmp_path, ports, S3_BUCKET="made-later")
        starting = asyncio.create_task(asyncio.to_thread(element.start))
        try:
            url = f"http://{element.host}:{element.port}"
            reason = await self._not_ready_for(url, "NoSuchBucket")
            assert reason == "the bucket does not exist; create it, or correct the setting (NoSuchBucket)"
            answer = await account.http.get(f"{url}/api/v1/files/{'0' * 8}-0000-7000-8000-{'0' * 12}")
            assert answer.status_code == 503
            assert "the bucket does not exist" in answer.json()["detail"]
            swift.make_bucket("made-later")
            await starting  # which waits until it is ready

            async def is_up() -> bool:
                health = (await account.http.get(f"{url}/health/ready")).json()
                return bool(health["dependencies"]["store"] == {"status": "up"})

            await eventually(is_up, "the store is not up")
        finally:
            element.stop()
        assert_no_secret(element.log)

    async def test_a_wrong_secret(
        self, system: RunningSystem, swift: Swift, ports: Ports, tmp_path: Path
    ) -> None:
        element = self._element(system, swift, tmp_path, ports, S3_SECRET_ACCESS_KEY="another-secret")
        starting = asyncio.create_task(asyncio.to_thread(element.start))
        try:
            await self._not_ready_for(f"http://{element.host}:{element.port}", "SignatureDoesNotMatch")
        finally:
            element.stop()
            await asyncio.gather(starting, return_exceptions=True)
        log = element.log.read_text(encoding="utf-8")
        assert "SignatureDoesNotMatch" in log
        assert "another-secret" not in log
        assert_no_secret(element.log)

    def _element(
        self, system: RunningSystem, swift: Swift, folder: Path, ports: Ports, **changes: str
    ) -> Service:
        """One more element beside the system, which knows no Redis and no PostgreSQL."""
        port = ports.choose("alone")
        own = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "ADMIN_URL": system.admin_url,
            "ELEMENT_ID": "alone",
            "MODE": "edit",
            "ROOT": str(folder / "root"),
            "REDIS_URL": "redis://127.0.0.1:1",
            "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        }
        told = {f"ARTSTORE_STORAGE_{name}": value for name, value in own.items()}
        return Service(
            "alone",
            "storage",
            host="127.0.0.1",
            port=port,
            environment=lambda: {**os.environ, **told, **settings(swift, **changes)},
            folder=folder / "run",
            log=folder / "alone.log",
            fork_server=fork_server(),
        )

    async def _not_ready_for(self, url: str, code: str) -> str:
        """Why a process that is being started is not ready, once the store has told it: the first try may take
        longer than whoever asks for the health waits."""
        reasons: list[str] = []

        async def told() -> bool:
            try:
                async with httpx.AsyncClient(timeout=10) as http:
                    answer = await http.get(f"{url}/health/ready")
            except httpx.TransportError:
                return False
            health = answer.json()
            assert (answer.status_code, health["status"]) == (503, "not_ready")
            reasons.append(health["dependencies"]["store"]["detail"])
            return code in reasons[-1]

        await eventually(told, f"the store does not answer with {code}")
        return reasons[-1]
