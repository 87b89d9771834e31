"""A document moves from one element of mode ``edit`` to another: what its owner, others and operators see."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.elements import AtElement, problem
from tests.support.finalization import begun, finalize, is_permanent, stored
from tests.support.system import Account, RunningSystem, eventually
from tests.support.transfers import transfer, transfer_begun, transfer_is

UNKNOWN = "01936a2f-0000-7000-8000-000000000001"


@pytest.fixture
async def account(wide_system: RunningSystem) -> Account:
    return await wide_system.create_account()


@pytest.fixture
async def operator(wide_system: RunningSystem) -> Account:
    """Once Admin has written down which elements there are, which takes it a second."""
    await wide_system.registry_knows_all_elements()
    return await wide_system.create_account(role="OPERATOR")


async def committed(operator: Account, document: dict[str, Any]) -> dict[str, Any]:
    """The transaction, once the target has the document; the source lets go after five minutes."""
    transaction = await transfer_begun(operator, document["file_id"], "edit-02")
    url = f"{operator.system.admin_url}/api/v1/transactions/{transaction['transaction_id']}"
    told: dict[str, Any] = {}

    async def there() -> bool:
        told.update((await operator.http.get(url)).json())
        return told["committed_at"] is not None

    await eventually(there, "the target does not get it")
    return told


async def ended(operator: Account, transaction: dict[str, Any]) -> dict[str, Any]:
    """The transaction, whose five minutes are made to be over."""
    with operator.system.database() as connection:
        connection.execute("SET LOCAL search_path TO admin")  # the triggers of Procrastinate name no schema
        moment = "UPDATE transactions SET next_at = now() - interval '1 second' WHERE id = %s"
        connection.execute(moment, (transaction["transaction_id"],))
        connection.execute(
            "DELETE FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'",
            (transaction["transaction_id"],),
        )
    return await transfer_is(operator, transaction, "done")


def at(account: Account, element_id: str) -> AtElement:
    return AtElement(account, element_id)


class TestMoves:
    async def test_with_all_that_it_has(self, account: Account, operator: Account) -> None:
        content = b"to be moved " * 1000
        first = await stored(account, "draft.txt", b"first")
        more = {"tags": ["a", "b"], "custom_attributes": {"n": 1.5, "é": [None]}, "ttl_days": "90"}
        document = await stored(account, "draft.txt", content, replaces=first["file_id"], **more)
        held = await operator.http.put(
            f"{account.system.ingester_url}/api/v1/files/{document['file_id']}/hold",
            json={"reason": "case 1"},
        )
        document = held.json()
        transaction = await committed(operator, document)
        assert (transaction["kind"], transaction["owner_id"]) == ("transfer", document["created_by_id"])
        assert (transaction["source_element_id"], transaction["target_element_id"]) == ("edit-01", "edit-02")
        over = await ended(operator, transaction)
        assert [attempt["step"] for attempt in over["history"]] == ["hold", "copy", "remove", "settle"]
        assert over["total_bytes"] == over["copied_bytes"] == len(content)
        after = await at(account, "edit-02").told(f"files/{document['file_id']}")
        assert after == document | {"updated_at": after["updated_at"]}
        assert after["previous_version_id"] == first["file_id"]
        problem(await at(account, "edit-01").get(f"files/{document['file_id']}"), "not-found", 404)
        assert (await account.download(document["file_id"])).content == content

    async def test_and_is_like_any_other_then(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        await ended(operator, await committed(operator, document))
        url = f"{account.system.ingester_url}/api/v1/files/{document['file_id']}"
        kept = await account.http.put(f"{url}/retention", json={"ttl_days": 300})
        assert kept.status_code == 200, kept.text
        assert (await account.http.delete(url)).status_code == 204
        problem(await account.download(document["file_id"]), "not-found", 404)

    async def test_and_back(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        there = await ended(operator, await committed(operator, document))
        back = await transfer_begun(operator, document["file_id"], "edit-01")
        assert back["transaction_id"] != there["transaction_id"]
        assert (back["source_element_id"], back["target_element_id"]) == ("edit-02", "edit-01")

    async def test_and_is_made_permanent_there(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        await ended(operator, await committed(operator, document))
        await is_permanent(account, await begun(account, document["file_id"]))
        after = await at(account, "rw-01").told(f"files/{document['file_id']}")
        assert after["retention_policy"] == "permanent"


class TestMeanwhile:
    @pytest.fixture
    async def moving(self, account: Account, operator: Account) -> dict[str, Any]:
        """A document that both elements have."""
        document: dict[str, Any] = await stored(account, f"pair-{uuid.uuid4().hex}.txt")
        await account.find(document["original_filename"], document["file_id"])
        transaction = await committed(operator, document)
        return document | {"transaction_id": transaction["transaction_id"]}

    async def test_a_search_shows_it_once(self, account: Account, moving: dict[str, Any]) -> None:
        with account.system.database() as connection:
            count = "SELECT count(*) FROM query.catalog_files WHERE file_id = %s"

            def both() -> bool:
                return connection.execute(count, (moving["file_id"],)).fetchone() == (2,)

            await eventually(both, "the catalog does not know both")
        assert len(await account.search(moving["original_filename"])) == 1
        url = f"{account.system.query_url}/api/v1/files/{moving['file_id']}"

        async def shows_the_hold() -> bool:
            told = (await account.http.get(url)).json()
            return bool(told.get("transfer_id") == moving["transaction_id"])

        await eventually(shows_the_hold, "the catalog does not know that it is held")

    async def test_nobody_changes_or_deletes_it(self, account: Account, moving: dict[str, Any]) -> None:
        for element_id in ("edit-01", "edit-02"):
            element = at(account, element_id)
            problem(await element.ask("DELETE", f"files/{moving['file_id']}"), "conflict", 409)
        url = f"{account.system.ingester_url}/api/v1/files/{moving['file_id']}"
        refused = problem(await account.http.delete(url), "conflict", 409)
        assert refused["transfer_id"] == moving["transaction_id"]
        problem(await account.http.put(f"{url}/retention", json={"ttl_days": 300}), "conflict", 409)
        assert (await account.download(moving["file_id"])).status_code == 200

    async def test_nothing_else_begins(
        self, account: Account, operator: Account, moving: dict[str, Any]
    ) -> None:
        refused = problem(await transfer(operator, moving["file_id"], "edit-01"), "conflict", 409)
        assert refused["transaction_id"] == moving["transaction_id"]
        problem(await finalize(account, moving["file_id"]), "conflict", 409)
        again = await transfer_begun(operator, moving["file_id"], "edit-02")
        assert again["transaction_id"] == moving["transaction_id"]

    async def test_it_is_not_undone(self, operator: Account, moving: dict[str, Any]) -> None:
        url = f"{operator.system.admin_url}/api/v1/transactions/{moving['transaction_id']}/compensate"
        problem(await operator.http.post(url), "conflict", 409)


async def test_asked_again_when_it_is_done(account: Account, operator: Account) -> None:
    """The first answer may have got lost."""
    document = await stored(account)
    over = await ended(operator, await committed(operator, document))
    answer = await transfer(operator, document["file_id"], "edit-02")
    assert answer.status_code == 202, answer.text
    assert answer.json() == over
    trail = await (await operator.system.administrator()).http.get(
        f"{operator.system.admin_url}/api/v1/audit", params={"subject_id": over["transaction_id"]}
    )
    entries = sorted(trail.json()["items"], key=lambda one: one["index"])
    assert [entry["action"] for entry in entries] == ["transaction.begun", "transaction.done"]
    assert entries[0]["details"]["kind"] == "transfer"
    assert entries[0]["actor"]["name"] == operator.name


class TestUploadedAgain:
    """With its key, after the Ingester died between the element's commit and its own note of it."""

    @pytest.mark.parametrize("scope", ["files:read files:write", "files:write"])
    async def test_is_stored_once(
        self, wide_system: RunningSystem, account: Account, operator: Account, scope: str
    ) -> None:
        key = uuid.uuid4().hex
        token = wide_system.signed_token(account, scope=scope)
        headers = {"Idempotency-Key": key, "Authorization": f"Bearer {token}"}

        async def send() -> httpx.Response:
            return await account.upload("once.txt", b"once", headers=headers, retention_policy="temporary")

        document = (await send()).json()
        with wide_system.database() as connection:
            forgotten = (
                "UPDATE ingester.idempotency_keys SET answer = NULL, fingerprint = NULL WHERE key = %s"
            )
            assert connection.execute(forgotten, (key,)).rowcount == 1
        await ended(operator, await committed(operator, document))
        await wide_system.stop("edit-01")  # it would remember for minutes
        await wide_system.start("edit-01")
        answers: list[httpx.Response] = []

        async def taken() -> bool:
            answers.append(await send())
            return answers[-1].status_code != 503

        await eventually(taken, "it is not taken")
        assert answers[-1].status_code == 201, answers[-1].text
        assert answers[-1].json()["file_id"] == document["file_id"]
        problem(await at(account, "edit-01").get(f"files/{document['file_id']}"), "not-found", 404)


