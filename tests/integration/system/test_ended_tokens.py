"""Tokens that end before their time, at all four services; and what accounts were granted, where it counts."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from artstore.launcher.environment import INITIAL_ADMINISTRATOR
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


class Person:
    """A SUPER_ADMIN who has logged in. No second one is the last."""

    def __init__(self, system: RunningSystem, http: httpx.AsyncClient) -> None:
        self._http = http
        self._base = f"{system.admin_url}/api/v1"
        self.username = f"someone.{uuid4().hex[:8]}"
        self.password = f"walnut-{uuid4().hex}"
        self.id = ""

    @classmethod
    async def made(cls, system: RunningSystem, http: httpx.AsyncClient, by: str) -> "Person":
        person = cls(system, http)
        wanted = {"username": person.username, "role": "SUPER_ADMIN"}
        created = (await person.call("POST", "admin-users", wanted, token=by)).json()
        person.id = created["id"]
        told = {"username": person.username, "code": created["reset_code"], "new_password": person.password}
        await person.call("POST", "admin-auth/password/reset", told)
        return person

    async def log_in(self) -> dict[str, str]:
        told = {"username": self.username, "password": self.password, "refresh_token_in": "body"}
        answer: dict[str, str] = (await self.call("POST", "admin-auth/login", told)).json()
        return answer

    async def call(self, method: str, path: str, body: Any = None, *, token: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self._http.request(method, f"{self._base}/{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer


class TestEndedSession:
    @pytest.fixture
    async def http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(timeout=30) as http:
            yield http

    @pytest.fixture
    async def root(self, system: RunningSystem, http: httpx.AsyncClient) -> str:
        """The token of somebody who may do everything."""
        first = Person(system, http)
        first.username, first.password = INITIAL_ADMINISTRATOR, system.initial_admin_password
        return (await first.log_in())["access_token"]

    @pytest.fixture
    async def person(self, system: RunningSystem, http: httpx.AsyncClient, root: str) -> Person:
        return await Person.made(system, http, root)

    async def test_by_logout(self, system: RunningSystem, person: Person) -> None:
        ended, goes_on = await person.log_in(), await person.log_in()
        assert await services_that_take_it(system, ended["access_token"]) == ALL
        await person.call("POST", "admin-auth/logout", {"refresh_token": ended["refresh_token"]})
        await refused_everywhere(system, ended["access_token"])
        assert await services_that_take_it(system, goes_on["access_token"]) == ALL

    async def test_also_the_tokens_before_a_refresh(self, system: RunningSystem, person: Person) -> None:
        session = await person.log_in()
        refreshed = (
            await person.call("POST", "admin-auth/refresh", {"refresh_token": session["refresh_token"]})
        ).json()
        await person.call("POST", "admin-auth/logout", {"refresh_token": refreshed["refresh_token"]})
        for token in (session["access_token"], refreshed["access_token"]):
            await refused_everywhere(system, token)

    async def test_by_a_change_of_the_password(self, system: RunningSystem, person: Person) -> None:
        here, there = await person.log_in(), await person.log_in()
        body = {"old_password": person.password, "new_password": f"hazel-{uuid4().hex}"}
        await person.call("POST", "admin-auth/password", body, token=here["access_token"])
        await refused_everywhere(system, there["access_token"])
        assert await services_that_take_it(system, here["access_token"]) == ALL

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "", {"role": "READONLY"}),
            ("PATCH", "", {"is_active": False}),
            ("POST", "/password-reset", None),
            ("DELETE", "/sessions", None),
            ("DELETE", "", None),
        ],
    )
    async def test_by_others(
        self, system: RunningSystem, person: Person, root: str, method: str, path: str, body: Any
    ) -> None:
        session = await person.log_in()
        assert await services_that_take_it(system, session["access_token"]) == ALL
        await person.call(method, f"admin-users/{person.id}{path}", body, token=root)
        await refused_everywhere(system, session["access_token"])


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
