"""Rebuilding the index from the files while the element serves; what a rebuild repairs, and what it leaves."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.elements import AtElement, problem
from tests.support.system import RunningSystem, eventually

TABLES = "storage.edit_01"
GHOST = "01936a2f-0000-7000-8000-00000000dead"


@asynccontextmanager
async def nothing_is_written(system: RunningSystem) -> AsyncIterator[None]:
    """A rebuild gets as far as its first rows; the state of the index can still be written."""
    connection = system.database()
    try:
        connection.execute(f"LOCK TABLE {TABLES}_files IN SHARE ROW EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


@pytest.fixture
async def at(own_elements: RunningSystem) -> AtElement:
    """The administrator, with some documents of an account of the test's own."""
    return AtElement(await own_elements.administrator(), "edit-01")


@pytest.fixture
async def user(own_elements: RunningSystem) -> AtElement:
    return AtElement(await own_elements.create_account(), "edit-01")


def execute(system: RunningSystem, statement: str, *values: Any) -> int:
    with system.database() as connection:
        return connection.execute(statement.format(t=TABLES), values).rowcount


async def rebuild(at: AtElement) -> dict[str, Any]:
    """The report of a rebuild that was asked for, once it is through."""
    answer = await at.ask("POST", "index/rebuild")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == "/api/v1/index"
    assert answer.json()["status"] == "rebuilding"
    return await rebuilt(at)


async def rebuilt(at: AtElement) -> dict[str, Any]:
    report: dict[str, Any] = {}

    async def ready() -> bool:
        report.update(await at.told("index"))
        return bool(report["status"] == "ready" and report["lag"] == 0 and report["rebuild"]["finished_at"])

    await eventually(ready, "the rebuild does not end")
    return report


