"""Listings: complete, in a stable order, filtered; whatever the index has taken so far."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.elements import AtElement, problem
from tests.support.system import RunningSystem


@asynccontextmanager
async def index_stands_still(system: RunningSystem, prefix: str) -> AsyncIterator[None]:
    """Nobody can write the table of files; reading goes on."""
    connection = system.database()
    try:
        connection.execute(f"LOCK TABLE storage.{prefix}_files IN SHARE ROW EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["file_id"] for item in items]


def created(document: dict[str, Any]) -> datetime:
    """Times as texts are in another order: one of a whole second has no point."""
    return datetime.fromisoformat(document["created_at"])


class TestOrder:
    async def test_is_that_of_creation_on_pages_of_any_size(self, edit: AtElement) -> None:
        stored = [(await edit.store(f"{number}.txt"))["file_id"] for number in range(12)]
        for limit in (1, 5, 12, 1000):
            assert ids(await edit.listed(limit=limit)) == stored

    async def test_is_stable_while_others_store_change_and_delete(self, edit: AtElement) -> None:
        stored = [await edit.store(f"{number}.txt") for number in range(20)]

        async def disturb() -> None:
            for number in range(20):
                await edit.store(f"new {number}.txt")
                file_id = stored[number]["file_id"]
                await edit.patch(file_id, {"description": "d"}, await edit.tag(file_id))

        disturbing = asyncio.create_task(disturb())
        for _ in range(5):
            listed = ids(await edit.listed(limit=3))
            assert len(listed) == len(set(listed))
            assert listed[:20] == [document["file_id"] for document in stored]
        await disturbing

    async def test_own_documents_only(
        self, edit: AtElement, stranger: AtElement, operator: AtElement
    ) -> None:
        mine, others = await edit.store(), await stranger.store()
        assert ids(await edit.listed()) == [mine["file_id"]]
        assert ids(await stranger.listed()) == [others["file_id"]]
        assert {mine["file_id"], others["file_id"]} <= set(ids(await operator.listed(limit=1000)))


class TestCompleteness:
    async def test_everything_acknowledged_is_listed_though_the_index_lags(
        self, edit: AtElement, elements: RunningSystem
    ) -> None:
        before = [await edit.store(f"before {number}.txt") for number in range(6)]
        await edit.index_has_all()
        async with index_stands_still(elements, "edit_01"):
            new = [await edit.store(f"new {number}.txt") for number in range(6)]
            changed = before[1]["file_id"]
            await edit.patch(changed, {"description": "changed"}, await edit.tag(changed))
            for gone in (before[2], before[3], new[0]):
                await edit.ask("DELETE", f"files/{gone['file_id']}")
            assert await edit.index_lag() >= 10
            expected = [before[0], before[1], before[4], before[5], *new[1:]]
            for limit in (1, 2, 3, 100):
                listed = await edit.listed(limit=limit)
                assert ids(listed) == ids(expected)
                assert listed[1]["description"] == "changed"
        await edit.index_has_all()
        assert ids(await edit.listed()) == ids(expected)

    async def test_a_document_is_listed_as_soon_as_it_is_acknowledged(self, rw: AtElement) -> None:
        async def store_and_list(number: int) -> None:
            document = await rw.store(f"{number}.txt")
            assert document["file_id"] in ids(await rw.listed(limit=7))

        await asyncio.gather(*map(store_and_list, range(40)))

    async def test_an_item_is_the_document(self, rw: AtElement) -> None:
        document = await rw.store(tags=["a"], custom_attributes={"n": 1.5, "x": None}, description="d")
        assert await rw.listed() == [document]
        await rw.index_has_all()
        assert await rw.listed() == [document]


class TestFilters:
    @pytest.fixture
    async def stored(self, edit: AtElement) -> list[dict[str, Any]]:
        return [await edit.store(f"{number}.txt") for number in range(4)]

    @pytest.mark.parametrize("indexed", [True, False])
    async def test_time_of_creation(
        self, edit: AtElement, elements: RunningSystem, stored: list[dict[str, Any]], indexed: bool
    ) -> None:
        await edit.index_has_all()
        if not indexed:
            async with index_stands_still(elements, "edit_01"):
                stored += [await edit.store("late.txt")]
                await self.check_times(edit, stored)
        else:
            await self.check_times(edit, stored)

    async def check_times(self, edit: AtElement, stored: list[dict[str, Any]]) -> None:
        for first in stored:
            bound, at = first["created_at"], created(first)
            expected = [d["file_id"] for d in stored if created(d) >= at]
            assert ids(await edit.listed(created_from=bound, limit=2)) == expected
            before = [d["file_id"] for d in stored if created(d) < at]
            assert ids(await edit.listed(created_to=bound, limit=2)) == before
        bound = stored[0]["created_at"]
        both = await edit.listed(created_from=bound, created_to=bound)
        assert both == []

    async def test_times_of_other_zones(self, edit: AtElement, stored: list[dict[str, Any]]) -> None:
        at = datetime.fromisoformat(stored[0]["created_at"])
        local = (at + timedelta(hours=5, minutes=30)).isoformat().replace("+00:00", "+05:30")
        assert len(await edit.listed(created_from=local)) == 4

    @pytest.mark.parametrize(
        "value",
        [
            *("yesterday", "2026-11-23", "1700000000", "2026-11-23T12:00:00", ""),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        ],
    )
    @pytest.mark.parametrize("name", ["created_from", "created_to"])
    async def test_what_is_no_time(self, edit: AtElement, name: str, value: str) -> None:
        answer = await edit.get("files", **{name: value})
        assert problem(answer, "invalid-parameter", 422)["field"] == name

    async def test_one_that_is_not_known(self, edit: AtElement) -> None:
        for name in ("created_after", "lsn", "q", "since_LSN"):
            answer = await edit.get("files", **{name: "1"})
            assert problem(answer, "invalid-parameter", 422)["field"] == name

    async def test_state(self, edit: AtElement, stored: list[dict[str, Any]]) -> None:
        gone = stored.pop(1)
        await edit.ask("DELETE", f"files/{gone['file_id']}")
        await edit.index_has_all()
        assert ids(await edit.listed(state="active")) == ids(stored)
        deleted = await edit.listed(state="deleted")
        assert [(item["file_id"], item["state"], item["document"]) for item in deleted] == [
            (gone["file_id"], "deleted", None)
        ]
        for bound, listed in (("created_from", 1), ("created_to", 0)):
            items = await edit.listed(state="deleted", **{bound: gone["created_at"]})
            assert len(items) == listed

    async def test_changes_after_an_lsn(self, edit: AtElement, stored: list[dict[str, Any]]) -> None:
        await edit.index_has_all()
        since = (await edit.told("files", since_lsn=0))["last_lsn"]
        assert await edit.listed(since_lsn=since) == []
        await edit.patch(stored[0]["file_id"], {"description": "d"}, await edit.tag(stored[0]["file_id"]))
        await edit.ask("DELETE", f"files/{stored[1]['file_id']}")
        new = await edit.store()
        await edit.index_has_all()
        expected = [stored[0]["file_id"], stored[1]["file_id"], new["file_id"]]
        items = await edit.listed(since_lsn=since, limit=1)
        assert ids(items) == expected
        assert [item["state"] for item in items] == ["active", "deleted", "active"]
        assert ids(await edit.listed(since_lsn=since, state="active")) == [expected[0], expected[2]]
        assert ids(await edit.listed(since_lsn=since, state="deleted")) == [expected[1]]
        assert ids(await edit.listed(since_lsn=since, created_from=new["created_at"])) == [new["file_id"]]

    @pytest.mark.parametrize(
        ("name", "value"), [("state", "gone"), ("since_lsn", "-1"), ("since_lsn", "x"), ("limit", "0")]
    )
    async def test_what_no_filter_takes(self, edit: AtElement, name: str, value: str) -> None:
        assert problem(await edit.get("files", **{name: value}), "invalid-parameter", 422)["field"] == name

    async def test_a_cursor_of_another_order(self, edit: AtElement, stored: list[dict[str, Any]]) -> None:
        page = await edit.told("files", limit=1)
        problem(await edit.get("files", cursor=page["next_cursor"], since_lsn=0), "invalid-cursor", 400)


class TestPostgresAway:
    async def test_is_said_and_everything_else_goes_on(self, own_elements: RunningSystem) -> None:
        at = AtElement(await own_elements.create_account(), "edit-01")
        first = await at.store("first.txt")
        await at.index_has_all()
        await own_elements.kill("postgres")
        try:
            second = await at.store("second.txt")
            answer = await at.get("files")
            assert " is away" in problem(answer, "dependency-unavailable", 503)["detail"]
            assert answer.headers["Retry-After"]
            for document in (first, second):
                assert await at.told(f"files/{document['file_id']}") == document
                assert (await at.download(document["file_id"])).status_code == 200
            assert (await own_elements.health("edit-01"))["status"] == "degraded"
        finally:
            await own_elements.start("postgres")
        await at.index_has_all()
        assert ids(await at.listed()) == ids([first, second])
