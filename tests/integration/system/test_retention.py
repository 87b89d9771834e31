"""How long documents are kept, asked through Ingester and Query as applications do."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.elements import AtElement, problem
from tests.support.expiring import expired, trail_of
from tests.support.finalization import begun, is_permanent, stored
from tests.support.system import Account, RunningSystem, eventually
from tests.support.tus import Tus

TEMPORARY: dict[str, Any] = {"retention_policy": "temporary"}
REASON = {"reason": "case 12/26"}


@pytest.fixture
async def operator(system: RunningSystem) -> Account:
    return await system.create_account(role="OPERATOR")


def lives_for(document: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["created_at"])


async def ask(account: Account, method: str, path: str, **more: Any) -> httpx.Response:
    return await account.http.request(method, f"{account.system.ingester_url}/api/v1/files{path}", **more)


class TestTimeOfAnUpload:
    async def test_form(self, account: Account) -> None:
        assert lives_for(await stored(account)) == timedelta(days=30)
        assert lives_for(await stored(account, ttl_days="7")) == timedelta(days=7)
        answer = await ask(
            account,
            "POST",
            "/upload",
            params={**TEMPORARY, "ttl_days": "8"},
            files={"file": ("a.txt", b"content")},
        )
        assert lives_for(answer.json()) == timedelta(days=8)

    async def test_body_itself(self, account: Account) -> None:
        params = {"filename": "a.txt", "ttl_days": "9", **TEMPORARY}
        answer = await ask(account, "POST", "", params=params, content=b"content")
        assert lives_for(answer.json()) == timedelta(days=9)

    async def test_resumable(self, account: Account) -> None:
        tus = Tus(account)
        url = await tus.create(7, ttl_days="10", **TEMPORARY)
        answer = await tus.patch(url, 0, b"content")
        assert answer.status_code == 204, answer.text
        document = (await tus.ask("GET", url)).json()["document"]
        assert timedelta(days=10) <= lives_for(document) < timedelta(days=10, hours=1)  # from its end on

    async def test_permanent_ones_have_none(self, account: Account) -> None:
        for answer in (
            await account.upload("a.txt", b"content", ttl_days="7"),
            await ask(account, "POST", "", params={"filename": "a.txt", "ttl_days": "7"}, content=b"content"),
            await account.upload("a.txt", b"content", ttl_days="0", **TEMPORARY),
        ):
            assert problem(answer, "invalid-parameter", 422)["field"] == "ttl_days"

    async def test_another_one_is_another_upload(self, account: Account) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        first = await account.upload("a.txt", b"content", headers=key, ttl_days="7", **TEMPORARY)
        again = await account.upload("a.txt", b"content", headers=key, ttl_days="7", **TEMPORARY)
        assert again.json() == first.json()
        other = await account.upload("a.txt", b"content", headers=key, ttl_days="8", **TEMPORARY)
        problem(other, "idempotency-key-reused", 422)


class TestExtension:
    async def test_is_seen_everywhere(self, account: Account, system: RunningSystem) -> None:
        document = await stored(account, f"{uuid4().hex}.txt")
        file_id = document["file_id"]
        answer = await ask(account, "PUT", f"/{file_id}/retention", json={"ttl_days": 90})
        assert answer.status_code == 200, answer.text
        extended = answer.json()
        assert extended["expires_at"] > document["expires_at"]

        async def read() -> bool:
            answer = await account.http.get(f"{system.query_url}/api/v1/files/{file_id}")
            return bool(answer.json()["expires_at"] == extended["expires_at"])

        async def found() -> bool:
            hits = await account.search(document["original_filename"])
            return [hit["expires_at"] for hit in hits] == [extended["expires_at"]]

        await eventually(read, "Query does not tell the new time")
        await eventually(found, "the search does not show the new time")
        again = await ask(
            account, "PUT", f"/{file_id}/retention", json={"ttl_days": 91}, headers={"If-Match": '"old"'}
        )
        problem(again, "precondition-failed", 412)

    async def test_refusals_are_the_elements(self, account: Account, other_account: Account) -> None:
        document = await stored(account)
        path = f"/{document['file_id']}/retention"
        assert "expires_at" in problem(await ask(account, "PUT", path, json={"ttl_days": 1}), "conflict", 409)
        problem(await ask(account, "PUT", path, json={"ttl_days": "x"}), "invalid-parameter", 422)
        problem(await ask(account, "PUT", path, content=b"x" * 5000), "request-too-large", 413)
        problem(await ask(other_account, "PUT", path, json={"ttl_days": 90}), "not-found", 404)
        problem(await ask(account, "PUT", f"/{uuid4()}/retention", json={"ttl_days": 90}), "not-found", 404)
        permanent = (await account.upload("a.txt", b"content")).json()["file_id"]
        problem(await ask(account, "PUT", f"/{permanent}/retention", json={"ttl_days": 90}), "conflict", 409)


class TestHold:
    async def test_goes_along_when_the_document_becomes_permanent(
        self, account: Account, operator: Account, system: RunningSystem
    ) -> None:
        document = await stored(account, ttl_days="1")
        file_id = document["file_id"]
        held = await ask(operator, "PUT", f"/{file_id}/hold", json=REASON)
        assert held.status_code == 200, held.text
        problem(await ask(account, "DELETE", f"/{file_id}"), "legal-hold", 409)
        await is_permanent(account, await begun(account, file_id))
        after = await AtElement(account, "rw-01").told(f"files/{file_id}")
        assert after["legal_hold"] == held.json()["legal_hold"]
        assert "expires_at" not in after
        released = await ask(operator, "DELETE", f"/{file_id}/hold")
        assert released.status_code == 204, released.text
        assert "legal_hold" not in await AtElement(account, "rw-01").told(f"files/{file_id}")
        entries = await trail_of(system, file_id)
        assert [entry["action"] for entry in entries] == ["document.held", "document.released"]
        assert [entry["details"]["element_id"] for entry in entries] == ["edit-01", "rw-01"]

    async def test_is_shown_by_the_search(self, account: Account, operator: Account) -> None:
        document = await stored(account, f"{uuid4().hex}.txt")
        assert (await ask(operator, "PUT", f"/{document['file_id']}/hold", json=REASON)).status_code == 200

        async def found() -> bool:
            hits = await account.search(document["original_filename"])
            return [hit.get("legal_hold", {}).get("reason") for hit in hits] == [REASON["reason"]]

        await eventually(found, "the search does not show the hold")

    async def test_of_those_who_may(self, account: Account) -> None:
        document = await stored(account)
        problem(
            await ask(account, "PUT", f"/{document['file_id']}/hold", json=REASON), "insufficient-scope", 403
        )
        problem(await ask(account, "DELETE", f"/{document['file_id']}/hold"), "insufficient-scope", 403)

    async def test_of_nothing(self, operator: Account) -> None:
        problem(await ask(operator, "PUT", f"/{uuid4()}/hold", json=REASON), "not-found", 404)
        problem(await ask(operator, "DELETE", "/none/hold"), "not-found", 404)


async def test_what_expired_is_found_by_nobody(account: Account, system: RunningSystem) -> None:
    document = await expired(AtElement(account, "edit-01"))

    async def gone() -> bool:
        read = await account.http.get(f"{system.query_url}/api/v1/files/{document['file_id']}")
        return read.status_code == 404

    await eventually(gone, "the document does not expire")

    async def not_found() -> bool:
        return await account.search("over") == []

    await eventually(not_found, "the search shows what has expired")
    [entry] = await trail_of(system, document["file_id"])
    assert entry["action"] == "document.expired"
