"""What elements do for Admin's transactions: hold, copy, let go, and the fence between them."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.support.elements import AtElement, problem
from tests.support.system import BOUNDARY, Account, RunningSystem, eventually, form, part

UNKNOWN = "01936a2f-0000-7000-8000-000000000001"
SCOPES = "transfers:write files:read files:all"


class Mover:
    """Whoever has the token that Admin makes for itself."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.source_url = account.system.element_urls["edit-01"]
        account.http.headers["Authorization"] = f"Bearer {account.system.signed_token(account, scope=SCOPES)}"

    async def hold(self, file_id: str, transfer_id: str, **more: Any) -> httpx.Response:
        return await self._ask("edit-01", "PUT", file_id, "hold", json={"transfer_id": transfer_id, **more})

    async def release(self, file_id: str, transfer_id: str, element: str = "edit-01") -> httpx.Response:
        return await self._ask(element, "DELETE", file_id, "hold", params={"transfer_id": transfer_id})

    async def let_go(self, file_id: str, transfer_id: str, element: str = "edit-01") -> httpx.Response:
        return await self._ask(element, "DELETE", file_id, "source", params={"transfer_id": transfer_id})

    async def copy(
        self, file_id: str, transfer_id: str, element: str = "rw-01", **changes: Any
    ) -> httpx.Response:
        body = {"transfer_id": transfer_id, "source_url": self.source_url, "changes": changes}
        return await self._over(element, file_id, body)

    async def move(
        self, file_id: str, transfer_id: str, to: str = "edit-02", source: str = "edit-01"
    ) -> httpx.Response:
        """As ``copy``, for an element from which the document could be deleted."""
        url = self.account.system.element_urls[source]
        body = {"transfer_id": transfer_id, "source_url": url, "source_element_id": source}
        return await self._over(to, file_id, body)

    async def withdraw(self, file_id: str) -> bool:
        return bool((await self.withdrawn(file_id))["is_present"])

    async def withdrawn(self, file_id: str, element: str = "rw-01") -> dict[str, Any]:
        answer = await self._ask(element, "DELETE", file_id, "copy")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def _over(self, element: str, file_id: str, body: dict[str, Any]) -> httpx.Response:
        """How the copying ended: while it takes long, an element says after a while that it goes on."""
        while (answer := await self._ask(element, "PUT", file_id, "copy", json=body)).status_code == 202:
            pass
        return answer

    async def _ask(self, element: str, method: str, file_id: str, what: str, **more: Any) -> httpx.Response:
        url = f"{self.account.system.element_urls[element]}/api/v1/transfers/{file_id}/{what}"
        return await self.account.http.request(method, url, **more)


@pytest.fixture
async def mover(elements: RunningSystem) -> Mover:
    return Mover(await elements.create_account(role="OPERATOR"))


@pytest.fixture
def transfer() -> str:
    return str(uuid.uuid4())


