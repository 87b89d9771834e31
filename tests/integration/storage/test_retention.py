"""How long an element keeps documents: their time, its extension, its end, and what a legal hold does to it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.elements import AtElement, problem
from tests.support.expiring import expired, is_removed, notices_of, told, trail_of, upload_aged
from tests.support.system import RunningSystem, eventually

TEMPORARY: dict[str, Any] = {"retention_policy": "temporary"}


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lives_for(document: dict[str, Any]) -> timedelta:
    return time_of(document["expires_at"]) - time_of(document["created_at"])


def account_id(at: AtElement) -> str:
    return str(at.account.token_parts()[1]["sub"])


async def extend(at: AtElement, file_id: str, days: Any, **headers: str) -> httpx.Response:
    return await at.ask("PUT", f"files/{file_id}/retention", json={"ttl_days": days}, headers=headers)


async def hold(at: AtElement, file_id: str, reason: str = "case 12/26") -> httpx.Response:
    return await at.ask("PUT", f"files/{file_id}/hold", json={"reason": reason})


async def release(at: AtElement, file_id: str) -> httpx.Response:
    return await at.ask("DELETE", f"files/{file_id}/hold")


async def held(at: AtElement, file_id: str, reason: str = "case 12/26") -> dict[str, Any]:
    answer = await hold(at, file_id, reason)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


class TestTime:
    async def test_is_thirty_days_if_not_said(self, edit: AtElement) -> None:
        assert lives_for(await edit.store(**TEMPORARY)) == timedelta(days=30)

    async def test_counts_from_the_time_in_the_id(self, edit: AtElement) -> None:
        answer = await upload_aged(edit, timedelta(hours=20), ttl_days="365")
        assert lives_for(answer.json()) == timedelta(days=365)

    async def test_may_stand_in_the_query(self, edit: AtElement) -> None:
        answer = await edit.ask(
            "POST",
            "files/upload",
            params={**TEMPORARY, "ttl_days": "7"},
            files={"file": ("a.txt", b"content")},
        )
        assert lives_for(answer.json()) == timedelta(days=7)

    async def test_permanent_documents_have_none(self, rw: AtElement) -> None:
        assert "expires_at" not in await rw.store()

    @pytest.mark.parametrize("fields", [{}, {"retention_policy": "permanent"}])
    async def test_is_refused_for_them(self, rw: AtElement, fields: dict[str, Any]) -> None:
        refused = problem(
            await rw.upload("a.txt", b"content", ttl_days="7", **fields), "invalid-parameter", 422
        )
        assert refused["field"] == "ttl_days"

    @pytest.mark.parametrize("days", ["0", "366", "-1", "1.5", "x", "٣", "9" * 5000])
    async def test_is_a_number_of_days(self, edit: AtElement, days: str) -> None:
        answer = await edit.upload("a.txt", b"content", ttl_days=days, **TEMPORARY)
        assert problem(answer, "invalid-parameter", 422)["field"] == "ttl_days"

    async def test_belongs_to_what_a_repeated_upload_says(self, edit: AtElement) -> None:
        first = await upload_aged(edit, timedelta(hours=1))
        file_id = {"X-File-Id": first.json()["file_id"]}

        async def again(days: str) -> httpx.Response:
            data = {**TEMPORARY, "ttl_days": days}
            files = {"file": ("over.txt", b"content")}
            return await edit.ask("POST", "files/upload", data=data, files=files, headers=file_id)

        assert (await again("1")).json() == first.json()
        problem(await again("2"), "file-id-taken", 409)


class TestExtension:
    async def test_counts_from_now(self, edit: AtElement) -> None:
        document = await edit.store(ttl_days="1", **TEMPORARY)
        before = datetime.now(UTC)
        answer = await extend(edit, document["file_id"], 10)
        assert answer.status_code == 200, answer.text
        assert before + timedelta(days=10) <= time_of(answer.json()["expires_at"])
        assert time_of(answer.json()["expires_at"]) <= datetime.now(UTC) + timedelta(days=10)
        assert answer.headers["ETag"] == await edit.tag(document["file_id"])
        assert answer.json() == await edit.told(f"files/{document['file_id']}")

    async def test_never_shortens(self, edit: AtElement) -> None:
        document = await edit.store(**TEMPORARY)
        refused = problem(await extend(edit, document["file_id"], 29), "conflict", 409)
        assert time_of(refused["expires_at"]) == time_of(document["expires_at"])
        assert await edit.told(f"files/{document['file_id']}") == document

    async def test_only_of_the_revision_that_is_named(self, edit: AtElement) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        tag = await edit.tag(file_id)
        assert (await extend(edit, file_id, 40, **{"If-Match": tag})).status_code == 200
        problem(await extend(edit, file_id, 50, **{"If-Match": tag}), "precondition-failed", 412)

    async def test_of_permanent_ones(self, rw: AtElement) -> None:
        problem(await extend(rw, (await rw.store())["file_id"], 10), "conflict", 409)

    async def test_of_somebody_else(self, edit: AtElement, stranger: AtElement) -> None:
        document = await edit.store(**TEMPORARY)
        problem(await extend(stranger, document["file_id"], 40), "not-found", 404)
        problem(await extend(stranger, "none", 40), "not-found", 404)

    @pytest.mark.parametrize("days", [0, 366, "7", 1.5, None, True])
    async def test_by_a_number_of_days(self, edit: AtElement, days: Any) -> None:
        document = await edit.store(**TEMPORARY)
        problem(await extend(edit, document["file_id"], days), "invalid-parameter", 422)

    async def test_of_what_has_expired(self, edit: AtElement) -> None:
        """Whichever comes first: the extension never saves what may be in the audit trail already."""
        document = await expired(edit)
        answer = await extend(edit, document["file_id"], 40)
        assert answer.status_code in (404, 409), answer.text
        await is_removed(edit, document["file_id"])


class TestPermanent:
    async def test_is_deleted_by_nobody(self, edit: AtElement, rw: AtElement, operator: AtElement) -> None:
        """Also not where the mode would allow it."""
        document = await edit.store(retention_policy="permanent")
        for who in (edit, operator):
            problem(await who.ask("DELETE", f"files/{document['file_id']}"), "retained", 409)
        assert (await edit.download(document["file_id"])).content == b"content"
        problem(await rw.ask("DELETE", f"files/{(await rw.store())['file_id']}"), "mode-forbids", 409)


class TestExpiry:
    async def test_removes_everything_and_says_so_once(
        self, edit: AtElement, elements: RunningSystem
    ) -> None:
        document = await expired(edit)
        file_id = document["file_id"]
        await is_removed(edit, file_id)
        root = elements.root("edit-01")
        await eventually(
            lambda: not list(root.glob(f"files/**/*{file_id}*")), "the files of an expired document stay"
        )
        problem(await edit.download(file_id), "not-found", 404)
        assert file_id not in [item["file_id"] for item in await edit.listed()]
        [entry] = await trail_of(elements, file_id)
        assert entry["action"] == "document.expired"
        assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("system", "edit-01")
        assert entry["subject"] == {"kind": "document", "id": file_id}
        assert time_of(entry["details"].pop("expires_at")) == time_of(document["expires_at"])
        assert entry["details"] == {"element_id": "edit-01", "owner_id": account_id(edit)}

    async def test_is_counted(self, edit: AtElement) -> None:
        before = await edit.metric("artstore_storage_expired_documents_total")
        documents = await asyncio.gather(*(expired(edit) for _ in range(5)))
        for document in documents:
            await is_removed(edit, document["file_id"])

        async def counted() -> bool:
            removed = await edit.metric("artstore_storage_expired_documents_total") - before
            overdue = await edit.metric("artstore_storage_expiry_overdue_documents")
            return removed >= 5 and overdue == 0

        await eventually(counted, "what expired is not counted")
        assert await edit.metric("artstore_storage_expiry_ended_timestamp_seconds") > 0

    async def test_comes_when_the_time_is_over(self, edit: AtElement) -> None:
        answer = await upload_aged(edit, timedelta(days=1) - timedelta(seconds=3))
        document = answer.json()
        there = (await edit.get(f"files/{document['file_id']}")).status_code == 200
        assert there or datetime.now(UTC) >= time_of(document["expires_at"])
        await is_removed(edit, document["file_id"])
        assert datetime.now(UTC) >= time_of(document["expires_at"])

    async def held_at_last(self, edit: AtElement, operator: AtElement) -> dict[str, Any]:
        """A document whose time is over in a few seconds, and which is held until then. Another one, where that
        took so long that it was gone."""
        documents: list[dict[str, Any]] = []

        async def is_held() -> bool:
            documents.append((await upload_aged(edit, timedelta(days=1) - timedelta(seconds=4))).json())
            answer = await hold(operator, documents[-1]["file_id"])
            assert answer.status_code in (200, 404), answer.text
            return answer.status_code == 200

        await eventually(is_held, "no document can be held")
        return documents[-1]

    async def test_leaves_alone_what_is_held_until_it_is_released(
        self, edit: AtElement, operator: AtElement, elements: RunningSystem
    ) -> None:
        document = await self.held_at_last(edit, operator)
        file_id = document["file_id"]
        other = await expired(edit)  # the look at the documents that removes it comes after the time of both

        async def over() -> bool:
            return datetime.now(UTC) > time_of(document["expires_at"])

        await eventually(over, "the time is not over")
        await is_removed(edit, other["file_id"])
        last = await expired(edit)
        await is_removed(edit, last["file_id"])
        assert (await edit.download(file_id)).content == b"content"
        assert (await release(operator, file_id)).status_code == 204
        await is_removed(edit, file_id)
        trail = await trail_of(elements, file_id)
        assert [entry["action"] for entry in trail] == [
            "document.held",
            "document.released",
            "document.expired",
        ]


class TestHold:
    async def test_is_in_the_attributes_and_in_the_trail(
        self, edit: AtElement, operator: AtElement, elements: RunningSystem
    ) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        document = await held(operator, file_id, "  дело 12/26 ")
        told = document["legal_hold"]
        assert (told["by"], told["reason"]) == (operator.account.name, "дело 12/26")
        assert time_of(told["since"]) <= datetime.now(UTC)
        assert await edit.told(f"files/{file_id}") == document
        [entry] = await trail_of(elements, file_id)
        assert entry["action"] == "document.held"
        assert entry["actor"]["id"] == account_id(operator)
        assert entry["details"]["reason"] == "дело 12/26"
        assert entry["details"]["owner_id"] == account_id(edit)

    async def test_keeps_the_document_from_being_deleted(self, edit: AtElement, operator: AtElement) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        await held(operator, file_id)
        problem(await edit.ask("DELETE", f"files/{file_id}"), "legal-hold", 409)
        problem(await operator.ask("DELETE", f"files/{file_id}"), "legal-hold", 409)
        assert (await release(operator, file_id)).status_code == 204
        assert "legal_hold" not in await edit.told(f"files/{file_id}")
        assert (await edit.ask("DELETE", f"files/{file_id}")).status_code == 204

    async def test_leaves_other_attributes_changeable(self, edit: AtElement, operator: AtElement) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        before = await held(operator, file_id)
        changed = await edit.patch(file_id, {"description": "x"}, await edit.tag(file_id))
        assert changed.json()["legal_hold"] == before["legal_hold"]
        assert (await extend(edit, file_id, 40)).json()["legal_hold"] == before["legal_hold"]
        problem(
            await edit.patch(file_id, {"legal_hold": None}, await edit.tag(file_id)), "invalid-parameter", 422
        )

    async def test_again_changes_nothing(
        self, edit: AtElement, operator: AtElement, elements: RunningSystem
    ) -> None:
        file_id = (await edit.store())["file_id"]
        first = await held(operator, file_id)
        assert await held(operator, file_id) == first
        problem(await hold(operator, file_id, "another case"), "conflict", 409)
        for _ in range(2):
            assert (await release(operator, file_id)).status_code == 204
        trail = await trail_of(elements, file_id)
        assert [entry["action"] for entry in trail] == ["document.held", "document.released"]

    async def test_of_twenty_at_once_one_stands(
        self, edit: AtElement, operator: AtElement, elements: RunningSystem
    ) -> None:
        file_id = (await edit.store())["file_id"]
        answers = await asyncio.gather(*(hold(operator, file_id) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["legal_hold"]["since"] for answer in answers}) == 1
        assert len(await trail_of(elements, file_id)) == 1

    async def test_against_deletions_at_once(self, edit: AtElement, operator: AtElement) -> None:
        """A hold that is answered keeps the document; a deletion that is answered was before it."""
        for _ in range(10):
            file_id = (await edit.store(**TEMPORARY))["file_id"]
            kept, deleted = await asyncio.gather(
                hold(operator, file_id), edit.ask("DELETE", f"files/{file_id}")
            )
            assert (kept.status_code, deleted.status_code) in ((200, 409), (404, 204))
            there = (await edit.get(f"files/{file_id}")).status_code == 200
            assert there == (kept.status_code == 200)

    async def test_is_of_those_who_may(self, edit: AtElement, stranger: AtElement) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        for who in (edit, stranger):
            problem(await hold(who, file_id), "insufficient-scope", 403)
            problem(await release(who, file_id), "insufficient-scope", 403)

    @pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 257, None, 5])
    async def test_has_a_reason(self, edit: AtElement, operator: AtElement, reason: Any) -> None:
        file_id = (await edit.store(**TEMPORARY))["file_id"]
        problem(await hold(operator, file_id, reason), "invalid-parameter", 422)

    async def test_without_room_in_the_attributes(self, edit: AtElement, operator: AtElement) -> None:
        file_id = (await edit.store(description="x" * 3200))["file_id"]
        problem(await hold(operator, file_id, "y" * 256), "attributes-too-large", 422)
        problem(await hold(operator, "none"), "not-found", 404)


class TestNotice:
    async def test_comes_once_for_each_end(self, edit: AtElement, elements: RunningSystem) -> None:
        document = await edit.store(ttl_days="6", **TEMPORARY)
        late = await edit.store(ttl_days="8", **TEMPORARY)
        await told(elements, document)
        assert (await extend(edit, document["file_id"], 7)).status_code == 200
        extended = await edit.told(f"files/{document['file_id']}")
        await told(elements, extended)
        other = await edit.store(ttl_days="1", **TEMPORARY)
        await told(elements, other)  # whatever is told now was told in a look that came later
        notices = await notices_of(elements)
        assert [notice["expires_at"] for notice in notices if notice["file_id"] == document["file_id"]] == [
            document["expires_at"],
            extended["expires_at"],
        ]
        assert not [notice for notice in notices if notice["file_id"] == late["file_id"]]
        [notice] = [notice for notice in notices if notice["file_id"] == other["file_id"]]
        assert notice == {
            "kind": "file_expiring",
            "element_id": "edit-01",
            "file_id": other["file_id"],
            "owner_id": account_id(edit),
            "expires_at": other["expires_at"],
        }

    async def test_does_not_come_of_what_is_held(
        self, edit: AtElement, operator: AtElement, elements: RunningSystem
    ) -> None:
        document = await edit.store(ttl_days="6", **TEMPORARY)
        file_id = document["file_id"]
        await told(elements, document)
        await held(operator, file_id)
        assert (await extend(edit, file_id, 7)).status_code == 200
        other = await edit.store(ttl_days="1", **TEMPORARY)
        await told(elements, other)
        assert [notice["file_id"] for notice in await notices_of(elements)].count(file_id) == 1
