"""A client's upload as the server passes it on, for tests that hold a service's parts in their hands."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.types import Message

from artstore.kernel.exchange import BODY_LIMIT_KEY, Exchange
from tests.support.system import BOUNDARY

GONE = object()
"""In the pieces of an upload: here the client goes away."""
SILENCE = object()
"""In the pieces of an upload: from here on nothing more comes."""


class Upload:
    """A request with a form in pieces. ``pieces_read`` and ``read_all`` tell how far the service has read,
    ``silent`` that it waits for more than comes.
    """

    def __init__(
        self,
        pieces: Iterable[bytes | object],
        *,
        announced: int | None = None,
        content_type: str = f"multipart/form-data; boundary={BOUNDARY}",
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.pieces_read = 0
        self.read_all = asyncio.Event()
        self.silent = asyncio.Event()
        self._messages = self._send(list(pieces))
        sent = {"content-type": content_type, **headers}
        if announced is not None:
            sent["content-length"] = str(announced)
        else:
            sent["transfer-encoding"] = "chunked"
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/files/upload",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        exchange = Exchange(scope, self._receive, self._no_answer)
        scope[BODY_LIMIT_KEY] = None  # as a hot route has it
        self.request = Request(scope, exchange.receive)

    @classmethod
    def whole(cls, body: bytes, *, pieces: int = 1, query: str = "") -> "Upload":
        """With a Content-Length, in pieces of about the same size."""
        step = -(-len(body) // pieces)
        return cls(
            [body[start : start + step] for start in range(0, len(body), step)],
            announced=len(body),
            query=query,
        )

    async def _receive(self) -> Message:
        message = await anext(self._messages, None)
        if message is None:
            # A server waits for the client to go away once the body was read.
            await asyncio.Event().wait()
            raise AssertionError
        return message

    async def _send(self, pieces: list[bytes | object]) -> AsyncIterator[Message]:
        for piece in pieces:
            if piece is GONE:
                yield {"type": "http.disconnect"}
            elif piece is SILENCE:
                self.silent.set()
                await asyncio.Event().wait()
            else:
                self.pieces_read += 1
                yield {"type": "http.request", "body": piece, "more_body": True}
        self.read_all.set()
        yield {"type": "http.request", "body": b"", "more_body": False}

    async def _no_answer(self, message: Message) -> None:
        raise AssertionError(message)
