"""What the log promises, at a real element: read at once whatever follows, PostgreSQL or Redis away, too much
that waits, failing and full disks.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from artstore.engine.failpoints import ENVIRONMENT as FAILPOINTS
from artstore.launcher.settings import Element
from artstore.wire.events import ENTRY_FIELD, element_stream
from tests.support.elements import AtElement, problem, running_elements
from tests.support.inspection import bytes_below
from tests.support.redis import redis_of
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.system import BOUNDARY, RunningSystem, eventually, form, part

MIB = 1 << 20
LARGE = os.urandom(200_000)
TIGHT = {"max_backlog_bytes": "400000"}
SETTINGS: dict[str, str] = {}
"""Of the element ``one``, from its next start on."""


def variables(settings: dict[str, str]) -> dict[str, str]:
    """By their names in the environment."""
    return {
        FAILPOINTS if name == "failpoints" else f"ARTSTORE_STORAGE_{name.upper()}": value
        for name, value in settings.items()
    }


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    """Of all elements. Each keeps 128 MiB of it free; a segment of a log has 64 MiB."""
    with small_disk(tmp_path_factory.mktemp("log") / "elements", 400 * MIB) as disk:
        yield disk


@pytest.fixture(scope="module")
def system(disk: SmallDisk) -> Iterator[RunningSystem]:
    system = running_elements(
        disk.folder.parent,
        Element("one", "edit", SETTINGS),
        Element("full", "edit"),
        Element("tight", "edit", variables(TIGHT)),
    )
    yield from system.for_a_while()


@pytest.fixture
async def at(system: RunningSystem) -> AsyncIterator[AtElement]:
    yield AtElement(await system.administrator(), "one")
    await AtElement(await system.administrator(), "one").has_followed()
    system.check_elements()
    await system.close_accounts()


@asynccontextmanager
async def started_with(system: RunningSystem, **settings: str) -> AsyncIterator[None]:
    """Restarts the element with settings (``failpoints``, ``max_backlog_bytes``), and again without them."""
    await system.stop("one")
    SETTINGS.update(variables(settings))
    try:
        await system.start("one")
        yield
    finally:
        await system.stop("one")
        SETTINGS.clear()
        await system.start("one")


@asynccontextmanager
async def away(system: RunningSystem, name: str) -> AsyncIterator[None]:
    await system.kill(name)
    try:
        yield
    finally:
        await system.start(name)


async def change(at: AtElement, document: dict[str, Any], text: str = "changed") -> httpx.Response:
    file_id = document["file_id"]
    return await at.patch(file_id, {"description": text}, await at.tag(file_id))


async def delete(at: AtElement, document: dict[str, Any]) -> httpx.Response:
    return await at.ask("DELETE", f"files/{document['file_id']}")


async def is_served(at: AtElement, document: dict[str, Any], content: bytes) -> None:
    assert await at.told(f"files/{document['file_id']}") == document
    assert await at.told(f"files/{document['file_id']}/metadata") == document
    assert (await at.download(document["file_id"])).content == content


async def lists(at: AtElement) -> set[str]:
    return {item["file_id"] for item in await at.listed(limit=1000)}


class TestReport:
    async def test_tells_of_log_followers_and_recovery(self, at: AtElement) -> None:
        await at.has_followed()
        before = await at.told("wal")
        await at.store()
        await at.store(content=LARGE)
        after = await at.told("wal")
        assert after["last_lsn"] == before["last_lsn"] + 2
        assert 1 <= after["first_lsn"] <= after["last_lsn"]
        assert after["segments"] >= 1
        assert after["recovery"]["findings"] == []
        await at.has_followed()
        followed = await at.told("wal")
        assert followed["bytes"] == 0
        assert followed["followers"] == {
            name: {"position": after["last_lsn"], "lag": 0, "away": None}
            for name in ("files", "index", "events")
        }


class TestReadAtOnce:
    async def test_whatever_the_files_lag(self, at: AtElement, system: RunningSystem) -> None:
        async with started_with(system, failpoints="files.before_batch=raise"):
            contents = [b"small", LARGE]
            stored = [await at.store(content=content) for content in contents]
            gone = await at.store(content=b"gone")
            assert (await change(at, stored[0])).status_code == 200
            assert (await delete(at, gone)).status_code == 204
            stored[0] = await at.told(f"files/{stored[0]['file_id']}")
            assert stored[0]["description"] == "changed"
            for document, content in zip(stored, contents, strict=True):
                await is_served(at, document, content)
                part = await at.download(document["file_id"], Range="bytes=1-3")
                assert (part.status_code, part.content) == (206, content[1:4])
            problem(await at.download(gone["file_id"]), "not-found", 404)
            assert {each["file_id"] for each in stored} <= await lists(at)
            assert gone["file_id"] not in await lists(at)
            log = await at.told("wal")
            assert log["followers"]["files"]["lag"] >= 5
            assert log["bytes"] > 0

            async def is_told() -> bool:
                return bool((await system.health("one"))["dependencies"]["log"]["status"] == "down")

            await eventually(is_told, "what is in the log cannot be brought into files/, and nobody tells")
            followers = (await at.told("wal"))["followers"]
            assert "files.before_batch" in followers["files"]["away"]
            assert followers["index"]["away"] is None
            metrics = (await at.account.http.get(f"{at.url}/metrics")).text
            assert 'artstore_storage_follower_away{follower="files"} 1.0' in metrics

            def is_logged() -> bool:
                told = [line for line in system.log("one").splitlines() if '"a follower is away"' in line]
                return any('"follower":"files"' in line and "files.before_batch" in line for line in told)

            await eventually(is_logged, "the log of the service does not say why")
        await at.has_followed()
        for document, content in zip(stored, contents, strict=True):
            await is_served(at, document, content)

    async def test_a_download_from_staging_survives_the_deletion(
        self, at: AtElement, system: RunningSystem
    ) -> None:
        """The files follower comes to both at once, while the document is being sent."""
        content = os.urandom(1 << 20) * 32
        async with started_with(system, failpoints="files.before_batch=sleep:1"):
            document = await at.store(content=content)
            url = f"{at.url}/api/v1/files/{document['file_id']}/download"
            async with at.account.http.stream("GET", url) as answer:
                pieces = answer.aiter_raw()
                received = [await anext(pieces)]
                assert (await delete(at, document)).status_code == 204
                await at.has_followed()
                assert list((system.root("one") / "staging").iterdir()) == []
                received += [piece async for piece in pieces]
            assert b"".join(received) == content


async def is_degraded(system: RunningSystem, *down: str) -> bool:
    """By what is down. A follower tells so when it has tried."""
    health = await system.health("one")
    found = {name for name, part in health["dependencies"].items() if part["status"] == "down"}
    return health["status"] == "degraded" and set(down) <= found


class TestAway:
    async def test_postgres(self, at: AtElement, system: RunningSystem) -> None:
        document, old = await at.store(content=b"before"), await at.store()
        await at.has_followed()
        async with away(system, "postgres"):
            new = await at.store(content=LARGE)
            assert (await change(at, document)).status_code == 200
            assert (await delete(at, old)).status_code == 204
            document = await at.told(f"files/{document['file_id']}")
            await is_served(at, document, b"before")
            await is_served(at, new, LARGE)
            refused = await at.get("files")
            assert " is away" in problem(refused, "dependency-unavailable", 503)["detail"]
            assert refused.headers["Retry-After"]
            await eventually(
                lambda: is_degraded(system, "index"), "the health does not tell that PostgreSQL is away"
            )
        await at.has_followed()
        assert {document["file_id"], new["file_id"]} <= await lists(at)
        assert old["file_id"] not in await lists(at)

    async def test_redis(self, at: AtElement, system: RunningSystem) -> None:
        document, old = await at.store(content=b"before"), await at.store()
        await at.has_followed()
        position = (await at.told("wal"))["last_lsn"]
        async with away(system, "redis"):
            new = await at.store(content=LARGE)
            assert (await change(at, document)).status_code == 200
            assert (await delete(at, old)).status_code == 204
            document = await at.told(f"files/{document['file_id']}")
            await is_served(at, document, b"before")
            await is_served(at, new, LARGE)
            assert {document["file_id"], new["file_id"]} <= await lists(at)

            await eventually(
                lambda: is_degraded(system, "redis", "events"), "the health does not tell that Redis is away"
            )
        await at.has_followed()
        async with redis_of(system) as redis:
            entries: Any = await redis.xrange(element_stream("one"), min=f"({position}-0")
        told = [(key.decode(), fields[ENTRY_FIELD.encode()]) for key, fields in entries]
        assert [key for key, _ in told] == [f"{position + number}-0" for number in (1, 2, 3)]
        for (_, event), each in zip(told, (new, document, old), strict=True):
            assert each["file_id"].encode() in event


class TestTooMuchWaits:
    @pytest.mark.parametrize("lagging", ["postgres", "redis"])
    async def test_changes_are_refused_until_it_is_followed(
        self, at: AtElement, system: RunningSystem, lagging: str
    ) -> None:
        tight = AtElement(at.account, "tight")
        await tight.has_followed()
        async with away(system, lagging):
            stored = await self.fill(tight)
        await tight.has_followed()
        stored.append(await tight.store("after.txt", b"x" * 20_000))
        assert {document["file_id"] for document in stored} <= await lists(tight)

    async def test_of_files_that_cannot_be_made(self, at: AtElement, system: RunningSystem) -> None:
        async with started_with(system, failpoints="files.before_batch=raise", **TIGHT):
            stored = await self.fill(at)
        await at.has_followed()
        assert {document["file_id"] for document in stored} <= await lists(at)

    async def fill(self, at: AtElement) -> list[dict[str, Any]]:
        """What was taken before the first refusal."""
        stored = []
        while (answer := await at.upload("a.txt", b"x" * 20_000)).status_code == 201:
            stored.append(answer.json())
        assert answer.headers["Retry-After"].isdecimal()
        assert TIGHT["max_backlog_bytes"] in problem(answer, "log-full", 503)["detail"]
        assert 10 < len(stored) < 25
        many = await asyncio.gather(*(at.upload("a.txt", b"x" * 20_000) for _ in range(20)))
        assert {answer.status_code for answer in many} == {503}
        await is_served(at, stored[0], b"x" * 20_000)
        await is_served(at, stored[-1], b"x" * 20_000)
        assert (await at.told("capacity"))["reserved_bytes"] == 0
        assert (await at.told("wal"))["bytes"] <= int(TIGHT["max_backlog_bytes"])
        await at.account.system.staging_is_empty()
        return stored


class TestDiskThatFails:
    """With ENOSPC at each step of the write path (failpoints), once each."""

    POINTS = (
        "upload.before_staging_flush=raise:ENOSPC@3",
        "log.before_write=raise:ENOSPC@4",
        "log.before_flush=raise:ENOSPC@7",
        # The first is that of the start, the second what a flush that failed needs.
        "segment.before_header=raise:ENOSPC@2",
        "files.before_batch=raise:ENOSPC@2",
        "files.before_attributes=raise:ENOSPC@5",
        "files.before_flush=raise:ENOSPC@3",
        "files.before_checkpoint=raise:ENOSPC@4",
    )

    async def test_full_refuses_this_one_and_loses_none(self, at: AtElement, system: RunningSystem) -> None:
        stored: list[tuple[dict[str, Any], bytes]] = []
        before = await lists(at)
        refused = 0
        async with started_with(system, failpoints=";".join(self.POINTS)):
            for number in range(24):
                content = f"document {number}".encode() * (1 if number % 2 else 20_000)
                answer = await at.upload(f"{number}.txt", content)
                if answer.status_code == 201:
                    stored.append((answer.json(), content))
                else:
                    problem(answer, "insufficient-storage", 507)
                    refused += 1
                for document, kept in stored[-3:]:
                    await is_served(at, document, kept)
            assert refused == 4
            await at.has_followed()
            assert await lists(at) - before == {document["file_id"] for document, _ in stored}
            room = await at.told("capacity")
            assert room["reserved_bytes"] == 0
            assert room["used_bytes"] == bytes_below(system.root("one") / "files")
            await system.staging_is_empty()
        for document, kept in stored:
            await is_served(at, document, kept)


class TestLogThatBreaks:
    async def test_is_told_and_reads_go_on(self, at: AtElement, system: RunningSystem) -> None:
        stored = await at.store("before.txt", b"before")
        async with started_with(system, failpoints="log.before_flush=raise:EIO@1"):
            for _ in range(2):
                answer = await at.upload("a.txt", b"lost")
                problem(answer, "element-unavailable", 503)
            await is_served(at, stored, b"before")
            assert (await system.health("one"))["dependencies"]["log"]["status"] == "down"

            def is_logged() -> bool:
                lines = system.log("one").splitlines()
                return any('"the log cannot be written"' in line and '"error"' in line for line in lines)

            await eventually(is_logged, "the log of the service does not say why")


class TestDiskThatIsFull:
    """A real one."""

    @pytest.fixture
    async def full(self, at: AtElement, disk: SmallDisk) -> AsyncIterator[AtElement]:
        full = AtElement(at.account, "full")
        yield full
        disk.free()
        await full.has_followed()

    async def test_refuses_in_time_with_room_for_its_own_work(self, full: AtElement, disk: SmallDisk) -> None:
        stored = []
        while (answer := await full.upload("a.bin", LARGE * 40)).status_code == 201:
            stored.append(answer.json())
        problem(answer, "insufficient-storage", 507)
        assert stored
        left = os.statvfs(disk.folder)
        assert left.f_bavail * left.f_frsize > 64 * MIB
        for document in stored:
            assert (await delete(full, document)).status_code == 204

        async def has_room() -> bool:
            return (await full.upload("a.bin", LARGE * 40)).status_code == 201

        await eventually(has_room, "room that is given back is not used")

    async def test_to_the_last_byte(self, full: AtElement, disk: SmallDisk, system: RunningSystem) -> None:
        contents = [b"small", LARGE]
        stored = [await full.store(content=content) for content in contents]
        gone = await full.store(content=LARGE)
        await full.has_followed()
        body = form(part("file", LARGE * 20, "under way.bin"))

        before = system.staged("full")

        async def pieces() -> AsyncIterator[bytes]:
            yield body[: len(body) // 2]
            await system.staging_gets_a_file("full", besides=before)
            disk.fill()
            yield body[len(body) // 2 :]

        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(len(body)),
        }
        under_way = await full.ask("POST", "files/upload", content=pieces(), headers=headers)
        problem(under_way, "insufficient-storage", 507)
        await system.staging_is_empty()
        early = []

        async def noticed() -> bool:
            """Uploads ask the disk some times a second; the log has room that was made ahead."""
            answer = await full.upload("early.txt", b"early")
            if answer.status_code == 201:
                early.append(answer.json())
            return answer.status_code == 507

        await eventually(noticed, "it does not notice that the disk is full")
        for content in contents:
            problem(await full.upload("a.txt", content), "insufficient-storage", 507)
        for document in early:
            await is_served(full, document, b"early")
        for document, content in zip(stored, contents, strict=True):
            await is_served(full, document, content)
        assert {document["file_id"] for document in stored} <= await lists(full)
        longer = await change(full, stored[0], "no room for a longer one")
        problem(longer, "insufficient-storage", 507)
        assert (await system.health("full"))["dependencies"]["capacity"]["status"] == "down"
        assert (await delete(full, gone)).status_code == 204, "the log has the room for it"

        disk.free()

        async def taken() -> bool:
            return (await full.upload("after.txt", b"after")).status_code == 201

        await eventually(taken, "uploads are not taken again")
        await full.has_followed()
        assert (await change(full, stored[0], "now there is room")).status_code == 200
        await full.has_followed()
        room = await full.told("capacity")
        assert room["used_bytes"] == bytes_below(system.root("full") / "files")
        assert room["reserved_bytes"] == 0