def done(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


class TestHold:
    async def test_is_changed_by_nobody_until_it_is_released(
        self, edit: AtElement, mover: Mover, transfer: str
    ) -> None:
        document = await edit.store()
        file_id = document["file_id"]
        held = done(await mover.hold(file_id, transfer))["document"]
        assert held == document | {"transfer_id": transfer, "updated_at": held["updated_at"]}
        assert held == await edit.told(f"files/{file_id}")
        refused = problem(
            await edit.patch(file_id, {"description": "x"}, await edit.tag(file_id)), "conflict", 409
        )
        assert refused["transfer_id"] == transfer
        problem(await edit.ask("DELETE", f"files/{file_id}"), "conflict", 409)
        done(await mover.release(file_id, transfer), 204)
        assert "transfer_id" not in await edit.told(f"files/{file_id}")
        done(await edit.patch(file_id, {"description": "x"}, await edit.tag(file_id)))

    async def test_again_changes_nothing(self, edit: AtElement, mover: Mover, transfer: str) -> None:
        file_id = (await edit.store())["file_id"]
        first = done(await mover.hold(file_id, transfer))
        assert done(await mover.hold(file_id, transfer)) == first

    async def test_by_one_transfer_only(self, edit: AtElement, mover: Mover, transfer: str) -> None:
        file_id = (await edit.store())["file_id"]
        done(await mover.hold(file_id, transfer))
        another = str(uuid.uuid4())
        assert problem(await mover.hold(file_id, another), "conflict", 409)["transfer_id"] == transfer
        done(await mover.release(file_id, another), 204)
        problem(await mover.let_go(file_id, another), "conflict", 409)
        assert (await edit.told(f"files/{file_id}"))["transfer_id"] == transfer
        done(await mover.hold(file_id, another, replaces=transfer))
        assert (await edit.told(f"files/{file_id}"))["transfer_id"] == another

    async def test_of_none(self, mover: Mover, transfer: str) -> None:
        problem(await mover.hold(UNKNOWN, transfer), "not-found", 404)
        done(await mover.release(UNKNOWN, transfer), 204)
        done(await mover.let_go(UNKNOWN, transfer), 204)

    async def test_without_room_in_the_attributes(self, edit: AtElement, mover: Mover, transfer: str) -> None:
        """Whatever they have, they keep: the refusal changes nothing."""
        room = 4096 - 20
        document = await edit.store(description="x")
        size = await written_size(edit, document["file_id"])
        document = await edit.store(description="x" * (room - size))
        problem(await mover.hold(document["file_id"], transfer), "attributes-too-large", 422)
        assert await edit.told(f"files/{document['file_id']}") == document

    async def test_where_nothing_is_deleted(self, rw: AtElement, mover: Mover, transfer: str) -> None:
        file_id = (await rw.store())["file_id"]
        url = f"{rw.url}/api/v1/transfers/{file_id}/hold"
        answer = await mover.account.http.put(url, json={"transfer_id": transfer})
        problem(answer, "mode-forbids", 409)


async def written_size(edit: AtElement, file_id: str) -> int:
    """Bytes of an attribute file."""
    root = edit.account.system.root("edit-01")
    found: list[Any] = []

    def is_there() -> bool:
        found[:] = root.glob(f"files/**/*{file_id}*.attr.json")
        return bool(found)

    await eventually(is_there, "no attribute file appears")
    return int(found[0].stat().st_size)


class TestCopy:
    @pytest.mark.parametrize("size", [1, 300_000, 3_000_000])
    async def test_is_the_same_document(
        self, edit: AtElement, rw: AtElement, mover: Mover, transfer: str, size: int
    ) -> None:
        content = os.urandom(size)
        attributes = {"n": [1, 2.5, {"é": None}]}
        document = await edit.store("отчёт.bin", content, custom_attributes=attributes, tags=["a", "b"])
        file_id = document["file_id"]
        done(await mover.hold(file_id, transfer))
        copied = done(await mover.copy(file_id, transfer, retention_policy="permanent"))
        assert copied["received_bytes"] == size
        after = await rw.told(f"files/{file_id}")
        changed = {"retention_policy": "permanent", "updated_at": after["updated_at"]}
        assert after == copied["document"] == document | changed
        assert (await rw.download(file_id)).content == content
        assert [item["file_id"] for item in await rw.listed()] == [file_id]
        done(await mover.let_go(file_id, transfer), 204)
        problem(await edit.get(f"files/{file_id}"), "not-found", 404)
        done(await mover.let_go(file_id, transfer), 204)

    async def test_again_and_by_many_at_once_is_one_document(
        self, edit: AtElement, rw: AtElement, mover: Mover, transfer: str
    ) -> None:
        file_id = (await edit.store(content=os.urandom(500_000)))["file_id"]
        done(await mover.hold(file_id, transfer))
        answers = await asyncio.gather(*(mover.copy(file_id, transfer) for _ in range(8)))
        assert len({done(answer)["document"]["updated_at"] for answer in answers}) == 1
        assert done(await mover.copy(file_id, transfer)) == done(answers[0])
        assert len(await rw.listed()) == 1

    async def test_not_of_what_is_not_held_for_it(
        self, edit: AtElement, rw: AtElement, mover: Mover, transfer: str
    ) -> None:
        """The fence: a late request cannot begin once another mark is there."""
        file_id = (await edit.store())["file_id"]
        problem(await mover.copy(file_id, transfer), "conflict", 409)
        done(await mover.hold(file_id, transfer))
        done(await mover.hold(file_id, str(uuid.uuid4()), replaces=transfer))
        assert not await mover.withdraw(file_id)
        problem(await mover.copy(file_id, transfer), "conflict", 409)
        problem(await rw.get(f"files/{file_id}"), "not-found", 404)

    async def test_of_none(self, mover: Mover, transfer: str) -> None:
        problem(await mover.copy(UNKNOWN, transfer), "conflict", 409)
        assert not await mover.withdraw(UNKNOWN)

    async def test_from_where_nobody_answers(self, mover: Mover, transfer: str) -> None:
        mover.source_url = "http://127.0.0.1:9"
        problem(await mover.copy(UNKNOWN, transfer), "element-unavailable", 503)

    async def test_attributes_that_cannot_be(
        self, edit: AtElement, rw: AtElement, mover: Mover, transfer: str
    ) -> None:
        file_id = (await edit.store())["file_id"]
        done(await mover.hold(file_id, transfer))
        refused = await mover.copy(file_id, transfer, retention_policy="forever")
        problem(refused, "invalid-attributes", 422)
        problem(await rw.get(f"files/{file_id}"), "not-found", 404)

    async def test_what_was_copied_is_found_by_whoever_withdraws(
        self, edit: AtElement, mover: Mover, transfer: str
    ) -> None:
        file_id = (await edit.store())["file_id"]
        done(await mover.hold(file_id, transfer))
        done(await mover.copy(file_id, transfer))
        assert await mover.withdraw(file_id)

    async def test_withdrawn_in_the_middle(self, elements: RunningSystem, transfer: str) -> None:
        """From a source that sends its first bytes and no more: the copying ends, and nothing is left."""
        mover = Mover(await elements.create_account(role="OPERATOR"))
        file_id = "01936a2f-0000-7000-8000-0000000000aa"
        async with stalling_source(file_id, transfer) as (url, reached, held):
            mover.source_url = url
            copying = asyncio.create_task(mover.copy(file_id, transfer))
            await reached.wait()
            held.clear()  # as whoever withdraws does it first: who asks late cannot begin anew
            assert not await mover.withdraw(file_id)
            problem(await copying, "conflict", 409)
        await elements.staging_is_empty()


class TestToWhereItCouldBeDeleted:
    """From one element of mode ``edit`` to another."""

    @pytest.fixture
    async def there(self, edit: AtElement) -> AtElement:
        return AtElement(edit.account, "edit-02")

    async def test_is_held_there_until_that_is_over(
        self, edit: AtElement, there: AtElement, mover: Mover, transfer: str
    ) -> None:
        """What was deleted at the one would come back from the other."""
        content = os.urandom(300_000)
        document = await edit.store("a.bin", content, tags=["a"], custom_attributes={"n": 1.5})
        file_id = document["file_id"]
        done(await mover.hold(file_id, transfer))
        done(await mover.move(file_id, transfer))
        held = await there.told(f"files/{file_id}")
        assert held == document | {"transfer_id": transfer, "updated_at": held["updated_at"]}
        assert await mover.withdrawn(file_id, "edit-02") == {"is_present": True, "transfer_id": transfer}
        problem(await there.ask("DELETE", f"files/{file_id}"), "conflict", 409)
        problem(await there.patch(file_id, {"description": "x"}, await there.tag(file_id)), "conflict", 409)
        done(await mover.let_go(file_id, transfer), 204)
        done(await mover.move(file_id, transfer))
        for _ in range(2):
            done(await mover.release(file_id, transfer, "edit-02"), 204)
        after = await there.told(f"files/{file_id}")
        assert after == document | {"updated_at": after["updated_at"]}
        assert (await there.download(file_id)).content == content
        problem(await edit.get(f"files/{file_id}"), "not-found", 404)
        done(await there.ask("DELETE", f"files/{file_id}"), 204)
        # What is deleted by right does not come back, whoever asks late.
        problem(await mover.move(file_id, transfer), "conflict", 409)

    async def test_not_let_go_while_it_is_uploaded_again(
        self, elements: RunningSystem, edit: AtElement, mover: Mover, transfer: str
    ) -> None:
        """The first answer was lost, and the repeated upload takes long: it finds what is there."""
        content = os.urandom(3_000_000)
        document = await edit.store("a.bin", content)
        file_id, go_on = document["file_id"], asyncio.Event()
        body = form(part("retention_policy", b"temporary"), part("file", content, "a.bin"))

        async def pieces() -> AsyncIterator[bytes]:
            yield body[:2_500_000]
            await go_on.wait()
            yield body[2_500_000:]

        done(await mover.hold(file_id, transfer))
        done(await mover.move(file_id, transfer))
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "X-File-Id": file_id}
        before = elements.staged("edit-01")
        repeated = asyncio.create_task(edit.ask("POST", "files/upload", content=pieces(), headers=headers))
        await elements.staging_gets_a_file("edit-01", besides=before)
        problem(await mover.let_go(file_id, transfer), "element-unavailable", 503)
        go_on.set()
        assert done(await repeated, 201)["file_id"] == file_id
        done(await mover.let_go(file_id, transfer), 204)
        problem(await edit.get(f"files/{file_id}"), "not-found", 404)

    async def test_and_back(self, edit: AtElement, there: AtElement, mover: Mover) -> None:
        """To where it was a moment ago, and its id is remembered."""
        document = await edit.store()
        file_id = document["file_id"]
        for source, to in (("edit-01", "edit-02"), ("edit-02", "edit-01"), ("edit-01", "edit-02")):
            transfer = str(uuid.uuid4())
            url = f"{mover.account.system.element_urls[source]}/api/v1/transfers/{file_id}/hold"
            done(await mover.account.http.put(url, json={"transfer_id": transfer}))
            done(await mover.move(file_id, transfer, to, source))
            done(await mover.let_go(file_id, transfer, source), 204)
            done(await mover.release(file_id, transfer, to), 204)
        after = await there.told(f"files/{file_id}")
        assert after == document | {"updated_at": after["updated_at"]}
        problem(await edit.get(f"files/{file_id}"), "not-found", 404)

    async def test_not_what_is_permanent(self, edit: AtElement, mover: Mover, transfer: str) -> None:
        file_id = (await edit.store(retention_policy="permanent"))["file_id"]
        done(await mover.hold(file_id, transfer))
        problem(await mover.move(file_id, transfer), "mode-forbids", 409)
        assert not (await mover.withdrawn(file_id, "edit-02"))["is_present"]
        done(await mover.release(file_id, transfer), 204)

    async def test_not_to_its_source(self, edit: AtElement, mover: Mover, transfer: str) -> None:
        """Which would take itself for the target, and let the only copy go."""
        file_id = (await edit.store())["file_id"]
        done(await mover.hold(file_id, transfer))
        problem(await mover.move(file_id, transfer, "edit-01"), "conflict", 409)
        problem(await mover.copy(file_id, transfer, element="edit-01"), "mode-forbids", 409)
        problem(await mover.copy(file_id, transfer, element="edit-02"), "mode-forbids", 409)

    async def test_not_where_nothing_is_deleted(
        self, edit: AtElement, rw: AtElement, mover: Mover, transfer: str
    ) -> None:
        """A target may become `rw` before it is asked, and what is temporary would stay there for good."""
        file_id = (await edit.store())["file_id"]
        done(await mover.hold(file_id, transfer))
        problem(await mover.move(file_id, transfer, "rw-01"), "mode-forbids", 409)
        problem(await rw.get(f"files/{file_id}"), "not-found", 404)

    async def test_not_over_what_lies_there(
        self, edit: AtElement, there: AtElement, mover: Mover, transfer: str
    ) -> None:
        """As after one of the elements was restored from a backup: nobody knows which one is the document."""
        file_id = (await edit.store())["file_id"]
        files, data = {"file": ("a.txt", b"content")}, {"retention_policy": "temporary"}
        stored = await there.ask(
            "POST", "files/upload", files=files, data=data, headers={"X-File-Id": file_id}
        )
        assert stored.status_code == 201, stored.text
        done(await mover.hold(file_id, transfer))
        problem(await mover.move(file_id, transfer), "conflict", 409)
        assert "transfer_id" not in await there.told(f"files/{file_id}")

    async def test_a_legal_hold_goes_along(
        self, edit: AtElement, there: AtElement, mover: Mover, transfer: str
    ) -> None:
        holder = await edit.account.system.create_account(role="OPERATOR")
        document = await edit.store()
        file_id = document["file_id"]
        done(
            await AtElement(holder, "edit-01").ask("PUT", f"files/{file_id}/hold", json={"reason": "case 1"})
        )
        document = await edit.told(f"files/{file_id}")
        done(await mover.hold(file_id, transfer))
        done(await mover.move(file_id, transfer))
        done(await mover.let_go(file_id, transfer), 204)
        done(await mover.release(file_id, transfer, "edit-02"), 204)
        after = await there.told(f"files/{file_id}")
        assert after == document | {"updated_at": after["updated_at"]}
        assert after["legal_hold"]["reason"] == "case 1"
        problem(await there.ask("DELETE", f"files/{file_id}"), "legal-hold", 409)


