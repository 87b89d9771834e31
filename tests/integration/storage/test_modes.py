"""Modes: exactly the operations of each, the steps between them, and what is true after a restart."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from artstore.launcher.errors import CannotStart
from artstore.launcher.settings import Element
from artstore.wire.elements import ElementAnnouncement, Mode, announcement_key
from tests.support.elements import AtElement, problem, running_elements
from tests.support.processes import paused
from tests.support.redis import redis_of
from tests.support.system import RunningSystem, eventually

ALLOWED = {
    Mode.EDIT: ["create", "read", "update attributes", "delete"],
    Mode.RW: ["create", "read", "update attributes"],
    Mode.RO: ["read"],
    Mode.AR: ["read attributes"],
}
CONTENT = b"what is kept"

Configure = Callable[[dict[str, str]], None]


class Archive:
    """One element whose configuration a test may change."""

    def __init__(self, system: RunningSystem, configuration: dict[str, str]) -> None:
        self.system = system
        self.configuration = configuration
        self.document: dict[str, Any] = {}

    async def at(self) -> AtElement:
        return AtElement(await self.system.administrator(), "one")

    async def start(self, **configuration: str) -> None:
        self.configuration.clear()
        self.configuration |= {f"ARTSTORE_STORAGE_{name.upper()}": v for name, v in configuration.items()}
        await self.system.start("one")

    async def become(self, mode: Mode) -> None:
        """A restart with another mode, confirmed."""
        await self.system.stop("one")
        await self.start(mode=mode, confirm_mode="true")


@pytest.fixture(scope="module")
def module_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    configuration: dict[str, str] = {}
    system = running_elements(tmp_path_factory.mktemp("modes"), Element("one", "edit", configuration))
    system.launch()
    try:
        yield Archive(system, configuration)
    finally:
        system.shut_down()
    system.check_elements()


@pytest.fixture
async def archive(module_archive: Archive) -> AsyncIterator[Archive]:
    """With one document, in the mode ``edit``; left running in any mode."""
    at = await module_archive.at()
    if (await at.told("mode"))["mode"] != Mode.EDIT:
        await module_archive.become(Mode.EDIT)
        at = await module_archive.at()
    module_archive.document = await at.store(content=CONTENT)
    yield module_archive
    module_archive.system.check_elements()
    await module_archive.system.close_accounts()


async def forbidden(at: AtElement, mode: Mode, method: str, path: str, **options: Any) -> None:
    body = problem(await at.ask(method, path, **options), "mode-forbids", 409)
    assert body["mode"] == mode
    assert body["allowed"] == ALLOWED[mode]
    assert f"'{mode}'" in body["detail"]
    assert all(operation in body["detail"] for operation in ALLOWED[mode])


def tells_that_it_is_unannounced(log: str) -> bool:
    return any(text in log for text in ("not announced yet", "the element cannot announce itself"))


@pytest.mark.parametrize("mode", Mode)
async def test_exactly_what_the_mode_allows(archive: Archive, mode: Mode) -> None:
    await archive.become(mode)
    at, file_id = await archive.at(), archive.document["file_id"]
    report = await at.told("mode")
    assert (report["mode"], report["allowed"]) == (mode, ALLOWED[mode])

    assert await at.told(f"files/{file_id}") == archive.document
    assert [item["file_id"] for item in await at.listed()].count(file_id) == 1
    if mode is Mode.AR:
        problem(await at.download(file_id), "document-offline", 202)
    else:
        assert (await at.download(file_id)).content == CONTENT

    if "create" in ALLOWED[mode]:
        await at.store("new.txt")
    else:
        await forbidden(at, mode, "POST", "files/upload", files={"file": ("a", b"x")})
    if "update attributes" in ALLOWED[mode]:
        answer = await at.patch(file_id, {"description": "d"}, await at.tag(file_id))
        assert answer.status_code == 200
    else:
        await forbidden(at, mode, "PATCH", f"files/{file_id}/metadata", json={"description": "d"})
    if "delete" in ALLOWED[mode]:
        assert (await at.ask("DELETE", f"files/{file_id}")).status_code == 204
    else:
        await forbidden(at, mode, "DELETE", f"files/{file_id}")
        assert (await at.get(f"files/{file_id}")).status_code == 200


@pytest.mark.parametrize("mode", Mode)
async def test_which_steps_a_request_can_make(archive: Archive, mode: Mode) -> None:
    await archive.become(mode)
    at = await archive.at()
    steps = {Mode.RW: [Mode.RO], Mode.RO: [Mode.AR]}.get(mode, [])
    assert (await at.told("mode"))["next_modes"] == steps
    for wanted in Mode:
        if wanted is not mode and wanted not in steps:
            await forbidden(at, mode, "PUT", "mode", json={"mode": wanted})
    same = await at.ask("PUT", "mode", json={"mode": mode})
    assert (same.status_code, same.json()["mode"]) == (200, mode)
    for wanted in steps:
        taken = await at.ask("PUT", "mode", json={"mode": wanted})
        assert (taken.status_code, taken.json()["mode"]) == (200, wanted)
        assert (await at.told("mode")) == taken.json()


class TestChange:
    async def test_is_announced_at_once_and_published(self, archive: Archive) -> None:
        await archive.become(Mode.RW)
        at = await archive.at()
        async with redis_of(archive.system) as redis, redis.pubsub() as messages:
            await messages.subscribe("artstore:elements:changes")
            await at.ask("PUT", "mode", json={"mode": "ro"})

            async def heard() -> bool:
                message = await messages.get_message(ignore_subscribe_messages=True, timeout=1)
                return message is not None and b'"mode":"ro"' in message["data"]

            await eventually(heard, "nobody was told of the new mode")
            kept = await redis.get(announcement_key("one"))
            assert kept is not None
            assert ElementAnnouncement.model_validate_json(kept).mode is Mode.RO

            async def published() -> bool:
                newest = await redis.xrevrange("artstore:events:one", count=1)
                return b'"kind":"mode"' in repr(newest).encode()

            await eventually(published, "there is no event of the mode")

    async def test_is_announced_before_the_element_is_ready(self, archive: Archive) -> None:
        """Whoever waited for it need not be told that there is no element; but for a Redis that takes longer
        than the start waits for it, of which the log tells."""
        await archive.system.stop("one")
        known = len(archive.system.log("one"))
        async with redis_of(archive.system) as redis:
            await redis.delete(announcement_key("one"))
            await archive.start(mode=Mode.RW, confirm_mode="true")

            async def is_announced() -> bool:
                return bool(await redis.exists(announcement_key("one")))

            at_once, said = await is_announced(), archive.system.log("one")[known:]
            assert at_once or tells_that_it_is_unannounced(said)
            await eventually(is_announced, "the element is not announced")

    async def test_starts_beside_a_redis_that_hangs(self, archive: Archive) -> None:
        await archive.system.stop("one")
        known = len(archive.system.log("one"))
        async with redis_of(archive.system) as redis:
            await redis.delete(announcement_key("one"))
            with paused(archive.system.pid("redis")):
                await archive.start(mode=Mode.RW, confirm_mode="true")
            assert tells_that_it_is_unannounced(archive.system.log("one")[known:])

            async def is_announced() -> bool:
                return bool(await redis.exists(announcement_key("one")))

            await eventually(is_announced, "the element is not announced")

    async def test_stays_after_a_kill(self, archive: Archive) -> None:
        await archive.become(Mode.RW)
        at = await archive.at()
        await at.ask("PUT", "mode", json={"mode": "ro"})
        await archive.system.kill("one")
        await archive.start()  # the launcher tells the element the mode that it has
        assert (await at.told("mode"))["mode"] == "ro"

    async def test_needs_the_scope_to_write_elements(self, archive: Archive) -> None:
        auditor = AtElement(await archive.system.create_account(role="AUDITOR"), "one")
        assert (await auditor.get("mode")).status_code == 200
        refused = await auditor.ask("PUT", "mode", json={"mode": "ro"})
        assert problem(refused, "insufficient-scope", 403)["required_scope"] == "elements:write"

    @pytest.mark.parametrize("body", [{"mode": "none"}, {}, []])
    async def test_to_what_is_no_mode(self, archive: Archive, body: Any) -> None:
        at = await archive.at()
        problem(await at.ask("PUT", "mode", json=body), "invalid-parameter", 422)


class TestConfiguration:
    async def test_that_differs_stops_the_start_and_says_how_to_go_on(self, archive: Archive) -> None:
        await archive.become(Mode.RO)
        await archive.system.stop("one")
        with pytest.raises(CannotStart) as refused:
            await archive.start(mode="rw")
        told = str(refused.value)
        assert "the mode 'rw', the element on disk has 'ro'" in told
        assert "ARTSTORE_STORAGE_MODE=ro" in told
        assert "ARTSTORE_STORAGE_CONFIRM_MODE=true" in told
        await archive.start(mode="ro")
        assert (await (await archive.at()).download(archive.document["file_id"])).content == CONTENT

    async def test_with_the_confirmation_leads_back(self, archive: Archive) -> None:
        await archive.become(Mode.AR)
        await archive.system.stop("one")
        await archive.start(mode="rw", confirm_mode="true")
        at = await archive.at()
        assert (await at.told("mode"))["mode"] == "rw"
        assert (await at.download(archive.document["file_id"])).content == CONTENT
        await archive.system.stop("one")
        await archive.start(mode="rw")
        assert (await at.told("mode"))["mode"] == "rw"

    async def test_of_another_element_stops_the_start(self, archive: Archive) -> None:
        await archive.system.stop("one")
        with pytest.raises(CannotStart, match="the settings name the element 'two'"):
            await archive.start(element_id="two")
        await archive.start()


class TestOffline:
    """What `ar` answers for bytes."""

    @pytest.fixture
    async def at(self, archive: Archive) -> AtElement:
        await archive.become(Mode.AR)
        return await archive.at()

    async def test_says_whom_to_ask_for_what(self, at: AtElement, archive: Archive) -> None:
        file_id = archive.document["file_id"]
        before = await at.metric("artstore_storage_offline_downloads_total")
        body = problem(await at.download(file_id), "document-offline", 202)
        assert (body["file_id"], body["element_id"]) == (file_id, "one")
        assert body["checksum"] == archive.document["checksum"]
        assert file_id in body["detail"]
        assert "administrator" in body["detail"]
        assert await at.metric("artstore_storage_offline_downloads_total") == before + 1

    async def test_ranges_and_heads_as_well(self, at: AtElement, archive: Archive) -> None:
        file_id = archive.document["file_id"]
        problem(await at.download(file_id, Range="bytes=0-3"), "document-offline", 202)
        head = await at.ask("HEAD", f"files/{file_id}/download")
        assert (head.status_code, head.content) == (202, b"")

    async def test_a_client_that_has_the_bytes_need_not_ask(self, at: AtElement, archive: Archive) -> None:
        tag = f'"{archive.document["checksum"]}"'
        answer = await at.download(archive.document["file_id"], **{"If-None-Match": tag})
        assert answer.status_code == 304

    async def test_a_strangers_document_is_not_found(self, at: AtElement, archive: Archive) -> None:
        stranger = AtElement(await archive.system.create_account(), "one")
        problem(await stranger.download(archive.document["file_id"]), "not-found", 404)