class TestRefused:
    async def test_what_lies_where_nothing_is_removed(self, account: Account, operator: Account) -> None:
        document = (await account.upload("a.txt", b"content")).json()
        refused = problem(await transfer(operator, document["file_id"], "edit-02"), "not-movable", 409)
        assert "rw-01" in refused["detail"]

    async def test_what_is_permanent(self, account: Account, operator: Account) -> None:
        """Although it lies where it could be deleted."""
        document = await at(account, "edit-01").store(retention_policy="permanent")
        refused = problem(await transfer(operator, document["file_id"], "edit-02"), "not-movable", 409)
        assert "Finalize" in refused["detail"]

    async def test_to_where_nothing_is_removed(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        problem(await transfer(operator, document["file_id"], "rw-01"), "not-movable", 409)

    async def test_to_where_it_is(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        problem(await transfer(operator, document["file_id"], "edit-01"), "conflict", 409)

    async def test_what_is_being_made_permanent(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        transaction = await is_permanent(account, await begun(account, document["file_id"]))
        refused = problem(await transfer(operator, document["file_id"], "edit-02"), "conflict", 409)
        assert refused["transaction_id"] == transaction["transaction_id"]

    async def test_what_lies_in_two_places(self, account: Account, operator: Account) -> None:
        """As after a restore: which one would have to go is not for a machine to guess."""
        document = await at(account, "edit-01").store()
        files, data = {"file": ("a.txt", b"content")}, {"retention_policy": "temporary"}
        headers = {"X-File-Id": document["file_id"]}
        await at(account, "edit-02").ask("POST", "files/upload", files=files, data=data, headers=headers)
        refused = problem(await transfer(operator, document["file_id"], "edit-02"), "conflict", 409)
        assert "edit-01, edit-02" in refused["detail"]

    async def test_what_is_not_there(self, operator: Account) -> None:
        problem(await transfer(operator, UNKNOWN, "edit-02"), "not-found", 404)

    async def test_to_what_is_not_there(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        refused = problem(await transfer(operator, document["file_id"], "edit-99"), "invalid-parameter", 422)
        assert refused["field"] == "target_element_id"
        refused = problem(await transfer(operator, document["file_id"], "../x"), "invalid-parameter", 422)

    async def test_to_what_is_away(self, account: Account, operator: Account) -> None:
        document, name = await stored(account), f"by-hand-{uuid.uuid4().hex[:8]}"
        by_hand = {"element_id": name, "mode": "edit", "url": f"http://{name}.test:8010"}
        await registered(operator, "", by_hand)
        problem(await transfer(operator, document["file_id"], name), "element-unavailable", 503)
        # Nobody ever stored a document there.
        problem(await transfer(operator, UNKNOWN, "edit-02"), "not-found", 404)
        await registered(operator, f"/{name}/retire", {"confirm": True})

    async def test_to_what_is_drained_or_has_no_room(self, account: Account, operator: Account) -> None:
        document = await stored(account)
        await registered(operator, "/edit-02/drain")
        problem(await transfer(operator, document["file_id"], "edit-02"), "conflict", 409)
        await registered(operator, "/edit-02/activate")
        for limit, refusal, status in (
            ("limit_bytes", "insufficient-storage", 507),
            ("limit_file_bytes", "file-too-large", 413),
        ):
            await registered(operator, "/edit-02", {limit: 1})
            problem(await transfer(operator, document["file_id"], "edit-02"), refusal, status)
            await registered(operator, "/edit-02", {limit: None})

    async def test_whoever_may_not(self, account: Account) -> None:
        document = await stored(account)
        refused = problem(await transfer(account, document["file_id"], "edit-02"), "insufficient-scope", 403)
        assert refused["required_scope"] == "transactions:write"


class TestDrained:
    async def test_gives_all_that_it_may_to_the_other(
        self, wide_system: RunningSystem, account: Account, operator: Account
    ) -> None:
        """Also what came while it was drained, and the elements are as they were afterwards."""
        content = os.urandom(40_000)
        names = [f"drained {n}.bin" for n in range(30)]
        documents = [await at(account, "edit-02").store(name, content) for name in names]
        permanent = await at(account, "edit-02").store(retention_policy="permanent")
        drained = await registered(operator, "/edit-02/drain", {"moves_to": "edit-01"})
        assert drained.json()["registration"]["moves_to"] == "edit-01"
        documents.append(await at(account, "edit-02").store("late.bin", content))

        wanted = {one["file_id"] for one in documents}
        moved: set[str] = set()

        async def more_are_moved() -> bool:
            there = [one for one in await at(account, "edit-01").listed() if one.get("transfer_id")]
            before = len(moved)
            moved.update(wanted & {one["file_id"] for one in there})
            return len(moved) > before

        while moved != wanted:  # each time as patient as for one: how quick they go is the machine's
            await eventually(more_are_moved, f"{len(wanted - moved)} are not moved")
        left = {one["file_id"]: one for one in await at(account, "edit-02").listed()}
        assert "transfer_id" not in left[permanent["file_id"]]
        assert all("transfer_id" in left[one["file_id"]] for one in documents)
        await registered(operator, "/edit-02/activate")
        for document in documents[::10]:
            found = await operator.http.get(
                f"{wide_system.admin_url}/api/v1/transactions", params={"file_id": document["file_id"]}
            )
            [transaction] = found.json()["items"]
            assert transaction["requested_by_name"] == "Admin"
            await ended(operator, transaction)
            after = await at(account, "edit-01").told(f"files/{document['file_id']}")
            assert after == document | {"updated_at": after["updated_at"]}
            assert (await account.download(document["file_id"])).content == content

    async def test_leaves_what_lies_in_both(
        self, wide_system: RunningSystem, account: Account, operator: Account
    ) -> None:
        """As after one of them was restored: nobody knows which one is the document. Others go on."""
        twice, other = [await at(account, "edit-02").store(name) for name in ("twice.txt", "other.txt")]
        files, data = {"file": ("twice.txt", b"content")}, {"retention_policy": "temporary"}
        headers = {"X-File-Id": twice["file_id"]}
        here = await at(account, "edit-01").ask(
            "POST", "files/upload", files=files, data=data, headers=headers
        )
        assert here.status_code == 201, here.text
        problem(await transfer(operator, twice["file_id"], "edit-01"), "conflict", 409)
        before = len(wide_system.log("admin"))
        async with emptied(operator, "edit-02", to="edit-01"):
            await begun_by_itself(operator, other)
            told = "documents of an element that is emptied stay"
            await eventually(lambda: told in wide_system.log("admin")[before:], "nobody tells of it")
        assert await at(account, "edit-02").told(f"files/{twice['file_id']}") == twice
        assert await transactions(operator, twice) == []

    async def test_one_that_is_too_large_holds_up_no_other(self, account: Account, operator: Account) -> None:
        large = await at(account, "edit-02").store("large.bin", os.urandom(3_000_000))
        small = await at(account, "edit-02").store("small.txt")
        url = f"{operator.system.admin_url}/api/v1/storage-elements/edit-01"
        used = (await operator.http.get(url)).json()["used_bytes"]
        await registered(operator, "/edit-01", {"limit_bytes": used + 1_000_000})
        async with emptied(operator, "edit-02", to="edit-01"):
            await begun_by_itself(operator, small)
        await registered(operator, "/edit-01", {"limit_bytes": None})
        assert await transactions(operator, large) == []

    async def test_not_to_one_that_takes_nothing(
        self, wide_system: RunningSystem, account: Account, operator: Account
    ) -> None:
        """Nor to one that takes nothing since."""
        await registered(operator, "/edit-01/drain")
        url = f"{operator.system.admin_url}/api/v1/storage-elements/edit-02/drain"
        problem(await operator.http.post(url, json={"moves_to": "edit-01"}), "conflict", 409)
        await registered(operator, "/edit-01/activate")
        async with emptied(operator, "edit-02", to="edit-01"):
            await registered(operator, "/edit-01/drain")
            document = await at(account, "edit-02").store()
            await registered(operator, "/edit-02", {"labels": {"begins": "anew"}})
            told = "edit-01 is draining and takes nothing"
            await eventually(lambda: told in wide_system.log("admin"), "nobody tells why nothing moves")
        await registered(operator, "/edit-02", {"labels": None})
        await registered(operator, "/edit-01/activate")
        assert await transactions(operator, document) == []

    @pytest.mark.parametrize(
        ("element", "to", "refusal", "status"),
        [
            ("rw-01", "edit-01", "not-movable", 409),
            ("edit-02", "rw-01", "not-movable", 409),
            ("edit-02", "edit-02", "invalid-parameter", 422),
            ("edit-02", "edit-99", "invalid-parameter", 422),
            ("edit-02", "../x", "invalid-parameter", 422),
        ],
    )
    async def test_not_to_where_it_may_not(
        self, operator: Account, element: str, to: str, refusal: str, status: int
    ) -> None:
        url = f"{operator.system.admin_url}/api/v1/storage-elements/{element}"
        problem(await operator.http.post(f"{url}/drain", json={"moves_to": to}), refusal, status)
        decided = (await operator.http.get(url)).json()["registration"]
        assert (decided["state"], decided["moves_to"]) == ("active", None)


async def registered(operator: Account, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    is_change = path.count("/") == 1
    url = f"{operator.system.admin_url}/api/v1/storage-elements{path}"
    answer = await operator.http.request("PATCH" if is_change else "POST", url, json=body)
    assert answer.is_success, answer.text
    return answer


@asynccontextmanager
async def emptied(operator: Account, element_id: str, *, to: str) -> AsyncIterator[None]:
    """While the block runs."""
    await registered(operator, f"/{element_id}/drain", {"moves_to": to})
    try:
        yield
    finally:
        await registered(operator, f"/{element_id}/activate")


async def transactions(operator: Account, document: dict[str, Any]) -> list[dict[str, Any]]:
    url = f"{operator.system.admin_url}/api/v1/transactions"
    answer = await operator.http.get(url, params={"file_id": document["file_id"]})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def begun_by_itself(operator: Account, document: dict[str, Any]) -> None:
    async def begun() -> bool:
        return bool(await transactions(operator, document))

    await eventually(begun, "its transfer does not begin")
