"""Room: never given out twice, exact to the byte, and its status told everywhere."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from artstore.attributes import MAX_BYTES
from artstore.launcher.settings import Element
from artstore.wire.elements import ElementAnnouncement, announcement_key
from tests.support.elements import AtElement, problem, running_elements
from tests.support.inspection import bytes_below
from tests.support.redis import redis_of
from tests.support.system import BOUNDARY, RunningSystem, eventually, form, part

CAPACITY = 4_000_000
LARGE, SMALL = 200_000, 30_000
"""Staged, and in a record of the log."""
SETTINGS = {
    f"ARTSTORE_STORAGE_{name}": str(value)
    for name, value in {
        "CAPACITY_BYTES": CAPACITY,
        "WARNING_FREE_PERCENT": 50,
        "WARNING_FREE_BYTES": 0,
        "CRITICAL_FREE_PERCENT": 1,
        "CRITICAL_FREE_BYTES": 1_000_000,
        "FULL_FREE_PERCENT": 1,
        "FULL_FREE_BYTES": 100_000,
    }.items()
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    system = running_elements(tmp_path_factory.mktemp("small"), Element("small", "edit", SETTINGS))
    yield from system.for_a_while()


@pytest.fixture
async def at(system: RunningSystem) -> AsyncIterator[AtElement]:
    """The element, empty."""
    at = AtElement(await system.administrator(), "small")
    yield at
    await system.staging_is_empty()
    await at.index_has_all()  # also where the element was started a moment ago
    await asyncio.gather(*(delete(at, item["file_id"]) for item in await listed(at)))
    room = await at.told("capacity")
    assert (room["used_bytes"], room["documents"], room["free_bytes"]) == (0, 0, CAPACITY)
    system.check_elements()
    await system.close_accounts()


async def listed(at: AtElement) -> list[dict[str, Any]]:
    return await at.listed(limit=1000)


async def delete(at: AtElement, file_id: str) -> None:
    assert (await at.ask("DELETE", f"files/{file_id}")).status_code == 204


async def upload(at: AtElement, size: int) -> httpx.Response:
    return await at.upload("a.bin", os.urandom(size))


async def upload_without_length(at: AtElement, size: int) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        body = form(part("retention_policy", b"temporary"), part("file", os.urandom(size), "a.bin"))
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await at.ask("POST", "files/upload", content=pieces(), headers=headers)


async def exact(at: AtElement, stored: int) -> int:
    """What the element tells is what lies on its disk, to the byte, and no more than it may hold."""

    async def filed() -> bool:
        return bool((await at.told("wal"))["followers"]["files"]["lag"] == 0)

    await eventually(filed, "the files do not follow")
    room = await at.told("capacity")
    assert room["used_bytes"] == bytes_below(at.account.system.root("small") / "files")
    assert room["used_bytes"] <= room["capacity_bytes"] == CAPACITY
    assert (room["reserved_bytes"], room["documents"]) == (0, stored)
    assert room["free_bytes"] == CAPACITY - room["used_bytes"]
    return int(room["free_bytes"])


def stored_of(answers: list[httpx.Response]) -> int:
    """How many were stored; all the others were refused for want of room."""
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, "insufficient-storage", 507)
    return sum(answer.status_code == 201 for answer in answers)


class TestHundredAtOnce:
    @pytest.mark.parametrize("size", [SMALL, LARGE])
    async def test_cannot_overfill(self, at: AtElement, size: int) -> None:
        answers = await asyncio.gather(*(upload(at, size) for _ in range(200 if size == SMALL else 100)))
        stored = stored_of(answers)
        assert stored < len(answers)
        ids = {answer.json()["file_id"] for answer in answers if answer.status_code == 201}
        assert {item["file_id"] for item in await listed(at)} == ids
        free = await exact(at, stored)
        # Uploads under way hold a little more than they take in the end: what is over can be filled.
        while (answer := await upload(at, size)).status_code == 201:
            stored += 1
            free = await exact(at, stored)
        problem(answer, "insufficient-storage", 507)
        assert free < size + MAX_BYTES + 1000, "there was room for one more"
        assert await exact(at, stored) == free

    async def test_cannot_overfill_without_telling_how_much_comes(self, at: AtElement) -> None:
        answers = await asyncio.gather(*(upload_without_length(at, LARGE) for _ in range(100)))
        stored = stored_of(answers)
        assert 0 < stored <= CAPACITY // LARGE
        await exact(at, stored)

    async def test_leave_exact_counts_when_the_process_is_killed(
        self, at: AtElement, system: RunningSystem
    ) -> None:
        kept: set[str] = set()

        async def client(number: int) -> None:
            with contextlib.suppress(httpx.TransportError):  # until it is killed
                while True:
                    answer = await upload(at, LARGE if number % 2 else SMALL)
                    if stored_of([answer]):
                        kept.add(file_id := answer.json()["file_id"])
                        if len(kept) > 10:
                            kept.remove(file_id)
                            await delete(at, file_id)

        clients = [asyncio.create_task(client(number)) for number in range(32)]
        await eventually(lambda: len(kept) == 10, "nothing is stored")
        await system.kill("small")
        await asyncio.gather(*clients)
        await system.start("small")
        await at.index_has_all()
        found = {item["file_id"] for item in await listed(at)}
        assert kept <= found
        await exact(at, len(found))


class TestRefused:
    async def test_before_the_body_is_read(self, at: AtElement) -> None:
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(CAPACITY),
            "Expect": "100-continue",
        }
        reader, writer = await asyncio.open_connection(*at.url.removeprefix("http://").split(":"))
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = ["POST /api/v1/files/upload HTTP/1.1", "Host: e", f"Authorization: Bearer {at.account.token}"]
        writer.write("\r\n".join([*head, *lines, "", ""]).encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 507")
        writer.close()
        await exact(at, 0)

    async def test_a_change_that_does_not_fit_leaves_the_document_as_it_was(self, at: AtElement) -> None:
        document = await at.store(description="short")
        while (await upload(at, LARGE)).status_code == 201:
            pass
        free = (await at.told("capacity"))["free_bytes"]
        last = await at.store(content=os.urandom(free - MAX_BYTES - 1000))
        free = (await at.told("capacity"))["free_bytes"]
        assert 3000 < free < 6000
        tag = await at.tag(last["file_id"])
        filled = await at.patch(last["file_id"], {"description": "x" * (free - 1500)}, tag)
        assert filled.status_code == 200

        tag = await at.tag(document["file_id"])
        refused = await at.patch(document["file_id"], {"description": "x" * 2500}, tag)
        problem(refused, "insufficient-storage", 507)
        assert await at.tag(document["file_id"]) == tag

        shorter = await at.patch(document["file_id"], {"description": "s"}, tag)
        assert shorter.status_code == 200
        await delete(at, last["file_id"])
        longer = await at.patch(document["file_id"], {"description": "x" * 2500}, shorter.headers["ETag"])
        assert longer.status_code == 200
        await exact(at, len(await listed(at)))


class TestStatus:
    async def test_is_told_everywhere_as_room_is_used_up_and_given_back(
        self, at: AtElement, system: RunningSystem
    ) -> None:
        await self.is_told(at, "ok")
        stored = []
        for size, status in ((2_100_000, "warning"), (1_000_000, "critical"), (850_000, "full")):
            stored.append(await at.store(content=os.urandom(size)))
            await self.is_told(at, status)
        health = await system.health("small")
        assert health["status"] == "degraded"
        assert health["dependencies"]["capacity"]["status"] == "down"
        small = await at.store("fits.txt")
        assert small["file_size"] == 7, "what fits is taken"
        for document in reversed(stored):
            await delete(at, document["file_id"])
        await self.is_told(at, "ok")
        assert (await system.health("small"))["dependencies"]["capacity"] == {"status": "up"}

    async def is_told(self, at: AtElement, status: str) -> None:
        room, info = await at.told("capacity"), await at.told("info")
        assert (room["capacity_status"], info["capacity_status"]) == (status, status)
        below = [room[f"{name}_below_bytes"] for name in ("warning", "critical", "full")]
        assert below == [2_000_000, 1_000_000, 100_000]
        for each in ("ok", "warning", "critical", "full"):
            assert await at.metric("artstore_storage_capacity_status", status=each) == (each == status)
        health = (await at.account.system.health("small"))["dependencies"]["capacity"]
        assert status == "ok" or health["detail"].startswith(f"{status}: {room['free_bytes']} of ")

        async def announced() -> bool:
            async with redis_of(at.account.system) as redis:
                kept = await redis.get(announcement_key("small"))
            return kept is not None and (
                ElementAnnouncement.model_validate_json(kept).capacity_status == status
            )

        await eventually(announced, f"{status} is not announced")

        async def registered() -> bool:
            url = f"{at.account.system.admin_url}/api/v1/storage-elements/small"
            return bool(json.loads((await at.account.http.get(url)).text)["capacity_status"] == status)

        await eventually(registered, f"{status} does not come to the registry")

    async def test_of_an_element_that_takes_no_documents_is_no_fault(
        self, at: AtElement, system: RunningSystem
    ) -> None:
        """What is full is made read-only: it serves on, and its health is good."""
        document = await at.store(content=os.urandom(3_950_000))
        settings = dict(SETTINGS)
        try:
            await system.stop("small")
            SETTINGS.update(ARTSTORE_STORAGE_MODE="ro", ARTSTORE_STORAGE_CONFIRM_MODE="true")
            await system.start("small")
            health = await system.health("small")
            assert health["dependencies"]["capacity"]["detail"].startswith("full: ")
            assert health["dependencies"]["capacity"]["status"] == "up"
            assert (await at.download(document["file_id"])).status_code == 200
        finally:
            await system.stop("small")
            SETTINGS.update(ARTSTORE_STORAGE_MODE="edit")
            await system.start("small")
            SETTINGS.clear()
            SETTINGS.update(settings)
