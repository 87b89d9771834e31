"""An upload that names the id of its document can be repeated, and is stored once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from artstore.attributes import new_file_id
from tests.support.elements import AtElement, problem


def new_id(age: timedelta = timedelta(0)) -> str:
    return str(new_file_id(datetime.now(UTC) - age))


async def send(
    at: AtElement, file_id: str, content: bytes = b"content", name: str = "a.txt", **fields: Any
) -> httpx.Response:
    return await at.ask(
        "POST",
        "files/upload",
        data={"retention_policy": "temporary"} | fields,
        files={"file": (name, content)},
        headers={"X-File-Id": file_id},
    )


async def stored(at: AtElement, file_id: str, content: bytes = b"content") -> dict[str, Any]:
    answer = await send(at, file_id, content)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/files/{file_id}"
    body: dict[str, Any] = answer.json()
    return body


async def test_the_document_has_the_id(edit: AtElement) -> None:
    file_id = new_id()
    assert (await stored(edit, file_id))["file_id"] == file_id
    assert (await edit.download(file_id)).content == b"content"


async def test_again_it_is_the_same_document(edit: AtElement) -> None:
    file_id = new_id()
    first = await stored(edit, file_id)
    assert await stored(edit, file_id) == first


async def test_many_at_once_are_one_document(edit: AtElement) -> None:
    file_id = new_id()
    answers = await asyncio.gather(*(stored(edit, file_id) for _ in range(10)))
    assert answers == answers[:1] * 10
    assert [item["file_id"] for item in await listed(edit)] == [file_id]


async def listed(at: AtElement) -> list[dict[str, Any]]:
    await at.index_has_all()
    return await at.listed()


async def test_another_document_is_refused(edit: AtElement) -> None:
    file_id = new_id()
    await stored(edit, file_id)
    problem(await send(edit, file_id, b"another"), "file-id-taken", 409)
    assert (await edit.download(file_id)).content == b"content"


@pytest.mark.parametrize(
    "other",
    [
        {"name": "b.txt"},
        {"description": "another"},
        {"tags": "another"},
        {"custom_attributes": '{"n": 1}'},
        {"retention_policy": "permanent"},
        {"ttl_days": "7"},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_the_same_bytes_as_another_document_are_refused(edit: AtElement, other: dict[str, Any]) -> None:
    file_id = new_id()
    await stored(edit, file_id)
    problem(await send(edit, file_id, **other), "file-id-taken", 409)


async def test_one_that_was_changed_since_is_given_as_it_is(edit: AtElement) -> None:
    file_id = new_id()
    await stored(edit, file_id)
    changed = await edit.patch(file_id, {"description": "changed"}, await edit.tag(file_id))
    assert changed.status_code == 200, changed.text
    assert (await stored(edit, file_id))["description"] == "changed"
    problem(await send(edit, file_id, name="b.txt"), "file-id-taken", 409)


async def test_another_account_is_refused(edit: AtElement, stranger: AtElement) -> None:
    file_id = new_id()
    await stored(edit, file_id)
    refusal = problem(await send(stranger, file_id), "file-id-taken", 409)
    assert file_id not in refusal["detail"]


async def test_one_that_was_deleted_does_not_come_back(edit: AtElement) -> None:
    file_id = new_id()
    await stored(edit, file_id)
    assert (await edit.ask("DELETE", f"files/{file_id}")).status_code == 204
    problem(await send(edit, file_id), "file-id-taken", 409)


@pytest.mark.parametrize(
    "given",
    [
        str(uuid4()),
        "no id",
        "",
        -timedelta(minutes=10),
        timedelta(hours=26),
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "{" + new_id() + "}",
    ],
    ids=["random", "no UUID", "empty", "to come", "too old", "far to come", "in braces"],
)
async def test_what_is_no_new_id_is_refused(edit: AtElement, given: str | timedelta) -> None:
    if isinstance(given, timedelta):
        given = new_id(given)
    refusal = problem(await send(edit, given), "invalid-parameter", 422)
    assert (refusal["field"], refusal["header"]) == ("X-File-Id", "X-File-Id")


async def test_a_field_of_that_name_is_not_the_id(edit: AtElement) -> None:
    answer = await edit.ask(
        "POST", "files/upload", data={"X-File-Id": "x"}, files={"file": ("a.txt", b"content")}
    )
    refusal = problem(answer, "invalid-parameter", 422)
    assert refusal["field"] == "X-File-Id"
    assert "header" not in refusal
