"""Changing attributes: what can be changed, by whom, and that no change is ever lost."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.support.elements import AtElement, problem

UNKNOWN = "01936a2f-0000-7000-8000-000000000001"


async def changed(at: AtElement, change: Any, **stored: Any) -> dict[str, Any]:
    """The document after the change, as the answer and as a later reader sees it."""
    document = await at.store(**stored)
    answer = await at.patch(document["file_id"], change, await at.tag(document["file_id"]))
    assert answer.status_code == 200, answer.text
    read = await at.get(f"files/{document['file_id']}")
    assert answer.json() == read.json()
    assert answer.headers["ETag"] == read.headers["ETag"]
    body: dict[str, Any] = answer.json()
    return body


class TestPatch:
    async def test_members_are_replaced_and_the_others_stay(self, rw: AtElement) -> None:
        document = await changed(
            rw,
            {"description": "новое", "version": "2"},
            tags=["a", "b"],
            description="old",
            custom_attributes={"year": 2026},
        )
        assert (document["description"], document["version"]) == ("новое", "2")
        assert document["tags"] == ["a", "b"]
        assert document["custom_attributes"] == {"year": 2026}
        updated, created = (datetime.fromisoformat(document[name]) for name in ("updated_at", "created_at"))
        assert updated > created

    async def test_custom_attributes_are_merged_and_null_removes(self, rw: AtElement) -> None:
        document = await changed(
            rw,
            {"custom_attributes": {"gone": None, "deep": {"gone": None, "new": [1, None]}, "flat": 2.50}},
            custom_attributes={"kept": None, "gone": 1, "deep": {"kept": "x", "gone": True}},
        )
        assert document["custom_attributes"] == {
            "kept": None,
            "deep": {"kept": "x", "new": [1, None]},
            "flat": 2.5,
        }

    async def test_null_removes_members(self, rw: AtElement) -> None:
        document = await changed(
            rw,
            {"description": None, "tags": None, "custom_attributes": None, "version": None},
            description="old",
            tags=["a"],
            custom_attributes={"a": 1},
        )
        assert not {"description", "tags", "version"} & set(document)
        assert document["custom_attributes"] == {}

    async def test_tags_are_stored_as_an_upload_stores_them(self, rw: AtElement) -> None:
        document = await changed(rw, {"tags": [" a ", "b", "a", ""]})
        assert document["tags"] == ["a", "b"]

    async def test_bytes_and_their_etag_stay(self, rw: AtElement) -> None:
        document = await rw.store(content=b"the bytes")
        before = await rw.download(document["file_id"])
        await rw.patch(document["file_id"], {"description": "d"}, await rw.tag(document["file_id"]))
        after = await rw.download(document["file_id"])
        assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])

    async def test_attributes_can_be_read_at_the_address_where_they_are_changed(self, rw: AtElement) -> None:
        document = await rw.store()
        read = await rw.get(f"files/{document['file_id']}/metadata")
        assert read.json() == document
        assert read.headers["ETag"] == await rw.tag(document["file_id"])

    async def test_is_listed_and_published(self, rw: AtElement) -> None:
        document = await changed(rw, {"description": "listed"})
        listed = {item["file_id"]: item for item in await rw.listed()}
        assert listed[document["file_id"]] == document


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "slug", "status", "field"),
        [
            ({"checksum": "0" * 64}, "invalid-parameter", 422, "checksum"),
            ({"file_size": 1}, "invalid-parameter", 422, "file_size"),
            ({"surprise": 1}, "invalid-parameter", 422, "surprise"),
            ({"description": 5}, "invalid-attributes", 422, "description"),
            ({"description": "nul \0"}, "invalid-attributes", 422, "description"),
            ({"tags": "a"}, "invalid-attributes", 422, "tags"),
            ({"tags": [1]}, "invalid-attributes", 422, "tags"),
            ({"custom_attributes": [1]}, "invalid-attributes", 422, "custom_attributes"),
            ({"custom_attributes": {"a": 10**400}}, "invalid-attributes", 422, "custom_attributes.a"),
            ({"custom_attributes": {"a": "x" * 5000}}, "attributes-too-large", 422, None),
            ({"description": "я" * 2048}, "attributes-too-large", 422, None),
            ([], "invalid-parameter", 422, None),
            (b"{", "invalid-request", 400, None),
            (b"\xff", "invalid-request", 400, None),
            (b'{"description": "a", "description": "b"}', "invalid-request", 400, None),
            (b'{"custom_attributes": {"a": NaN}}', "invalid-request", 400, None),
            (b'{"custom_attributes":' + b'{"a":' * 9000 + b"1" + b"}" * 9001, "invalid-request", 400, None),
            (
                b'{"custom_attributes":' + b'{"a":' * 700 + b"1" + b"}" * 701,
                "invalid-attributes",
                422,
                None,
            ),
            (b"x" * 70_000, "request-too-large", 413, None),
        ],
        ids=str,
    )
    async def test_with_the_reason_and_without_a_change(
        self, rw: AtElement, change: Any, slug: str, status: int, field: str | None
    ) -> None:
        document = await rw.store()
        tag = await rw.tag(document["file_id"])
        body = problem(await rw.patch(document["file_id"], change, tag), slug, status)
        if field is not None:
            assert body["field"] == field
        assert await rw.tag(document["file_id"]) == tag

    async def test_another_content_type(self, rw: AtElement) -> None:
        document = await rw.store()
        answer = await rw.patch(document["file_id"], {}, "x", content_type="application/json-patch+json")
        problem(answer, "unsupported-media-type", 415)
        assert "application/merge-patch+json" in answer.headers["Accept-Patch"]

    @pytest.mark.parametrize("file_id", [UNKNOWN, "no-uuid", "%2e%2e%2fetc"])
    async def test_an_unknown_document(self, rw: AtElement, file_id: str) -> None:
        problem(await rw.patch(file_id, {"description": "d"}, '"x"'), "not-found", 404)

    async def test_another_accounts_document_looks_unknown(
        self, edit: AtElement, stranger: AtElement
    ) -> None:
        document = await edit.store()
        tag = await edit.tag(document["file_id"])
        for condition in (tag, '"wrong"'):
            refused = await stranger.patch(document["file_id"], {"description": "d"}, condition)
            unknown = await stranger.patch(UNKNOWN, {"description": "d"}, condition)
            told, also_told = problem(refused, "not-found", 404), problem(unknown, "not-found", 404)
            assert told["detail"] == also_told["detail"]
        assert await edit.tag(document["file_id"]) == tag

    async def test_whoever_sees_all_documents_changes_all(self, edit: AtElement, operator: AtElement) -> None:
        document = await edit.store()
        tag = await operator.tag(document["file_id"])
        answer = await operator.patch(document["file_id"], {"description": "by the operator"}, tag)
        assert answer.status_code == 200
        assert answer.json()["created_by_id"] == document["created_by_id"]

    async def test_without_the_scope(self, edit: AtElement) -> None:
        document = await edit.store()
        readonly = AtElement(await edit.account.system.create_account(role="READONLY"), "edit-01")
        answer = await readonly.patch(document["file_id"], {}, '"x"')
        assert problem(answer, "insufficient-scope", 403)["required_scope"] == "files:write"


class TestRevision:
    @pytest.mark.parametrize("condition", [None, "*"])
    async def test_must_be_named(self, rw: AtElement, condition: str | None) -> None:
        document = await rw.store()
        answer = await rw.patch(document["file_id"], {"description": "d"}, condition)
        assert problem(answer, "precondition-required", 428)["field"] == "If-Match"

    @pytest.mark.parametrize("condition", ['"0123"', "nonsense", "", "W/{tag}", "{bare}"])
    async def test_any_other_is_refused(self, rw: AtElement, condition: str) -> None:
        document = await rw.store()
        tag = await rw.tag(document["file_id"])
        wrong = condition.format(tag=tag, bare=tag.strip('"'))
        answer = await rw.patch(document["file_id"], {"description": "d"}, wrong)
        problem(answer, "precondition-failed", 412)
        assert await rw.tag(document["file_id"]) == tag

    async def test_one_of_several(self, rw: AtElement) -> None:
        document = await rw.store()
        tag = await rw.tag(document["file_id"])
        answer = await rw.patch(document["file_id"], {"description": "d"}, f'"old", {tag}')
        assert answer.status_code == 200

    async def test_is_another_after_each_change_also_of_the_same_content(self, rw: AtElement) -> None:
        document = await rw.store()
        seen = [await rw.tag(document["file_id"])]
        for _ in range(5):
            answer = await rw.patch(document["file_id"], {"description": "same"}, seen[-1])
            seen.append(answer.headers["ETag"])
        assert len(set(seen)) == 6
        problem(
            await rw.patch(document["file_id"], {"description": "d"}, seen[1]), "precondition-failed", 412
        )

    async def test_of_twenty_writers_exactly_one_wins_each_revision(self, rw: AtElement) -> None:
        """Everybody adds a tag of his own until it is in: none may be missing, whoever came between."""
        document = await rw.store()
        file_id = document["file_id"]
        begun = await rw.tag(file_id)
        # By the revision that was changed: who did it, and which one came of that.
        won: dict[str, tuple[str, str]] = {}

        async def write(name: str) -> None:
            while True:
                read = await rw.get(f"files/{file_id}")
                tags = [*read.json().get("tags", []), name]
                answer = await rw.patch(file_id, {"tags": tags}, read.headers["ETag"])
                if answer.status_code == 200:
                    assert read.headers["ETag"] not in won
                    won[read.headers["ETag"]] = name, answer.headers["ETag"]
                    return
                problem(answer, "precondition-failed", 412)

        names = [f"writer-{number:02d}" for number in range(20)]
        await asyncio.gather(*map(write, names))
        # From one revision to the next: the answers may arrive in another order.
        winners, revision = list[str](), begun
        while revision in won:
            name, revision = won.pop(revision)
            winners.append(name)
        assert not won
        final = await rw.told(f"files/{file_id}")
        assert final["tags"] == winners
        assert sorted(final["tags"]) == names

    async def test_of_twenty_writers_of_one_revision_exactly_one_wins(self, rw: AtElement) -> None:
        document = await rw.store()
        tag = await rw.tag(document["file_id"])
        answers = await asyncio.gather(
            *(rw.patch(document["file_id"], {"description": str(n)}, tag) for n in range(20))
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19
        winner = next(answer for answer in answers if answer.status_code == 200)
        assert (await rw.told(f"files/{document['file_id']}")) == winner.json()


async def test_outcomes_are_counted(rw: AtElement) -> None:
    name = "artstore_storage_changes_total"
    before = [await rw.metric(name, operation="update", outcome=o) for o in ("done", "precondition-failed")]
    document = await rw.store()
    tag = await rw.tag(document["file_id"])
    for _ in range(2):
        await rw.patch(document["file_id"], {"description": "d"}, tag)
    after = [await rw.metric(name, operation="update", outcome=o) for o in ("done", "precondition-failed")]
    assert after == [count + 1 for count in before]
