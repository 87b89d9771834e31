"""Elements that run without Ingester and Query, and accounts that speak to them directly."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from artstore.launcher.settings import Element, SystemSettings
from artstore.launcher.system import Profile, System
from tests.support.system import Account, RunningSystem, eventually


class ElementSystem(System):
    """PostgreSQL, Redis, Admin and the elements."""

    @property
    def service_names(self) -> list[str]:
        return ["admin", *(element.element_id for element in self.settings.elements)]

    @property
    def profile(self) -> Profile:
        return Profile(
            admin_url=self.url("admin"),
            ingester_url="",
            query_url="",
            client_id="artstore-initial",
            client_secret=self._started.initial_client_secret,
        )


def running_elements(folder: Path, *elements: Element) -> RunningSystem:
    settings = SystemSettings(default_ports={}, elements=elements, durable_database=False)
    return RunningSystem(folder, settings, make=ElementSystem)


class AtElement:
    """One account at one element."""

    def __init__(self, account: Account, element_id: str) -> None:
        self.account = account
        self.element_id = element_id
        self.url = account.system.element_urls[element_id]

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """``path`` is what follows ``/api/v1/``."""
        return await self.account.http.request(method, f"{self.url}/api/v1/{path}", **options)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.ask("GET", path, params=params)

    async def told(self, path: str, **params: Any) -> dict[str, Any]:
        """The JSON of an answer that must be 200."""
        answer = await self.get(path, **params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def upload(
        self,
        name: str,
        content: bytes,
        *,
        custom_attributes: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        **fields: str,
    ) -> httpx.Response:
        # Where documents can be deleted, they mostly are those that may be.
        policy = {} if self.element_id.startswith("rw") else {"retention_policy": "temporary"}
        data: dict[str, Any] = policy | fields
        if custom_attributes is not None:
            data["custom_attributes"] = json.dumps(custom_attributes)
        if tags is not None:
            data["tags"] = tags
        return await self.ask("POST", "files/upload", data=data, files={"file": (name, content)})

    async def store(self, name: str = "a.txt", content: bytes = b"content", **more: Any) -> dict[str, Any]:
        """The document that was stored."""
        answer = await self.upload(name, content, **more)
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def tag(self, file_id: str) -> str:
        """The ETag of a document's attributes."""
        answer = await self.get(f"files/{file_id}")
        assert answer.status_code == 200, answer.text
        return answer.headers["ETag"]

    async def patch(
        self, file_id: str, change: Any, tag: str | None, content_type: str = "application/merge-patch+json"
    ) -> httpx.Response:
        headers = {"Content-Type": content_type} | ({} if tag is None else {"If-Match": tag})
        content = change if isinstance(change, bytes) else json.dumps(change).encode()
        return await self.ask("PATCH", f"files/{file_id}/metadata", content=content, headers=headers)

    async def download(self, file_id: str, **headers: str) -> httpx.Response:
        return await self.ask("GET", f"files/{file_id}/download", headers=headers)

    async def listed(self, **params: Any) -> list[dict[str, Any]]:
        """All pages of a listing."""
        items: list[dict[str, Any]] = []
        while True:
            page = await self.told("files", **params)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            params["cursor"] = page["next_cursor"]

    async def metric(self, name: str, **labels: str) -> float:
        """The value of a metric, 0 where it was never counted."""
        text = (await self.account.http.get(f"{self.url}/metrics")).text
        for line in text.splitlines():
            sample, _, value = line.rpartition(" ")
            found, _, told = sample.partition("{")
            if found == name and all(f'{key}="{wanted}"' in told for key, wanted in labels.items()):
                return float(value)
        return 0.0

    async def index_lag(self) -> float:
        """Changes that the index has not taken."""
        return await self.metric("artstore_storage_follower_lag", follower="index")

    async def has_followed(self) -> None:
        """Until every follower has all that the log has: files lie where they belong."""

        async def followed() -> bool:
            followers = (await self.told("wal"))["followers"].values()
            return all(each["lag"] == 0 and each["away"] is None for each in followers)

        await eventually(followed, "the followers do not catch up")

    async def index_has_all(self) -> None:
        """Until the index has everything that the log has, and whoever asks is answered from it.

        Without anything to follow it may be away for a while after PostgreSQL is back.
        """

        async def caught_up() -> bool:
            return await self.index_lag() == 0 and (await self.get("files", limit=1)).status_code == 200

        await eventually(caught_up, "the index does not catch up")


def problem(answer: httpx.Response, slug: str, status: int) -> dict[str, Any]:
    """The problem that an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:artstore:problem:{slug}", body
    assert body["status"] == status
    assert body["detail"].endswith(".")
    return body
