"""Expiry and legal holds while Admin, PostgreSQL or Redis is away, and in elements whose attributes stay."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from artstore.launcher.settings import Element
from tests.support.elements import AtElement, problem, running_elements
from tests.support.expiring import expired, is_removed, notices_of, told, trail_of
from tests.support.system import RunningSystem, eventually

TEMPORARY: dict[str, Any] = {"retention_policy": "temporary"}
REASON = {"reason": "case 12/26"}


@pytest.fixture(scope="module")
def own_elements(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Instead of those of other modules: here what expires goes soon."""
    soon = Element("edit-01", "edit", {"ARTSTORE_STORAGE_EXPIRY_SECONDS": "1"})
    system = running_elements(tmp_path_factory.mktemp("away"), soon, Element("rw-01", "rw"))
    yield from system.for_a_while()


@pytest.fixture
async def edit(own_elements: RunningSystem) -> AtElement:
    at = AtElement(await own_elements.create_account(), "edit-01")
    await at.store()  # so that the element knows Admin's keys when that goes away
    return at


@pytest.fixture
async def operator(own_elements: RunningSystem) -> AtElement:
    return AtElement(await own_elements.create_account(role="OPERATOR"), "edit-01")


@asynccontextmanager
async def away(system: RunningSystem, name: str) -> AsyncIterator[None]:
    await system.stop(name)
    try:
        yield
    finally:
        await system.start(name)


async def says(edit: AtElement, since: int, words: str) -> None:
    """Until the element has tried to remove what has expired, and told why it cannot."""

    async def told() -> bool:
        log = edit.account.system.log(edit.element_id)
        return words in log[since:]

    await eventually(told, f"the log of the element does not say {words!r}")


async def actions(system: RunningSystem, file_id: str) -> list[str]:
    return [entry["action"] for entry in await trail_of(system, file_id)]


@pytest.mark.parametrize("name", ["admin", "postgres"])
async def test_what_expires_stays_until_it_can_be_told_and_found(
    edit: AtElement, own_elements: RunningSystem, name: str
) -> None:
    since = len(own_elements.log("edit-01"))
    async with away(own_elements, name):
        document = await expired(edit)
        if name == "postgres":
            last = await edit.store(**TEMPORARY)  # taken, while nothing can be found by its time
            assert (await edit.get(f"files/{last['file_id']}")).status_code == 200
        await says(edit, since, "documents do not expire now")
        assert (await edit.download(document["file_id"])).content == b"content"
    await is_removed(edit, document["file_id"])
    assert await actions(own_elements, document["file_id"]) == ["document.expired"]


async def test_redis_is_not_needed(edit: AtElement, own_elements: RunningSystem) -> None:
    async with away(own_elements, "redis"):
        document = await expired(edit)
        await is_removed(edit, document["file_id"])
    assert await actions(own_elements, document["file_id"]) == ["document.expired"]


async def times_told(system: RunningSystem, file_id: str) -> int:
    return [notice["file_id"] for notice in await notices_of(system)].count(file_id)


async def test_a_notice_waits_for_redis_and_comes_once(edit: AtElement, own_elements: RunningSystem) -> None:
    # Told is what is new: of the absence before, the element must have learned that it is over. The second
    # document is told of in a round after the one that succeeded with the first.
    for _ in range(2):
        await told(own_elements, await edit.store(ttl_days="1", **TEMPORARY))
    since = len(own_elements.log("edit-01"))
    async with away(own_elements, "redis"):
        document = await edit.store(ttl_days="1", **TEMPORARY)
        await says(edit, since, "nobody can be told now")
    await told(own_elements, document)
    await own_elements.kill("edit-01")
    await own_elements.start("edit-01")
    last = await edit.store(ttl_days="1", **TEMPORARY)
    await told(own_elements, last)
    assert await times_told(own_elements, document["file_id"]) == 1


