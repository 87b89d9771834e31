"""An element's answer passed on to the client while it arrives."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from artstore.kernel.problems import problem_response
from artstore.kernel.stalled import ClientStalled, taken
from artstore.query import metrics
from artstore.query.files.locate import unavailable
from artstore.query.files.stream import DocumentStream, ElementBroke

_RELAYED = frozenset(
    {
        b"accept-ranges",
        b"cache-control",
        b"content-disposition",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-security-policy",
        b"content-type",
        b"etag",
        b"last-modified",
        b"repr-digest",
        b"retry-after",
        b"vary",
        b"www-authenticate",
    }
)


class RelayedResponse(Response):
    """Sends the status, the headers that concern the document, and the bytes, as they come.

    No more than the buffer of one connection is held: while the client does not take, nothing is read from
    the element. When no element goes on with the document, ElementBroke breaks the client's connection, so
    that it never takes a part for the whole; before the first byte the client is told why instead. When the
    client goes away, or takes nothing for ``stalled_seconds``, the element's connection is closed.
    """

    def __init__(
        self, stream: DocumentStream, *, stalled_seconds: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """``headers`` stand in the answer in place of the element's own."""
        self._stream = stream
        self._stalled_seconds = stalled_seconds
        answer = stream.head
        self.status_code = answer.status
        self.background = None
        replaced = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in (headers or {}).items()
        ]
        own = {name for name, _ in replaced}
        self.raw_headers = replaced + [
            (lowered, value)
            for name, value in answer.raw_headers
            if (lowered := name.lower()) in _RELAYED and lowered not in own
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            whole = await self._stream.at_once()
            if whole is None:
                await unless_client_goes(self._pump(scope, receive, send), receive)
            else:
                # In one piece with its head, which the server takes without waiting for the client.
                await self._start(send)
                await send({"type": "http.response.body", "body": whole, "more_body": False})
        finally:
            self._stream.close()

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _pump(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        try:
            async for chunk in self._stream.chunks():
                if not begun:
                    await self._start(send)
                    begun = True
                sending = send({"type": "http.response.body", "body": chunk, "more_body": True})
                await taken(sending, within_seconds=self._stalled_seconds)
        except ElementBroke:
            if begun:
                raise
            await problem_response(unavailable())(scope, receive, send)
            return
        if not begun:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_client_goes(sending: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Sends to the end, or until the client goes away. Raises what sending raises."""
    pump = asyncio.create_task(sending)
    # The server does not tell a sender that the client went away; only receive() does.
    gone = asyncio.create_task(_client_goes_away(receive))
    try:
        await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()
        else:
            metrics.DOWNLOADS_BROKEN.labels("client").inc()
    except ClientStalled:
        metrics.DOWNLOADS_BROKEN.labels("client").inc()
        raise
    finally:
        for task in (pump, gone):
            task.cancel()
        await asyncio.gather(pump, gone, return_exceptions=True)


async def _client_goes_away(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
