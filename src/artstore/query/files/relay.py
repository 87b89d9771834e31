"""An element's answer passed on to the client while it arrives."""

import asyncio

import aiohttp
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from artstore.kernel.logging import get_logger
from artstore.query import metrics

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
_log = get_logger(__name__)


class ElementBroke(Exception):
    """The element's connection ended before the document did."""


class RelayedResponse(Response):
    """Sends the status, the headers that concern the document, and the bytes, as they come.

    No more than the buffer of one connection is held: while the client does not take, nothing is read from
    the element. When the element breaks off, ElementBroke breaks the client's connection, so that it never
    takes a part for the whole; when the client goes away, the element's connection is closed.
    """

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status_code = answer.status
        self.background = None
        self.raw_headers = [
            (name.lower().encode("latin-1"), answer.headers[name].encode("utf-8", "surrogateescape"))
            for name in _RELAYED
            if name in answer.headers
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pump = asyncio.create_task(self._pump(send))
        # The server does not tell a sender that the client went away; only receive() does.
        gone = asyncio.create_task(_client_goes_away(receive))
        try:
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                pump.result()
            else:
                metrics.DOWNLOADS_BROKEN.labels("client").inc()
        finally:
            for task in (pump, gone):
                task.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
            self._answer.close()

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self._answer.content.iter_any():
                metrics.DOWNLOAD_BYTES.inc(len(chunk))
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            metrics.DOWNLOADS_BROKEN.labels("element").inc()
            _log.warning(
                "an element broke off a download", url=str(self._answer.url), reason=type(error).__name__
            )
            raise ElementBroke(
                f"{type(error).__name__} while a document was read from its element"
            ) from error
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _client_goes_away(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
