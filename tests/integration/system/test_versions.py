"""Versions of a document: stored by every way in, listed by Query, and nobody's but those who may change it."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest

from tests.support.elements import AtElement, problem
from tests.support.finalization import begun, is_permanent
from tests.support.system import Account, RunningSystem, eventually, form, part
from tests.support.tus import metadata

NOBODYS = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"


async def stored(account: Account, name: str = "a.txt", **fields: Any) -> dict[str, Any]:
    answer = await account.upload(name, name.encode(), **fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def ask_versions(account: Account, file_id: str, **parameters: Any) -> httpx.Response:
    url = f"{account.system.query_url}/api/v1/files/{file_id}/versions"
    return await account.http.get(url, params=parameters)


async def versions(account: Account, file_id: str, **parameters: Any) -> list[str]:
    answer = await ask_versions(account, file_id, **parameters)
    assert answer.status_code == 200, answer.text
    return [item["file_id"] for item in answer.json()["items"]]


async def are_listed(account: Account, file_id: str, *expected: dict[str, Any]) -> None:
    """Once the catalog knows them all: exactly these, in this order."""
    found: list[list[str]] = []

    async def same() -> bool:
        found.append(await versions(account, file_id))
        return found[-1] == [document["file_id"] for document in expected]

    try:
        await eventually(same, "not the versions that are expected")
    except AssertionError as error:
        raise AssertionError(f"listed are {found[-1]}") from error


async def chain(account: Account) -> list[dict[str, Any]]:
    first = await stored(account, "1.txt")
    second = await stored(account, "2.txt", replaces=first["file_id"])
    return [first, second, await stored(account, "3.txt", replaces=second["file_id"])]


class TestStoring:
    async def test_each_version_names_the_document_and_what_it_follows(self, account: Account) -> None:
        first, second, third = await chain(account)
        assert not {"document_id", "previous_version_id"} & first.keys()
        assert (second["document_id"], second["previous_version_id"]) == (first["file_id"], first["file_id"])
        assert (third["document_id"], third["previous_version_id"]) == (first["file_id"], second["file_id"])

    async def test_the_document_alone_leaves_open_what_it_follows(self, account: Account) -> None:
        first = await stored(account)
        second = await stored(account, document_id=first["file_id"])
        assert second["document_id"] == first["file_id"]
        assert "previous_version_id" not in second

    async def test_both_may_agree(self, account: Account) -> None:
        first, second, _ = await chain(account)
        agreed = await stored(account, replaces=second["file_id"], document_id=first["file_id"])
        assert agreed["previous_version_id"] == second["file_id"]

    async def test_in_the_query_of_a_form(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        answer = await account.http.post(
            f"{system.ingester_url}/api/v1/files/upload",
            params={"replaces": first["file_id"]},
            files={"file": ("b.txt", b"b")},
        )
        assert answer.json()["previous_version_id"] == first["file_id"], answer.text

    async def test_as_the_body_itself(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        answer = await account.http.post(
            f"{system.ingester_url}/api/v1/files",
            params={"filename": "b.txt", "replaces": first["file_id"], "version": "second"},
            content=b"b",
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["previous_version_id"] == first["file_id"]
        assert answer.json()["version"] == "second"

    async def test_by_tus(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        told = metadata(filename="b.txt", replaces=first["file_id"], version="second")
        answer = await tus(account, told, b"content")
        assert answer.status_code == 201, answer.text
        upload = await account.http.get(system.ingester_url + answer.headers["Location"])
        document = upload.json()["document"]
        assert (document["document_id"], document["version"]) == (first["file_id"], "second")
        assert document["previous_version_id"] == first["file_id"]
        await are_listed(account, first["file_id"], document, first)

    async def test_a_large_one_that_is_streamed(self, account: Account) -> None:
        first = await stored(account)
        answer = await account.upload("large.bin", b"0123456789abcdef" * 200_000, replaces=first["file_id"])
        assert answer.json()["document_id"] == first["file_id"], answer.text

    async def test_in_a_batch(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        batches = f"{system.ingester_url}/api/v1/batches"
        batch = (await account.http.post(batches, json={})).json()["batch_id"]
        answer = await account.http.post(
            f"{system.ingester_url}/api/v1/files",
            params={"filename": "b.txt", "replaces": first["file_id"], "batch_id": batch},
            content=b"b",
        )
        assert answer.status_code == 201, answer.text
        assert await versions(account, first["file_id"]) == [first["file_id"]]
        assert (await account.http.post(f"{batches}/{batch}/commit")).status_code == 200
        await are_listed(account, first["file_id"], answer.json(), first)

    async def test_two_that_replace_the_same_are_both_kept(self, account: Account) -> None:
        first = await stored(account)
        pair = await asyncio.gather(
            *(stored(account, f"{name}.txt", replaces=first["file_id"]) for name in "ab")
        )
        assert {one["previous_version_id"] for one in pair} == {first["file_id"]}
        newest_first = sorted(pair, key=lambda one: str(one["file_id"]), reverse=True)
        await are_listed(account, first["file_id"], *newest_first, first)

    async def test_the_same_key_is_one_version(self, account: Account) -> None:
        first = await stored(account)
        key = {"Idempotency-Key": str(uuid.uuid4())}
        second = await stored(account, "b.txt", replaces=first["file_id"], headers=key)
        assert await stored(account, "b.txt", replaces=first["file_id"], headers=key) == second
        another = await account.upload("b.txt", b"b.txt", replaces=second["file_id"], headers=key)
        problem(another, "idempotency-key-reused", 422)

    async def test_the_key_tells_versions_in_the_query_apart(
        self, system: RunningSystem, account: Account
    ) -> None:
        first, second, _ = await chain(account)
        key = {"Idempotency-Key": str(uuid.uuid4())}

        async def send(file_id: str) -> httpx.Response:
            return await account.http.post(
                f"{system.ingester_url}/api/v1/files/upload",
                params={"replaces": file_id},
                content=form(part("file", b"b", "b.txt")),
                headers={"Content-Type": "multipart/form-data; boundary=frontier", **key},
            )

        kept = await send(first["file_id"])
        assert (await send(first["file_id"])).json() == kept.json()
        problem(await send(second["file_id"]), "idempotency-key-reused", 422)


async def tus(account: Account, told: str, content: bytes) -> httpx.Response:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": told,
        "Content-Type": "application/offset+octet-stream",
    }
    url = f"{account.system.ingester_url}/api/v1/uploads"
    return await account.http.post(url, content=content, headers=headers)


class TestRefusals:
    @pytest.mark.parametrize("field", ["replaces", "document_id"])
    async def test_of_nobody_and_of_somebody_else_alike(
        self, account: Account, other_account: Account, field: str
    ) -> None:
        theirs = await stored(other_account)
        told = []
        for file_id in (NOBODYS, theirs["file_id"]):
            given: Any = {field: file_id}
            answer = await account.upload("a.txt", b"content", **given)
            refused = problem(answer, "not-found", 404)
            assert refused["field"] == field
            told.append(refused["detail"])
            problem(await tus(account, metadata(filename="a", **{field: file_id}), b"c"), "not-found", 404)
        assert told[0] == told[1]
        assert await account.search("") == []
        assert await versions(other_account, theirs["file_id"]) == [theirs["file_id"]]

    async def test_what_may_only_be_read(
        self, system: RunningSystem, account: Account, other_account: Account, admin: Account
    ) -> None:
        theirs = await stored(other_account)
        await grant(admin, account, other_account, "files:read")
        answer = await account.upload("a.txt", b"content", replaces=theirs["file_id"])
        assert problem(answer, "not-permitted", 403)["field"] == "replaces"
        await grant(admin, account, other_account, "files:write")
        version = await stored(account, replaces=theirs["file_id"])
        assert version["created_by_id"] != theirs["created_by_id"]
        await are_listed(account, theirs["file_id"], version, theirs)
        await are_listed(other_account, theirs["file_id"], theirs)
        problem(await ask_versions(other_account, version["file_id"]), "not-found", 404)

    async def test_what_contradicts_itself(self, account: Account) -> None:
        first, second, _ = await chain(account)
        elsewhere = await stored(account)
        answer = await account.upload(
            "a.txt", b"content", replaces=second["file_id"], document_id=elsewhere["file_id"]
        )
        refused = problem(answer, "invalid-parameter", 422)
        assert refused["field"] == "document_id"
        answer = await account.upload("a.txt", b"content", document_id=second["file_id"])
        refused = problem(answer, "invalid-parameter", 422)
        assert first["file_id"] in refused["detail"]

    async def test_what_is_no_id_or_given_twice(self, system: RunningSystem, account: Account) -> None:
        answer = await account.upload("a.txt", b"content", replaces="the first one")
        assert problem(answer, "invalid-parameter", 422)["field"] == "replaces"
        first = await stored(account)
        answer = await account.http.post(
            f"{system.ingester_url}/api/v1/files",
            params=[("filename", "a"), ("replaces", first["file_id"]), ("replaces", NOBODYS)],
            content=b"b",
        )
        assert problem(answer, "invalid-parameter", 422)["field"] == "replaces"
        assert problem(
            await tus(account, metadata(filename="a", replaces="x"), b"c"), "invalid-parameter", 422
        )

    async def test_behind_the_file(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        answer = await account.http.post(
            f"{system.ingester_url}/api/v1/files/upload",
            content=form(part("file", b"b", "b.txt"), part("replaces", first["file_id"].encode())),
            headers={"Content-Type": "multipart/form-data; boundary=frontier"},
        )
        assert problem(answer, "field-order", 422)["field"] == "replaces"

    async def test_a_token_that_may_not_read(self, system: RunningSystem, account: Account) -> None:
        first = await stored(account)
        token = system.signed_token(account, scope="files:write")
        account.http.headers["Authorization"] = f"Bearer {token}"
        answer = await account.upload("a.txt", b"content", replaces=first["file_id"])
        assert problem(answer, "insufficient-scope", 403)["required_scope"] == "files:read"

    async def test_an_element_believes_nobody_but_the_services(self, account: Account) -> None:
        first = await stored(account)
        element = AtElement(account, "rw-01")
        for field in ("replaces", "document_id"):
            refused = problem(
                await element.upload("a.txt", b"c", **{field: first["file_id"]}), "invalid-parameter", 422
            )
            assert refused["field"] == field
            files = {"file": ("a.txt", b"c")}
            told = {field: first["file_id"]}
            problem(
                await element.ask("POST", "files/upload", params=told, files=files), "invalid-parameter", 422
            )
        for token in (None, "", "x", account.token):
            headers = {"X-Document-Id": first["file_id"], "X-Previous-Version-Id": first["file_id"]}
            if token is not None:
                headers["X-Service-Token"] = token
            answer = await element.ask("POST", "files/upload", files={"file": ("a", b"c")}, headers=headers)
            problem(answer, "not-permitted", 403)
            headers |= {
                "Tus-Resumable": "1.0.0",
                "Upload-Length": "1",
                "Upload-Metadata": metadata(filename="a"),
            }
            problem(await element.ask("POST", "uploads", headers=headers), "not-permitted", 403)


async def grant(admin: Account, to: Account, of: Account, scope: str) -> None:
    """``to`` gets a token that has it."""
    ids = [account.token_parts()[1]["sub"] for account in (to, of)]
    url = f"{admin.system.admin_url}/api/v1/service-accounts/{ids[0]}/grants/{ids[1]}"
    answer = await admin.http.put(url, json={"scopes": [scope]})
    assert answer.is_success, answer.text
    await to.refresh()


class TestListing:
    async def test_by_the_id_of_any(self, account: Account) -> None:
        first, second, third = await chain(account)
        for document in (first, second, third):
            await are_listed(account, document["file_id"], third, second, first)

    async def test_of_a_document_without_others(self, account: Account) -> None:
        document = await stored(account)
        assert await versions(account, document["file_id"]) == [document["file_id"]]

    async def test_the_one_that_is_asked_by_its_id_is_there_at_once(self, account: Account) -> None:
        document = await stored(account)
        for _ in range(10):
            document = await stored(account, replaces=document["file_id"])
            assert (await versions(account, document["file_id"]))[0] == document["file_id"]

    async def test_as_a_search_shows_them(self, account: Account) -> None:
        first = await stored(account)
        second = await stored(account, "b.txt", replaces=first["file_id"])
        await are_listed(account, first["file_id"], second, first)
        [newest, _] = (await ask_versions(account, first["file_id"])).json()["items"]
        assert newest == await account.find("b.txt", second["file_id"])
        assert newest == second | {"element_id": "rw-01"}

    async def test_in_pages(self, account: Account) -> None:
        documents = [await stored(account)]
        for _ in range(4):
            documents.append(await stored(account, replaces=documents[-1]["file_id"]))
        first, expected = documents[0]["file_id"], [one["file_id"] for one in reversed(documents)]
        await are_listed(account, first, *reversed(documents))
        found: list[str] = []
        cursor: dict[str, str] = {}
        for size in (2, 2, 1):
            page = (await ask_versions(account, first, limit=2, **cursor)).json()
            assert len(page["items"]) == size
            found += [item["file_id"] for item in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
        assert cursor == {"cursor": None}
        assert found == expected
        another = await stored(account)
        page = (await ask_versions(account, first, limit=2)).json()
        answer = await ask_versions(account, another["file_id"], cursor=page["next_cursor"])
        problem(answer, "invalid-cursor", 400)

    async def test_what_is_not_there_or_anothers(self, account: Account, other_account: Account) -> None:
        document = await stored(account)
        problem(await ask_versions(other_account, document["file_id"]), "not-found", 404)
        problem(await ask_versions(account, NOBODYS), "not-found", 404)
        problem(await ask_versions(account, "none"), "not-found", 404)

    async def test_on_several_elements_and_after_deletion(
        self, system: RunningSystem, account: Account
    ) -> None:
        first = await stored(account, retention_policy="temporary")
        second = await stored(account, replaces=first["file_id"])
        third = await stored(account, replaces=second["file_id"], retention_policy="temporary")
        await are_listed(account, second["file_id"], third, second, first)
        for document in (third, first):
            url = f"{system.ingester_url}/api/v1/files/{document['file_id']}"
            assert (await account.http.delete(url)).status_code == 204
        await are_listed(account, first["file_id"], second)
        fourth = await stored(account, replaces=second["file_id"])
        assert fourth["document_id"] == first["file_id"]
        answer = await account.upload("a.txt", b"content", document_id=first["file_id"])
        problem(answer, "not-found", 404)


async def test_finalization_keeps_what_a_version_is(account: Account) -> None:
    first = await stored(account)
    second = await stored(account, replaces=first["file_id"], version="2", retention_policy="temporary")
    await is_permanent(account, await begun(account, second["file_id"]))
    after = await AtElement(account, "rw-01").told(f"files/{second['file_id']}")
    for member in ("document_id", "previous_version_id", "version"):
        assert after[member] == second[member]

    async def permanent_is_shown() -> bool:
        """Both copies are in the catalog, and one is shown."""
        items = json.loads((await ask_versions(account, first["file_id"])).content)["items"]
        assert [item["file_id"] for item in items] == [second["file_id"], first["file_id"]]
        return bool(items[0]["element_id"] == "rw-01")

    await are_listed(account, first["file_id"], second, first)
    await eventually(permanent_is_shown, "the permanent copy is not shown")
