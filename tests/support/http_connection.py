"""One HTTP/1.1 connection, byte for byte: cheap enough for a load, and it can break off anywhere."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.secrecy.observing import heard

_REFUSED = 400


class AnswerLost(Exception):
    """The connection broke before the whole answer was here: what became of the request is unknown."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The type of a refusal."""
        return str(self.json()["type"])


class Connection:
    """Sends one request after another. Every method raises AnswerLost; use a new connection then."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, token: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._always = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"

    @classmethod
    async def open(cls, url: str, token: str) -> Self:
        address = urlsplit(url)
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
        except OSError as error:
            raise AnswerLost from error
        return cls(reader, writer, address.netloc, token)

    async def request(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        try:
            self._writer.write(self._head(method, target, headers, len(body)) + body)
            await self._writer.drain()
            return await self._read(method)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise AnswerLost from error

    async def break_off(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, sent: int
    ) -> None:
        """Announces a body, sends the first ``sent`` bytes of it, and closes the connection."""
        try:
            self._writer.write(self._head(method, target, headers, len(body)) + body[:sent])
            await self._writer.drain()
        except OSError as error:
            raise AnswerLost from error
        finally:
            await self.close()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):  # it was broken: then it is closed as well
            await self._writer.wait_closed()

    def _head(self, method: str, target: str, headers: Mapping[str, str] | None, size: int) -> bytes:
        given = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        length = f"Content-Length: {size}\r\n" if method not in ("GET", "HEAD", "DELETE") else ""
        return f"{method} {target} HTTP/1.1\r\n{self._always}{given}{length}\r\n".encode()

    async def _read(self, method: str) -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        status = int(first.split(" ")[1])
        empty = method == "HEAD" or status in (204, 304)
        size = 0 if empty else int(headers["content-length"])
        body = await self._reader.readexactly(size)
        if status >= _REFUSED:
            heard("answers", body)
        return Answer(status, headers, body)