class TestRequest:
    async def test_repairs_whatever_was_done_to_the_rows(
        self, own_elements: RunningSystem, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt", description=str(number)) for number in range(6)]
        await user.index_has_all()
        lost, changed, moved, claimed = (document["file_id"] for document in stored[:4])
        execute(own_elements, "DELETE FROM {t}_files WHERE file_id = %s", lost)
        execute(own_elements, "UPDATE {t}_files SET attributes = '{{}}' WHERE file_id = %s", changed)
        execute(own_elements, "UPDATE {t}_files SET storage_path = 'x' WHERE file_id = %s", moved)
        execute(own_elements, "UPDATE {t}_files SET created_by_id = 'x' WHERE file_id = %s", claimed)
        execute(
            own_elements,
            "INSERT INTO {t}_files (file_id, lsn, generation, created_at, created_by_id, attributes)"
            " SELECT %s, lsn, generation, created_at, created_by_id, attributes FROM {t}_files"
            " WHERE file_id = %s",
            GHOST,
            stored[5]["file_id"],
        )
        assert await user.listed() != stored
        report = await rebuild(at)
        assert await user.listed() == stored
        assert report["complete"] is True
        assert report["rebuild"]["removed"] == 1
        assert report["rebuild"]["documents"] == report["rebuild"]["expected"] >= 6
        assert report["rebuild"]["left_out"] == 0
        assert report["rebuild"]["reason"] == "it was asked for"
        deleted = await user.listed(state="deleted")
        assert [item["file_id"] for item in deleted] == [GHOST]

    async def test_of_a_sound_index_changes_nothing_for_followers(
        self, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(5)]
        await user.ask("DELETE", f"files/{stored.pop()['file_id']}")
        await user.index_has_all()
        before = await user.told("files", since_lsn=0)
        assert (await rebuild(at))["rebuild"]["removed"] == 0
        assert await user.told("files", since_lsn=0) == before

    async def test_lists_while_it_runs_and_is_one_however_often_it_is_asked_for(
        self, own_elements: RunningSystem, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(3)]
        await user.index_has_all()
        async with nothing_is_written(own_elements):
            first = (await at.ask("POST", "index/rebuild")).json()
            again = (await at.ask("POST", "index/rebuild")).json()
            assert again["rebuild"]["started_at"] == first["rebuild"]["started_at"]
            stored.append(await user.store("meanwhile.txt"))
            assert await user.listed() == stored
            told = await at.told("index")
            assert (told["status"], told["complete"]) == ("rebuilding", True)
            assert await at.metric("artstore_storage_index_rebuild_running") == 1
        await rebuilt(at)
        assert await user.listed() == stored
        assert await at.metric("artstore_storage_index_rebuild_running") == 0

    async def test_beside_changes_ends_with_what_is_true(self, at: AtElement, user: AtElement) -> None:
        documents = {d["file_id"]: d for d in [await user.store(f"{n}.txt") for n in range(60)]}
        stop = asyncio.Event()

        async def change(file_ids: list[str]) -> None:
            for number in itertools.count():
                if stop.is_set():
                    return
                file_id = file_ids[number % len(file_ids)]
                if number % 7 == 6 and file_id in documents:
                    await user.ask("DELETE", f"files/{file_id}")
                    del documents[file_id]
                elif file_id in documents:
                    answer = await user.patch(file_id, {"version": str(number)}, await user.tag(file_id))
                    documents[file_id] = answer.json()
                new = await user.store(f"new {number}.txt")
                documents[new["file_id"]] = new

        changing = [asyncio.create_task(change(list(documents)[part::3])) for part in range(3)]
        for _ in range(4):
            await rebuild_once(at)
        stop.set()
        await asyncio.gather(*changing)
        await rebuilt(at)
        listed = {document["file_id"]: document for document in await user.listed()}
        assert listed == documents
        rows = {item["file_id"]: item["document"] for item in await user.listed(since_lsn=0, state="active")}
        assert rows == documents

    async def test_needs_the_scope(self, own_elements: RunningSystem) -> None:
        auditor = AtElement(await own_elements.create_account(role="AUDITOR"), "edit-01")
        assert (await auditor.get("index")).status_code == 200
        refused = await auditor.ask("POST", "index/rebuild")
        assert problem(refused, "insufficient-scope", 403)["required_scope"] == "elements:write"

    async def test_while_postgres_is_away(self, own_elements: RunningSystem, at: AtElement) -> None:
        await own_elements.kill("postgres")
        try:
            problem(await at.ask("POST", "index/rebuild"), "dependency-unavailable", 503)

            async def away() -> bool:
                told = await at.told("index")
                return told["status"] == "away" and "PostgreSQL" in told["away"]

            await eventually(away, "the index does not say that it is away")
        finally:
            await own_elements.start("postgres")
        await at.index_has_all()


async def rebuild_once(at: AtElement) -> None:
    """Without waiting for an idle moment."""
    answer = await at.ask("POST", "index/rebuild")
    assert answer.status_code == 202, answer.text

    async def through() -> bool:
        return bool((await at.told("index"))["rebuild"]["finished_at"])

    await eventually(through, "the rebuild does not end")


class TestInterrupted:
    async def test_by_a_kill_it_goes_on_after_the_restart(
        self, own_elements: RunningSystem, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(3)]
        await user.index_has_all()
        execute(own_elements, "DELETE FROM {t}_files WHERE file_id = %s", stored[1]["file_id"])
        async with nothing_is_written(own_elements):
            await at.ask("POST", "index/rebuild")
            await own_elements.kill("edit-01")
        await own_elements.start("edit-01")
        report = await rebuilt(at)
        assert report["rebuild"]["reason"] == "it was interrupted"
        assert await user.listed() == stored

    async def test_by_postgres_it_goes_on_when_that_is_back(
        self, own_elements: RunningSystem, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(3)]
        await user.index_has_all()
        execute(own_elements, "DELETE FROM {t}_files WHERE file_id = %s", stored[1]["file_id"])
        async with nothing_is_written(own_elements):
            await at.ask("POST", "index/rebuild")
            await own_elements.kill("postgres")

            async def waits() -> bool:
                return bool((await at.told("index"))["rebuild"]["waits_for"])

            await eventually(waits, "nobody says what the rebuild waits for")
        await own_elements.start("postgres")
        await rebuilt(at)
        assert await user.listed() == stored


class TestNeeded:
    """The index finds out by itself that it must be rebuilt; nothing is listed before it is whole."""

    async def test_after_its_tables_were_dropped(
        self, own_elements: RunningSystem, at: AtElement, user: AtElement
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(3)]
        await own_elements.stop("edit-01")
        await own_elements.start("edit-01")
        execute(own_elements, "DROP TABLE {t}_files, {t}_state, {t}_alembic_version")
        stored.append(await user.store("after.txt"))
        seen = set()

        async def listed() -> bool:
            answer = await user.get("files")
            seen.add(answer.status_code)
            if answer.status_code == 503:
                problem(answer, "dependency-unavailable", 503)
                return False
            assert answer.json()["items"] == stored
            return True

        await eventually(listed, "the index does not come back")
        assert seen <= {200, 503}
        report = await rebuilt(at)
        assert report["rebuild"]["reason"] == "the index is new, the element is not"

    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [
            ("position", "position + 1000000", "the index is ahead of the log"),
            ("root_created_at", "root_created_at - interval '1 day'", "the index describes another root"),
        ],
    )
    async def test_after_its_state_is_that_of_another_history(
        self,
        own_elements: RunningSystem,
        at: AtElement,
        user: AtElement,
        column: str,
        value: str,
        reason: str,
    ) -> None:
        stored = [await user.store(f"{number}.txt") for number in range(3)]
        await user.index_has_all()
        await own_elements.stop("edit-01")
        execute(own_elements, f"UPDATE {{t}}_state SET {column} = {value}")
        execute(own_elements, "UPDATE {t}_files SET lsn = lsn + 1000000, attributes = '{{}}'")
        await own_elements.start("edit-01")
        stored.append(await user.store("after.txt"))
        report = await rebuilt(at)
        assert report["rebuild"]["reason"] == reason
        assert await user.listed() == stored
        last = await user.told("files", since_lsn=0)
        assert all(item["lsn"] <= last["last_lsn"] for item in last["items"])
