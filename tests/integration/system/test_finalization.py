"""A temporary document becomes permanent: what its owner, others and operators see of it."""

import uuid
from typing import Any

import httpx

from tests.support.elements import AtElement, problem
from tests.support.finalization import begun, ended, finalize, is_permanent, stored
from tests.support.system import Account, RunningSystem


async def test_becomes_permanent_under_its_id(system: RunningSystem, account: Account) -> None:
    content = b"signed by both " * 1000
    document = await stored(account, "contract.txt", content, tags=["a"], custom_attributes={"n": 1.5})
    transaction = await begun(account, document["file_id"])
    assert transaction["file_id"] == document["file_id"]
    over = await is_permanent(account, transaction)
    assert over["total_bytes"] == over["copied_bytes"] == len(content)
    assert [attempt["step"] for attempt in over["history"]] == ["hold", "copy"]
    after = await at(account, "rw-01", document["file_id"])
    changed = {"retention_policy": "permanent", "updated_at": after["updated_at"]}
    before = {name: value for name, value in document.items() if name != "expires_at"}
    assert after == before | changed
    assert (await account.download(document["file_id"])).content == content


async def at(account: Account, element_id: str, file_id: str) -> dict[str, Any]:
    return await AtElement(account, element_id).told(f"files/{file_id}")


async def test_has_one_transaction(account: Account) -> None:
    document = await stored(account)
    first = await begun(account, document["file_id"])
    await is_permanent(account, first)
    again = await begun(account, document["file_id"])
    assert again["transaction_id"] == first["transaction_id"]


async def test_search_shows_it_once_while_both_copies_are_there(
    system: RunningSystem, account: Account
) -> None:
    document = await stored(account, f"pair-{uuid.uuid4().hex}.txt")
    name = document["original_filename"]
    await account.find(name, document["file_id"])
    await is_permanent(account, await begun(account, document["file_id"]))
    assert (await at(account, "edit-01", document["file_id"]))["transfer_id"]

    async def permanent() -> bool:
        [hit] = await account.search(name)
        return bool(hit["retention_policy"] == "permanent" and hit["element_id"] == "rw-01")

    await ended(permanent, "the search does not show the permanent copy")
    answer = await account.http.get(f"{system.query_url}/api/v1/files/{document['file_id']}")
    assert answer.json()["element_id"] == "rw-01"


async def test_the_source_is_neither_changed_nor_deleted_meanwhile(
    system: RunningSystem, account: Account
) -> None:
    document = await stored(account)
    await is_permanent(account, await begun(account, document["file_id"]))
    source = AtElement(account, "edit-01")
    tag = await source.tag(document["file_id"])
    problem(await source.patch(document["file_id"], {"description": "late"}, tag), "conflict", 409)
    problem(await source.ask("DELETE", f"files/{document['file_id']}"), "conflict", 409)
    answer = await account.http.delete(f"{system.ingester_url}/api/v1/files/{document['file_id']}")
    problem(answer, "mode-forbids", 409)


async def test_nobody_deletes_it_once_the_finalization_is_answered(account: Account) -> None:
    documents = [await stored(account) for _ in range(8)]
    for document in documents:
        transaction = await begun(account, document["file_id"])
        answer = await AtElement(account, "edit-01").ask("DELETE", f"files/{document['file_id']}")
        problem(answer, "conflict", 409)
        await is_permanent(account, transaction)


async def test_what_is_permanent_already(account: Account) -> None:
    answer = await account.upload("a.txt", b"content")
    problem(await finalize(account, answer.json()["file_id"]), "conflict", 409)


async def test_of_nobody(account: Account) -> None:
    problem(await finalize(account, str(uuid.uuid4())), "not-found", 404)
    problem(await finalize(account, "none"), "not-found", 404)


async def test_of_somebody_else(account: Account, other_account: Account) -> None:
    document = await stored(account)
    problem(await finalize(other_account, document["file_id"]), "not-found", 404)
    transaction = await begun(account, document["file_id"])
    problem(await status(other_account, transaction["transaction_id"]), "not-found", 404)
    problem(await status(account, str(uuid.uuid4())), "not-found", 404)
    problem(await status(account, "none"), "not-found", 404)


