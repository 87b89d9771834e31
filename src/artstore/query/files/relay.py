"""An element's answer passed on to the client while it arrives."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from artstore.kernel.stalled import ClientStalled, taken
from artstore.query import metrics
from artstore.query.files.stream import DocumentStream

_RELAYED = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Security-Policy",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "Retry-After",
    "Vary",
    "WWW-Authenticate",
)


class RelayedResponse(Response):
    """Sends the status, the headers that concern the document, and the bytes, as they come.

    No more than the buffer of one connection is held: while the client does not take, nothing is read from
    the element. When no element goes on with the document, ElementBroke breaks the client's connection, so
    that it never takes a part for the whole. When the client goes away, or takes nothing for
    ``stalled_seconds``, the element's connection is closed.
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
        relayed = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
        self.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("utf-8", "surrogateescape"))
            for name, value in {**relayed, **(headers or {})}.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_client_goes(self._pump(send), receive)
        finally:
            self._stream.close()

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._stream.chunks():
            sending = send({"type": "http.response.body", "body": chunk, "more_body": True})
            await taken(sending, within_seconds=self._stalled_seconds)
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