async def test_a_target_that_takes_nothing_more_tells_of_what_it_has(
    own_elements: RunningSystem, transfer: str
) -> None:
    """It may become `ro` between the commit and the moment when the source lets go."""
    owner, mover = await own_elements.create_account(), Mover(await own_elements.create_account("OPERATOR"))
    taken, late = [(await AtElement(owner, "edit-01").store())["file_id"] for _ in range(2)]
    for file_id in (taken, late):
        done(await mover.hold(file_id, transfer))
    copied = done(await mover.copy(taken, transfer))
    target = AtElement(await own_elements.administrator(), "rw-01")
    done(await target.ask("PUT", "mode", json={"mode": "ro"}))
    assert done(await mover.copy(taken, transfer)) == copied
    problem(await mover.copy(late, transfer), "mode-forbids", 409)


@asynccontextmanager
async def stalling_source(
    file_id: str, transfer: str
) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """An element that has one document, and never sends it to its end: its address, an event that says that it
    was asked for the bytes, and one that says whether it holds the document for the transfer."""
    at = "2026-11-23T12:00:00Z"
    document = {
        "schema_version": "2.0",
        "file_id": file_id,
        "original_filename": "a.bin",
        "file_size": 1_000_000,
        "content_type": "application/octet-stream",
        "created_at": at,
        "updated_at": at,
        "created_by_id": "x",
        "created_by_username": "x",
        "checksum": "0" * 64,
        "metadata": {},
        "custom_attributes": {},
    }
    reached, held, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
    held.set()

    async def told(request: web.Request) -> web.Response:
        mark = transfer if held.is_set() else str(uuid.uuid4())
        return web.json_response({**document, "transfer_id": mark})

    async def download(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 1_000_000
        await response.prepare(request)
        await response.write(b"x" * 400_000)
        reached.set()
        await over.wait()
        return response

    app = web.Application()
    app.router.add_get("/api/v1/files/{id}", told)
    app.router.add_get("/api/v1/files/{id}/download", download)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", reached, held
    finally:
        over.set()
        await runner.cleanup()
