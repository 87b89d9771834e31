"""Tokens that end before their time, at all four services; and what accounts were granted, where it counts."""

import json
from typing import Any

import httpx
import pytest

from tests.support.suspension import refused_everywhere, services_that_take_it
from tests.support.system import Account, RunningSystem

ALL = {"admin", "ingester", "query", "edit-01", "rw-01"}


class At:
    """The administrator's requests about one account."""

    def __init__(self, admin: Account, account: Account) -> None:
        self._http = admin.http
        self._base = f"{admin.system.admin_url}/api/v1/service-accounts"
        self._name = account.name

    async def id(self) -> str:
        page = (await self._http.get(self._base, params={"q": self._name, "status": "active"})).json()
        found: str = page["items"][0]["id"]
        return found

    async def do(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = await self._http.request(method, f"{self._base}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer


class TestEnded:
    async def test_by_a_suspension(self, system: RunningSystem, admin: Account, account: Account) -> None:
        about = At(admin, account)
        assert await services_that_take_it(system, account.token) == ALL
        account_id = await about.id()
        await about.do("POST", f"{account_id}/suspend")
        await refused_everywhere(system, account.token)
        await about.do("POST", f"{account_id}/activate")
        old = account.token
        await account.refresh()
        assert await services_that_take_it(system, account.token) == ALL
        assert await services_that_take_it(system, old) == set()

    async def test_by_a_deletion(self, system: RunningSystem, admin: Account, account: Account) -> None:
        about = At(admin, account)
        assert await services_that_take_it(system, account.token) == ALL
        await about.do("DELETE", await about.id())
        await refused_everywhere(system, account.token)

    async def test_by_the_client(self, system: RunningSystem, account: Account) -> None:
        ended = account.token
        await account.refresh()
        assert await services_that_take_it(system, ended) == ALL
        async with account.anonymous() as http:
            answer = await http.post(
                f"{system.admin_url}/api/v1/auth/revoke", data={"token": ended}, auth=account.credentials
            )
        assert answer.status_code == 200
        await refused_everywhere(system, ended)
        assert await services_that_take_it(system, account.token) == ALL


async def granted(admin: Account, account: Account, owner: Account, *scopes: str) -> None:
    """``account`` may do that with the documents of ``owner``, and has a token that says so."""
    path = f"{await At(admin, account).id()}/grants/{await At(admin, owner).id()}"
    await At(admin, account).do("PUT", path, {"scopes": list(scopes)})
    await account.refresh()


class TestGranted:
    """What ``account`` may do with a document of ``other_account``."""

    @pytest.fixture
    async def document(self, other_account: Account) -> dict[str, Any]:
        answer = await other_account.upload(
            "granted.txt", b"granted", retention_policy="temporary", tags=["granted"]
        )
        assert answer.status_code == 201
        stored: dict[str, Any] = answer.json()
        await other_account.find("granted", stored["file_id"])
        return stored

    async def test_nothing_without_a_grant(self, account: Account, document: dict[str, Any]) -> None:
        assert await self.outcomes(account, document) == {
            "search": 0,
            "query": 404,
            "download": 404,
            "element": 404,
            "listing": 0,
            "patch": 404,
            "delete": 404,
        }

    async def test_to_read(
        self, account: Account, other_account: Account, admin: Account, document: dict[str, Any]
    ) -> None:
        await granted(admin, account, other_account, "files:read")
        assert await self.outcomes(account, document) == {
            "search": 1,
            "query": 200,
            "download": 200,
            "element": 200,
            "listing": 1,
            "patch": 403,
            "delete": 403,
        }

    async def test_to_change(
        self, account: Account, other_account: Account, admin: Account, document: dict[str, Any]
    ) -> None:
        await granted(admin, account, other_account, "files:write")
        outcomes = await self.outcomes(account, document)
        assert (outcomes["download"], outcomes["patch"], outcomes["delete"]) == (200, 200, 403)

    async def test_others_documents_stay_hidden(
        self,
        system: RunningSystem,
        account: Account,
        other_account: Account,
        admin: Account,
        document: dict[str, Any],
    ) -> None:
        third = await system.create_account()
        await granted(admin, account, third, "files:read")
        assert (await self.outcomes(account, document))["query"] == 404

    async def test_what_it_stores_is_its_own(
        self, account: Account, other_account: Account, admin: Account
    ) -> None:
        await granted(admin, account, other_account, "files:write")
        stored = (await account.upload("mine.txt", b"mine")).json()
        assert stored["created_by_username"] == account.name
        assert (await other_account.download(stored["file_id"])).status_code == 404

    async def test_taken_back(
        self,
        system: RunningSystem,
        account: Account,
        other_account: Account,
        admin: Account,
        document: dict[str, Any],
    ) -> None:
        await granted(admin, account, other_account, "files:read")
        path = f"{await At(admin, account).id()}/grants/{await At(admin, other_account).id()}"
        await At(admin, account).do("DELETE", path)
        await refused_everywhere(system, account.token)
        await account.refresh()
        assert (await account.download(document["file_id"])).status_code == 404

    async def outcomes(self, account: Account, document: dict[str, Any]) -> dict[str, int]:
        """Status of each request about the document, and how often lists have it."""
        file_id, http = document["file_id"], account.http
        element = account.system.element_urls["edit-01"]
        at_element = f"{element}/api/v1/files/{file_id}"
        read = await http.get(at_element)
        listing = (await http.get(f"{element}/api/v1/files", params={"limit": 1000})).json()["items"]
        patch = await http.patch(
            f"{at_element}/metadata",
            content=json.dumps({"description": "changed"}),
            headers={
                "Content-Type": "application/merge-patch+json",
                "If-Match": read.headers.get("ETag", '"x"'),
            },
        )
        hits = [hit["file_id"] for hit in await account.search("granted")]
        return {
            "search": hits.count(file_id),
            "query": (await http.get(f"{account.system.query_url}/api/v1/files/{file_id}")).status_code,
            "download": (await account.download(file_id)).status_code,
            "element": read.status_code,
            "listing": [item["file_id"] for item in listing].count(file_id),
            "patch": patch.status_code,
            "delete": (await http.delete(at_element)).status_code,
        }