async def status(account: Account, transaction_id: str) -> httpx.Response:
    return await account.http.get(f"{account.system.ingester_url}/api/v1/finalize/{transaction_id}/status")


class TestAtAdmin:
    async def test_lists_and_reads(self, account: Account, admin: Account) -> None:
        documents = [await stored(account), await stored(account)]
        for document in documents:
            await is_permanent(account, await begun(account, document["file_id"]))
        url = f"{admin.system.admin_url}/api/v1/transactions"
        found = await admin.http.get(url, params={"file_id": documents[0]["file_id"], "kind": "finalize"})
        [transaction] = found.json()["items"]
        assert transaction["state"] == "running"
        assert transaction["step"] == "remove"
        assert transaction["committed_at"] is not None
        assert transaction["next_at"] > transaction["committed_at"]
        read = await admin.http.get(f"{url}/{transaction['transaction_id']}")
        assert read.json() == transaction
        page = (await admin.http.get(url, params={"limit": 1, "state": "running"})).json()
        assert page["items"][0]["file_id"] == documents[1]["file_id"]
        following = await admin.http.get(url, params={"limit": 1, "cursor": page["next_cursor"]})
        assert following.json()["items"][0]["file_id"] == documents[0]["file_id"]

    async def test_what_is_committed_is_not_undone(self, account: Account, admin: Account) -> None:
        document = await stored(account)
        transaction = await is_permanent(account, await begun(account, document["file_id"]))
        url = f"{admin.system.admin_url}/api/v1/transactions/{transaction['transaction_id']}"
        problem(await admin.http.post(f"{url}/compensate"), "conflict", 409)
        problem(await admin.http.post(f"{url}/retry"), "conflict", 409)

    async def test_there_is_none(self, admin: Account) -> None:
        url = f"{admin.system.admin_url}/api/v1/transactions/{uuid.uuid4()}"
        for method, path in (("GET", ""), ("POST", "/retry"), ("POST", "/compensate")):
            problem(await admin.http.request(method, url + path), "not-found", 404)


class TestDeletion:
    async def test_is_gone(self, system: RunningSystem, account: Account) -> None:
        document = await stored(account)
        url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
        assert (await account.http.delete(url)).status_code == 204
        problem(await account.http.delete(url), "not-found", 404)
        problem(await account.download(document["file_id"]), "not-found", 404)
        problem(await finalize(account, document["file_id"]), "not-found", 404)

    async def test_of_somebody_else(
        self, system: RunningSystem, account: Account, other_account: Account
    ) -> None:
        document = await stored(account)
        url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
        problem(await other_account.http.delete(url), "not-found", 404)
        assert (await account.download(document["file_id"])).status_code == 200

    async def test_permanent(self, system: RunningSystem, account: Account) -> None:
        document = (await account.upload("a.txt", b"content")).json()
        url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
        problem(await account.http.delete(url), "mode-forbids", 409)

    async def test_only_the_revision_that_is_known(self, system: RunningSystem, account: Account) -> None:
        document = await stored(account)
        url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
        answer = await account.http.delete(url, headers={"If-Match": '"another"'})
        problem(answer, "precondition-failed", 412)
        tag = await AtElement(account, "edit-01").tag(document["file_id"])
        assert (await account.http.delete(url, headers={"If-Match": tag})).status_code == 204

    async def test_with_a_token_that_may_not_read(self, system: RunningSystem, account: Account) -> None:
        """The document is looked for by reading."""
        document = await stored(account)
        token = system.signed_token(account, scope="files:delete files:write")
        account.http.headers["Authorization"] = f"Bearer {token}"
        url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
        for answer in (await account.http.delete(url), await finalize(account, document["file_id"])):
            assert problem(answer, "insufficient-scope", 403)["required_scope"] == "files:read"

    async def test_no_id(self, system: RunningSystem, account: Account) -> None:
        problem(await account.http.delete(f"{system.ingester_url}/api/v1/files/none"), "not-found", 404)
