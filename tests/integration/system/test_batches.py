"""Documents that are stored together or not at all, through the Ingester, by every way that there is."""

import asyncio
import hashlib
import uuid
from typing import Any

import httpx
import pytest

from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import Tus


def problem(answer: httpx.Response) -> str:
    """The kind of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return str(answer.json()["type"]).rpartition(":")[2]


class Batches:
    """One account's batches."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.url = f"{account.system.ingester_url}/api/v1/batches"

    async def open(self, **members: Any) -> dict[str, Any]:
        answer = await self.account.http.post(self.url, json=members or None)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"/api/v1/batches/{answer.json()['batch_id']}"
        opened: dict[str, Any] = answer.json()
        return opened

    async def read(self, batch_id: str) -> dict[str, Any]:
        answer = await self.account.http.get(f"{self.url}/{batch_id}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def commit(self, batch_id: str, **members: Any) -> httpx.Response:
        return await self.account.http.post(f"{self.url}/{batch_id}/commit", json=members or None)

    async def put(
        self, batch_id: str, name: str, content: bytes, headers: dict[str, str] | None = None, **query: str
    ) -> httpx.Response:
        """As a form."""
        return await self.account.http.post(
            f"{self.account.system.ingester_url}/api/v1/files/upload",
            params={"batch_id": batch_id, **query},
            files={"file": (name, content)},
            headers=headers,
        )

    async def put_raw(self, batch_id: str, name: str, content: bytes) -> httpx.Response:
        return await self.account.http.post(
            f"{self.account.system.ingester_url}/api/v1/files",
            params={"batch_id": batch_id, "filename": name, "description": "raw"},
            content=content,
        )

    async def documents(self, batch_id: str, limit: int = 100) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        parameters: dict[str, str] = {"limit": str(limit)}
        while True:
            answer = await self.account.http.get(f"{self.url}/{batch_id}/documents", params=parameters)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            parameters["cursor"] = page["next_cursor"]


@pytest.fixture
def batches(account: Account) -> Batches:
    return Batches(account)


async def test_every_way_in_and_all_at_once(batches: Batches, account: Account) -> None:
    batch = await batches.open()
    assert (batch["state"], batch["documents"], batch["retention_policy"]) == ("open", 0, "permanent")
    word = f"партия{uuid.uuid4().hex[:8]}"
    large = hashlib.shake_128(b"large").digest(2_000_000)
    tus = Tus(account)
    answers = await asyncio.gather(
        batches.put(batch["batch_id"], f"{word} form.txt", b"form"),
        batches.put_raw(batch["batch_id"], f"{word} raw.txt", b"raw"),
        batches.put(batch["batch_id"], f"{word} large.bin", large),
    )
    assert [answer.status_code for answer in answers] == [201] * 3, [answer.text for answer in answers]
    url = await tus.create(len(large), f"{word} tus.bin", batch_id=batch["batch_id"], content=large[:1000])
    answer = await tus.patch(url, 1000, large[1000:])
    assert answer.status_code == 204, answer.text
    ids = [each.json()["file_id"] for each in answers] + [answer.headers["ArtStore-File-Id"]]

    assert (await batches.read(batch["batch_id"]))["documents"] == 4
    assert {each["file_id"] for each in await batches.documents(batch["batch_id"], limit=3)} == set(ids)
    for file_id in ids:
        assert (await account.download(file_id)).status_code == 404
    assert await account.search(word) == []

    answer = await batches.commit(batch["batch_id"], documents=4)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "committed"
    contents = [(await account.download(file_id)).content for file_id in ids]
    assert contents == [b"form", b"raw", large, large]

    async def found() -> bool:
        return len(await account.search(word)) == 4

    await eventually(found, "the documents are not found")
    again = await batches.commit(batch["batch_id"], documents=4)
    assert (again.status_code, again.json()["documents"]) == (200, 4)
    assert {each["file_id"] for each in await batches.documents(batch["batch_id"])} == set(ids)
    late = await batches.put(batch["batch_id"], "late.txt", b"late")
    assert problem(late) == "batch-closed"
    assert problem(await account.http.delete(f"{batches.url}/{batch['batch_id']}")) == "batch-closed"


async def test_given_up(batches: Batches, account: Account) -> None:
    batch = await batches.open()
    document = (await batches.put(batch["batch_id"], "a.txt", b"a")).json()
    answer = await account.http.delete(f"{batches.url}/{batch['batch_id']}")
    assert answer.status_code == 204
    assert (await account.http.get(f"{batches.url}/{batch['batch_id']}")).status_code == 404
    assert (await batches.put(batch["batch_id"], "b.txt", b"b")).status_code == 404
    assert (await batches.commit(batch["batch_id"])).status_code == 404
    assert (await account.download(document["file_id"])).status_code == 404


async def test_temporary(batches: Batches, account: Account) -> None:
    """The policy of the batch is that of its documents, and another one is refused."""
    batch = await batches.open(retention_policy="temporary")
    assert batch["batch_id"].startswith("edit-")
    document = (await batches.put(batch["batch_id"], "a.txt", b"a")).json()
    assert document["retention_policy"] == "temporary"
    other = await batches.put(batch["batch_id"], "b.txt", b"b", retention_policy="permanent")
    assert problem(other) == "invalid-parameter"
    tus = Tus(account)
    url = await tus.create(1, content=b"c", batch_id=batch["batch_id"])
    assert "/edit-" in url
    assert (await batches.commit(batch["batch_id"], documents=2)).status_code == 200
    assert (await tus.document(url))["retention_policy"] == "temporary"


async def test_of_another_number(batches: Batches) -> None:
    batch = await batches.open()
    answer = await batches.commit(batch["batch_id"])
    assert problem(answer) == "batch-incomplete"
    assert answer.json()["detail"] == "The batch has no documents; nothing of it was stored."
    await batches.put(batch["batch_id"], "a.txt", b"a")
    answer = await batches.commit(batch["batch_id"], documents=2)
    assert problem(answer) == "batch-incomplete"
    assert answer.json()["documents"] == 1
    assert (await batches.read(batch["batch_id"]))["state"] == "open"


async def test_of_another_account(batches: Batches, other_account: Account, readonly: Account) -> None:
    """It cannot be told from one that is not there."""
    batch = await batches.open()
    missing = batch["batch_id"][:-32] + "0" * 32
    others = Batches(other_account)
    for batch_id in (batch["batch_id"], missing, "nothing", "a" * 300):
        answers = [
            await others.put(batch_id, "a.txt", b"a"),
            await others.put_raw(batch_id, "a.txt", b"a"),
            await others.commit(batch_id),
            await other_account.http.get(f"{others.url}/{batch_id}"),
            await other_account.http.get(f"{others.url}/{batch_id}/documents"),
            await other_account.http.delete(f"{others.url}/{batch_id}"),
        ]
        assert {problem(answer) for answer in answers} == {"not-found"}, batch_id
    away = await others.put("no-element." + "0" * 32, "a.txt", b"a")
    assert problem(away) == "no-element-available"  # an element that is not known may come back
    headers = {"Upload-Length": "1", "Upload-Metadata": "filename YQ==,batch_id " + "YQ=="}
    assert problem(await Tus(other_account).post(headers)) == "not-found"
    assert (await readonly.http.post(others.url)).status_code == 403
    assert (await batches.read(batch["batch_id"]))["documents"] == 0


@pytest.mark.parametrize(
    "body",
    [{"retention_policy": "for ever"}, {"expected_bytes": 0}, {"expected_bytes": 2**70}, {"more": 1}, []],
    ids=["policy", "nothing", "too much", "unknown", "list"],
)
async def test_what_is_not_opened(account: Account, body: Any) -> None:
    answer = await account.http.post(f"{account.system.ingester_url}/api/v1/batches", json=body)
    assert answer.status_code == 422, answer.text


async def test_bad_cursors(batches: Batches) -> None:
    batch = await batches.open()
    await batches.put(batch["batch_id"], "a.txt", b"a")
    for cursor in ("x", "-1", "1", "99999999"):
        url = f"{batches.url}/{batch['batch_id']}/documents"
        answer = await batches.account.http.get(url, params={"cursor": cursor})
        assert problem(answer) == "invalid-cursor", cursor


async def test_an_upload_is_repeated(batches: Batches) -> None:
    """With its key: one document, though the answer of the first try was lost."""
    batch = await batches.open()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    answers = await asyncio.gather(
        *(batches.put(batch["batch_id"], "a.txt", b"a", headers) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.json()["file_id"] for answer in answers}) == 1
    assert (await batches.read(batch["batch_id"]))["documents"] == 1
    other = await batches.open()
    answer = await batches.put(other["batch_id"], "a.txt", b"a", headers)
    assert problem(answer) == "idempotency-key-reused"
    assert (await batches.commit(batch["batch_id"], documents=1)).status_code == 200


async def test_digest(batches: Batches) -> None:
    batch = await batches.open()
    headers = {"Repr-Digest": "sha-256=:" + "A" * 43 + "=:"}
    answer = await batches.put(batch["batch_id"], "a.txt", b"a", headers)
    assert problem(answer) == "digest-mismatch"
    assert (await batches.read(batch["batch_id"]))["documents"] == 0


async def test_an_element_that_is_killed(own_system: RunningSystem) -> None:
    """What was acknowledged is in the batch afterwards, and its commit may be repeated."""
    account = await own_system.create_account()
    batches = Batches(account)
    batch = await batches.open()
    element = batch["batch_id"].partition(".")[0]
    ids = [(await batches.put(batch["batch_id"], f"{n}.txt", b"%d" % n)).json()["file_id"] for n in range(5)]
    await own_system.kill(element)
    assert problem(await batches.commit(batch["batch_id"])) == "element-unavailable"
    await own_system.start(element)

    async def back() -> bool:
        answer = await account.http.get(f"{batches.url}/{batch['batch_id']}")
        return answer.status_code == 200

    await eventually(back, "the batch does not come back")
    assert [each["file_id"] for each in await batches.documents(batch["batch_id"])] == ids
    assert (await batches.commit(batch["batch_id"], documents=5)).status_code == 200
    await own_system.kill(element)
    await own_system.start(element)
    await eventually(back, "the batch does not come back")
    assert (await batches.commit(batch["batch_id"], documents=5)).status_code == 200
    for number, file_id in enumerate(ids):
        assert (await account.download_when_ready(file_id)).content == b"%d" % number