async def test_a_notice_that_was_not_noted_is_not_given_again(
    edit: AtElement, own_elements: RunningSystem
) -> None:
    """As after a kill between both."""
    document = await edit.store(ttl_days="1", **TEMPORARY)
    await told(own_elements, document)

    def noted() -> bool:
        with own_elements.database() as connection:
            row = connection.execute(
                "SELECT told_expiry IS NOT NULL FROM storage.edit_01_files WHERE file_id = %s",
                (document["file_id"],),
            ).fetchone()
        return bool(row and row[0])

    await eventually(noted, "it is not noted that somebody was told")
    with own_elements.database() as connection:
        connection.execute("UPDATE storage.edit_01_files SET told_expiry = NULL")
    await eventually(noted, "it is not noted again")
    assert await times_told(own_elements, document["file_id"]) == 1


async def test_a_hold_that_the_trail_does_not_have_is_not_answered_but_holds(
    edit: AtElement, operator: AtElement, own_elements: RunningSystem
) -> None:
    file_id = (await edit.store(**TEMPORARY))["file_id"]
    async with away(own_elements, "admin"):
        problem(
            await operator.ask("PUT", f"files/{file_id}/hold", json=REASON), "dependency-unavailable", 503
        )
        problem(await edit.ask("DELETE", f"files/{file_id}"), "legal-hold", 409)
    answer = await operator.ask("PUT", f"files/{file_id}/hold", json=REASON)
    assert answer.status_code == 200, answer.text
    assert await actions(own_elements, file_id) == ["document.held"]


async def test_a_release_that_the_trail_does_not_have_is_none(
    edit: AtElement, operator: AtElement, own_elements: RunningSystem
) -> None:
    file_id = (await edit.store(**TEMPORARY))["file_id"]
    assert (await operator.ask("PUT", f"files/{file_id}/hold", json=REASON)).status_code == 200
    async with away(own_elements, "admin"):
        problem(await operator.ask("DELETE", f"files/{file_id}/hold"), "dependency-unavailable", 503)
        problem(await edit.ask("DELETE", f"files/{file_id}"), "legal-hold", 409)
    assert (await operator.ask("DELETE", f"files/{file_id}/hold")).status_code == 204
    assert await actions(own_elements, file_id) == ["document.held", "document.released"]
    assert (await edit.ask("DELETE", f"files/{file_id}")).status_code == 204


async def test_a_hold_survives_a_kill_and_a_rebuild(
    edit: AtElement, operator: AtElement, own_elements: RunningSystem
) -> None:
    file_id = (await edit.store(**TEMPORARY))["file_id"]
    held = (await operator.ask("PUT", f"files/{file_id}/hold", json=REASON)).json()["legal_hold"]
    await own_elements.kill("edit-01")
    with own_elements.database() as connection:
        connection.execute("DROP TABLE storage.edit_01_files, storage.edit_01_state")
        connection.execute("DROP TABLE storage.edit_01_alembic_version")
    await own_elements.start("edit-01")
    assert (await edit.told(f"files/{file_id}"))["legal_hold"] == held

    async def listed() -> bool:
        answer = await edit.get("files", limit=1000)
        return answer.status_code == 200 and any(
            item["file_id"] == file_id and item["legal_hold"] == held for item in answer.json()["items"]
        )

    await eventually(listed, "the hold is not in the index that was made anew")


async def test_where_attributes_do_not_change(own_elements: RunningSystem, operator: AtElement) -> None:
    """The last one here: there is no way back to a mode."""
    account = await own_elements.create_account()
    free, held = [await AtElement(account, "rw-01").store() for _ in range(2)]
    at = AtElement(operator.account, "rw-01")
    assert (await at.ask("PUT", f"files/{held['file_id']}/hold", json=REASON)).status_code == 200
    assert (await at.ask("PUT", "mode", json={"mode": "ro"})).status_code == 200
    problem(await at.ask("PUT", f"files/{free['file_id']}/hold", json=REASON), "mode-forbids", 409)
    problem(await at.ask("DELETE", f"files/{held['file_id']}/hold"), "mode-forbids", 409)
    assert "legal_hold" in await at.told(f"files/{held['file_id']}")
