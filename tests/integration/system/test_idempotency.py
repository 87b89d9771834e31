"""An upload with an ``Idempotency-Key`` is stored once, however often and however brokenly it is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.elements import problem
from tests.support.system import Account, RunningSystem, eventually

LARGE = b"large " * 1_000_000


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()


@pytest.fixture
def key() -> str:
    return uuid4().hex


async def documents(account: Account) -> list[str]:
    """The ids of all documents of the account, as the elements themselves list them, once they can."""
    found: list[str] = []
    for url in account.system.element_urls.values():
        answers: list[httpx.Response] = []

        async def listed(url: str = url, answers: list[httpx.Response] = answers) -> bool:
            answers.append(await account.http.get(f"{url}/api/v1/files"))
            assert answers[-1].status_code in (200, 503), answers[-1].text
            return answers[-1].status_code == 200

        await eventually(listed, "the element does not list its documents")
        found += [item["file_id"] for item in answers[-1].json()["items"]]
    return found


async def send(
    account: Account, key: str, content: bytes = b"content", name: str = "a.txt", **fields: Any
) -> httpx.Response:
    return await account.upload(name, content, headers={"Idempotency-Key": key}, **fields)


async def stored(account: Account, key: str, content: bytes = b"content", **fields: Any) -> dict[str, Any]:
    answer = await send(account, key, content, **fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


class TestSentAgain:
    @pytest.mark.parametrize("content", [b"content", LARGE], ids=["small", "large"])
    async def test_has_the_same_answer_and_one_document(
        self, account: Account, key: str, content: bytes
    ) -> None:
        first = await send(account, key, content, description="d", tags=["a"], custom_attributes={"n": 1})
        again = await send(account, key, content, description="d", tags=["a"], custom_attributes={"n": 1})
        assert first.status_code == again.status_code == 201
        assert again.content == first.content
        for name in ("ETag", "Location", "Content-Type"):
            assert again.headers[name] == first.headers[name]
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await documents(account) == [first.json()["file_id"]]

    async def test_as_a_body_without_a_form(self, account: Account, key: str) -> None:
        async def send() -> httpx.Response:
            return await account.http.post(
                f"{account.system.ingester_url}/api/v1/files",
                params={"filename": "a.txt", "description": "d"},
                headers={"Idempotency-Key": f'"{key}"'},
                content=LARGE,
            )

        first, again = await send(), await send()
        assert first.status_code == again.status_code == 201, (first.text, again.text)
        assert again.content == first.content
        assert await documents(account) == [first.json()["file_id"]]

    async def test_many_at_once_are_one(self, account: Account, key: str) -> None:
        found = await asyncio.gather(*(stored(account, key) for _ in range(10)))
        assert len({document["file_id"] for document in found}) == 1
        assert await documents(account) == [found[0]["file_id"]]

    async def test_large_ones_at_once_are_one(self, account: Account, key: str) -> None:
        found = await asyncio.gather(*(stored(account, key, LARGE) for _ in range(3)))
        assert await documents(account) == [found[0]["file_id"]]

    async def test_after_the_document_was_deleted(
        self, account: Account, key: str, system: RunningSystem
    ) -> None:
        first = await stored(account, key, retention_policy="temporary")
        edit = system.element_urls["edit-01"]
        assert (await account.http.delete(f"{edit}/api/v1/files/{first['file_id']}")).status_code == 204
        assert await stored(account, key, retention_policy="temporary") == first
        assert await documents(account) == []

    async def test_its_digest_is_compared_as_well(self, account: Account, key: str) -> None:
        first = await stored(account, key)
        for digest, slug in (
            ("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "digest-mismatch"),
            ("nonsense", "invalid-parameter"),
        ):
            headers = {"Idempotency-Key": key, "Repr-Digest": digest}
            problem(await account.upload("a.txt", b"content", headers=headers), slug, 422)
        assert await documents(account) == [first["file_id"]]


class TestAnother:
    @pytest.mark.parametrize(
        "changes",
        [
            {"content": b"another"},
            {"content": b""},
            {"name": "b.txt"},
            {"description": "another"},
            {"retention_policy": "temporary"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    async def test_is_refused(self, account: Account, key: str, changes: dict[str, Any]) -> None:
        first = await stored(account, key)
        answer = await send(account, key, **changes)
        if changes.get("content") == b"":
            problem(answer, "file-empty", 400)
        else:
            assert problem(answer, "idempotency-key-reused", 422)["field"] == "Idempotency-Key"
        assert await documents(account) == [first["file_id"]]

    async def test_at_the_same_time_is_refused(self, account: Account, key: str) -> None:
        answers = await asyncio.gather(*(send(account, key, b"%d" % number) for number in range(8)))
        good = {answer.json()["file_id"] for answer in answers if answer.status_code == 201}
        assert len(good) == 1
        for answer in answers:
            if answer.status_code != 201:
                problem(answer, "idempotency-key-reused", 422)
        assert await documents(account) == list(good)

    async def test_account_has_keys_of_its_own(
        self, account: Account, key: str, system: RunningSystem
    ) -> None:
        other = await system.create_account()
        assert (await stored(account, key))["file_id"] != (await stored(other, key, b"other"))["file_id"]


async def test_a_refused_upload_does_not_use_its_key_up(account: Account, key: str) -> None:
    problem(await send(account, key, b""), "file-empty", 400)
    problem(await send(account, key, custom_attributes={"a": "x" * 5000}), "attributes-too-large", 422)
    document = await stored(account, key)
    assert await documents(account) == [document["file_id"]]


@pytest.mark.parametrize("bad", ['"', "x" * 300, "a b"])
async def test_what_is_no_key(account: Account, bad: str) -> None:
    assert problem(await send(account, bad), "invalid-parameter", 422)["field"] == "Idempotency-Key"
    assert await documents(account) == []


class TestFailures:
    @pytest.fixture
    async def account(self, own_system: RunningSystem) -> AsyncIterator[Account]:
        yield await own_system.create_account()
        await own_system.close_accounts()

    async def until_stored(self, account: Account, key: str, content: bytes = b"content") -> dict[str, Any]:
        answers: list[httpx.Response] = []

        async def taken() -> bool:
            try:
                answers.append(await send(account, key, content))
            except httpx.TransportError:
                return False
            assert answers[-1].status_code in (201, 503), answers[-1].text
            return answers[-1].status_code == 201

        await eventually(taken, "it is not taken")
        document: dict[str, Any] = answers[-1].json()
        return document

    async def test_ingester_dies_before_it_kept_the_answer(
        self, account: Account, key: str, own_system: RunningSystem
    ) -> None:
        """The element has the document; in the database stands what stood there before it answered."""
        first = await stored(account, key)
        await own_system.kill("ingester")
        with own_system.database() as connection:
            changed = connection.execute(
                "UPDATE ingester.idempotency_keys SET answer = NULL, fingerprint = NULL WHERE key = %s",
                (key,),
            )
            assert changed.rowcount == 1
        await own_system.start("ingester")
        assert await self.until_stored(account, key) == first
        problem(await send(account, key, b"another"), "idempotency-key-reused", 422)
        assert await documents(account) == [first["file_id"]]

    async def test_another_document_after_such_a_death(
        self, account: Account, key: str, own_system: RunningSystem
    ) -> None:
        first = await stored(account, key)
        with own_system.database() as connection:
            connection.execute(
                "UPDATE ingester.idempotency_keys SET answer = NULL, fingerprint = NULL WHERE key = %s",
                (key,),
            )
        for other in ({"content": b"another"}, {"name": "b.txt"}, {"description": "another"}):
            problem(await send(account, key, **other), "idempotency-key-reused", 422)
        assert await stored(account, key) == first

    async def test_other_names_at_once_are_refused(self, account: Account, key: str) -> None:
        names = [f"{number}.txt" for number in range(6)]
        answers = await asyncio.gather(*(send(account, key, name=name) for name in names))
        good = [(name, answer) for name, answer in zip(names, answers, strict=True) if answer.is_success]
        assert [answer.json()["original_filename"] for _, answer in good] == [name for name, _ in good]
        assert len(good) == 1

    @pytest.mark.parametrize("victim", ["ingester", "rw-01"])
    async def test_a_service_dies_in_the_middle(
        self, account: Account, key: str, own_system: RunningSystem, victim: str
    ) -> None:
        halfway, go_on = asyncio.Event(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield LARGE[: len(LARGE) // 2]
            halfway.set()
            await go_on.wait()
            yield LARGE[len(LARGE) // 2 :]

        async def raw(content: Any) -> httpx.Response:
            return await account.http.post(
                f"{own_system.ingester_url}/api/v1/files",
                params={"filename": "a.txt"},
                headers={"Idempotency-Key": key},
                content=content,
            )

        staged = own_system.staged("rw-01")
        first = asyncio.create_task(raw(body()))
        await halfway.wait()
        await own_system.staging_gets_a_file("rw-01", besides=staged)
        await own_system.kill(victim)
        go_on.set()
        with suppress(httpx.TransportError):
            assert (await first).status_code == 503
        await own_system.start(victim)
        answers: list[httpx.Response] = []

        async def taken() -> bool:
            answers.append(await raw(LARGE))
            return answers[-1].status_code == 201

        await eventually(taken, "it is not taken")
        assert await documents(account) == [answers[-1].json()["file_id"]]

    async def test_database_is_away(self, account: Account, key: str, own_system: RunningSystem) -> None:
        """Without a key uploads go on; with one they wait, for nobody could tell what was stored before."""
        await own_system.kill("postgres")
        try:
            refused = await send(account, key)
            problem(refused, "dependency-unavailable", 503)
            assert "Retry-After" in refused.headers
            assert (await account.upload("b.txt", b"without")).status_code == 201
            assert (await own_system.health("ingester"))["status"] == "degraded"
        finally:
            await own_system.start("postgres")
        document = await self.until_stored(account, key)
        assert sorted(await documents(account))[-1] == document["file_id"]
