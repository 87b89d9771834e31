"""A server that answers as a test tells it, byte for byte: what ArtStore's own services never do can be
tried.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    """Of each parameter the first value."""
    headers: dict[str, str]
    body: bytes
    asked: dict[str, list[str]] = field(default_factory=dict)
    """Of each parameter all values."""


@dataclass
class Reply:
    """``cut`` breaks the connection after so many bytes of the body. What ``hangs`` sends nothing more
    there, or nothing at all without ``cut``, for as long as the client waits. With ``piece_bytes`` the body
    comes in pieces, with ``pause_seconds`` between them.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hangs: bool = False
    piece_bytes: int | None = None
    pause_seconds: float = 0

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> "Reply":
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def problem(cls, slug: str, status: int, **headers: str) -> "Reply":
        uri = f"urn:artstore:problem:{slug}"
        body = {"type": uri, "title": slug, "status": status, "detail": f"about {slug}", "request_id": "r-1"}
        return cls.of(body, status, **headers)


Script = Callable[[Request], Reply | Awaitable[Reply]]


class ScriptedServer:
    """Keeps every request it got. Gives tokens by itself, after it has refused some."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self.tokens = 0
        self.token_given = asyncio.Event()
        self.url = ""
        self._script = script
        self.refuse_tokens: list[Reply] = []
        """Answered to the first requests for a token."""
        self.refuse_early: Reply | None = None
        """Answered as soon as the head of a POST to the upload address has come."""

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await self._read(reader, writer)) is not None:
                reply = await self._reply(request)
                head = f"HTTP/1.1 {reply.status} X\r\nContent-Length: {len(reply.body)}\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
                body = b"" if request.method == "HEAD" else reply.body[: reply.cut]
                if not reply.hangs or reply.cut is not None:
                    size = reply.piece_bytes or max(1, len(body))
                    writer.write(head.encode() + b"\r\n" + body[:size])
                    await writer.drain()
                    for start in range(size, len(body), size):
                        await asyncio.sleep(reply.pause_seconds)
                        writer.write(body[start : start + size])
                        await writer.drain()
                if reply.hangs:
                    await reader.read()
                if reply.cut is not None or reply.hangs:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _reply(self, request: Request) -> Reply:
        if request.path == "/api/v1/auth/token":
            self.tokens += 1
            self.token_given.set()
            if self.refuse_tokens:
                return self.refuse_tokens.pop(0)
            return Reply.of(
                {"access_token": f"t{self.tokens}", "token_type": "Bearer", "expires_in": 3600, "scope": ""}
            )
        self.requests.append(request)
        reply = self._script(request)
        return reply if isinstance(reply, Reply) else await reply

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        address = urlsplit(target)
        asked = parse_qs(address.query)
        query = {name: values[0] for name, values in asked.items()}
        request = Request(method, address.path, query, headers, b"", asked)
        if self.refuse_early is not None and address.path.endswith("/upload"):
            self.requests.append(request)
            reply, self.refuse_early = self.refuse_early, None
            writer.write(
                f"HTTP/1.1 {reply.status} X\r\nContent-Length: {len(reply.body)}\r\n"
                "Content-Type: application/problem+json\r\nConnection: close\r\n\r\n".encode()
                + reply.body
            )
            await writer.drain()
            # Reads on for a while, as the services do, so that the client can read the answer.
            while await reader.read(1 << 16):
                pass
            return None
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                request.body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            request.body = await reader.readexactly(int(headers.get("content-length", 0)))
        return request


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(script)
    listening = await asyncio.start_server(server._serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
