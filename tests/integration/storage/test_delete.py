"""Deleting documents: for good, only where it is allowed, and without disturbing who reads."""

import asyncio
from typing import Any

import pytest

from tests.support.elements import AtElement, problem
from tests.support.system import RunningSystem, eventually

UNKNOWN = "01936a2f-0000-7000-8000-000000000001"
MIB = 1 << 20


async def delete(at: AtElement, file_id: str, **headers: str) -> Any:
    return await at.ask("DELETE", f"files/{file_id}", headers=headers)


class TestDelete:
    async def test_is_gone_everywhere_at_once(self, edit: AtElement) -> None:
        document = await edit.store(content=b"x" * 100_000)
        kept = await edit.store()
        answer = await delete(edit, document["file_id"])
        assert (answer.status_code, answer.content) == (204, b"")
        for path in ("", "/metadata", "/download"):
            problem(await edit.get(f"files/{document['file_id']}{path}"), "not-found", 404)
        assert [item["file_id"] for item in await edit.listed()] == [kept["file_id"]]

    async def test_files_go_as_well(self, edit: AtElement, elements: RunningSystem) -> None:
        document = await edit.store("unmistakable.txt")
        root = elements.root("edit-01")

        def files() -> list[Any]:
            return list(root.glob(f"files/**/*{document['file_id']}*"))

        await eventually(lambda: len(files()) == 2, "the document does not appear below files/")
        await delete(edit, document["file_id"])
        await eventually(lambda: not files(), "the files of a deleted document stay")

    async def test_room_is_given_back(self, edit: AtElement, operator: AtElement) -> None:
        before = await operator.told("capacity")
        document = await edit.store(content=b"x" * 50_000)
        during = await operator.told("capacity")
        await delete(edit, document["file_id"])
        after = await operator.told("capacity")
        assert during["used_bytes"] > before["used_bytes"] + 50_000
        assert (after["used_bytes"], after["documents"]) == (before["used_bytes"], before["documents"])

    async def test_again_is_not_found(self, edit: AtElement) -> None:
        document = await edit.store()
        assert (await delete(edit, document["file_id"])).status_code == 204
        problem(await delete(edit, document["file_id"]), "not-found", 404)

    async def test_of_twenty_at_once_one_deletes(self, edit: AtElement) -> None:
        document = await edit.store()
        answers = await asyncio.gather(*(delete(edit, document["file_id"]) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [204] + [404] * 19

    async def test_a_download_that_runs_finishes(self, edit: AtElement) -> None:
        content = bytes(range(256)) * (32 * MIB // 256)
        document = await edit.store(content=content)
        url = f"{edit.url}/api/v1/files/{document['file_id']}/download"
        async with edit.account.http.stream("GET", url) as answer:
            pieces = answer.aiter_raw()
            received = [await anext(pieces)]
            assert (await delete(edit, document["file_id"])).status_code == 204
            problem(await edit.download(document["file_id"]), "not-found", 404)
            received += [piece async for piece in pieces]
        assert b"".join(received) == content

    async def test_is_counted(self, edit: AtElement) -> None:
        name = "artstore_storage_changes_total"
        before = await edit.metric(name, operation="delete", outcome="done")
        await delete(edit, (await edit.store())["file_id"])
        assert await edit.metric(name, operation="delete", outcome="done") == before + 1


class TestCondition:
    async def test_of_a_revision_that_is_past_keeps_the_document(self, edit: AtElement) -> None:
        document = await edit.store()
        old = await edit.tag(document["file_id"])
        await edit.patch(document["file_id"], {"description": "d"}, old)
        problem(await delete(edit, document["file_id"], **{"If-Match": old}), "precondition-failed", 412)
        now = await edit.tag(document["file_id"])
        assert (await delete(edit, document["file_id"], **{"If-Match": now})).status_code == 204

    async def test_of_any_revision(self, edit: AtElement) -> None:
        document = await edit.store()
        assert (await delete(edit, document["file_id"], **{"If-Match": "*"})).status_code == 204


class TestRefused:
    @pytest.mark.parametrize("file_id", [UNKNOWN, "no-uuid"])
    async def test_an_unknown_document(self, edit: AtElement, file_id: str) -> None:
        problem(await delete(edit, file_id), "not-found", 404)

    async def test_another_accounts_document_looks_unknown(
        self, edit: AtElement, stranger: AtElement
    ) -> None:
        document = await edit.store()
        for headers in ({}, {"If-Match": '"wrong"'}):
            told = problem(await delete(stranger, document["file_id"], **headers), "not-found", 404)
            assert told["detail"] == problem(await delete(stranger, UNKNOWN), "not-found", 404)["detail"]
        assert (await edit.download(document["file_id"])).content == b"content"

    async def test_without_the_scope(self, edit: AtElement) -> None:
        document = await edit.store()
        readonly = AtElement(await edit.account.system.create_account(role="READONLY"), "edit-01")
        answer = await delete(readonly, document["file_id"])
        assert problem(answer, "insufficient-scope", 403)["required_scope"] == "files:delete"
