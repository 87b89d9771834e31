"""A client of tus that does exactly what a test says."""

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from tests.support.system import Account

VERSION = {"Tus-Resumable": "1.0.0"}
PIECE = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def checksum(algorithm: str, data: bytes) -> dict[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


class Tus:
    """One account at the Ingester."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.base = account.system.ingester_url
        self.endpoint = f"{self.base}/api/v1/uploads"

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        return await self.account.http.request(method, url, headers={**VERSION, **(headers or {})}, **more)

    async def post(self, headers: Mapping[str, str], content: bytes | None = None) -> httpx.Response:
        more = PIECE if content is not None else {}
        return await self.ask("POST", self.endpoint, {**headers, **more}, content=content)

    async def create(
        self,
        length: int | None,
        name: str = "a.bin",
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **values: str,
    ) -> str:
        """The address of a new upload."""
        sized = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        told = {"Upload-Metadata": metadata(filename=name, **values)}
        answer = await self.post({**sized, **told, **(headers or {})}, content)
        assert answer.status_code == 201, answer.text
        return self.base + answer.headers["Location"]

    async def patch(
        self,
        url: str,
        offset: int,
        content: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        told = {"Upload-Offset": str(offset), **PIECE, **(headers or {})}
        return await self.ask("PATCH", url, told, content=content)

    async def head(self, url: str) -> httpx.Response:
        return await self.ask("HEAD", url)

    async def offset(self, url: str) -> int:
        answer = await self.head(url)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["Upload-Offset"])

    async def status(self, url: str) -> dict[str, Any]:
        answer = await self.account.http.get(url)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def document(self, url: str) -> dict[str, Any]:
        """What the upload became."""
        status = await self.status(url)
        assert status["complete"], status
        document: dict[str, Any] = status["document"]
        return document

    async def content(self, url: str) -> bytes:
        """The bytes of what it became."""
        answer = await self.account.download((await self.document(url))["file_id"])
        assert answer.status_code == 200, answer.text
        return answer.content
