"""The bytes of a document as they come, from however many elements it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp

from artstore.kernel.logging import get_logger
from artstore.query import metrics
from artstore.query.files.continuing import Continuation
from artstore.query.files.fetching import Opened

_log = get_logger(__name__)
_SMALL_BYTES = 128 * 1024
"""Less than what is read ahead of one connection, so that such a body comes without being asked for."""
_AT_ONCE_SECONDS = 0.1
_BREAKS = (aiohttp.ClientError, TimeoutError, OSError)


class ElementBroke(Exception):
    """The element's connection ended before the document did, and no other element could go on."""


class DocumentStream:
    """One answer with a document, whole or in part. When its element breaks off, ``continuation`` finds
    one that goes on. Close it.
    """

    def __init__(self, opened: Opened, continuation: Continuation) -> None:
        self.head = opened.answer
        """Status and headers of the whole answer; its body is read by ``chunks``."""
        self._opened = opened
        self._continuation = continuation

    def close(self) -> None:
        """May be called again."""
        self._opened.close()

    async def at_once(self) -> bytes | None:
        """The whole body, where it is small and here within a moment; None: `chunks` gives it all."""
        content, length = self.head.content, self.head.content_length
        if length is None or length > _SMALL_BYTES:
            return None
        if not content.is_eof():
            with suppress(*_BREAKS):
                async with asyncio.timeout(_AT_ONCE_SECONDS):
                    await content.wait_eof()
        if not content.is_eof():
            return None
        body = content.read_nowait()
        metrics.DOWNLOAD_BYTES.inc(len(body))
        return body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, from however many elements. Raises ElementBroke."""
        position = dropped = 0
        while True:
            answer = self._opened.answer
            try:
                async for chunk in answer.content.iter_any():
                    if dropped >= len(chunk):
                        dropped -= len(chunk)
                        continue
                    fresh, dropped = chunk[dropped:], 0
                    position += len(fresh)
                    metrics.DOWNLOAD_BYTES.inc(len(fresh))
                    yield fresh
                return
            except _BREAKS as error:
                reason, silent = type(error).__name__, isinstance(error, aiohttp.SocketTimeoutError)
            self._opened.close()
            _log.warning("an element broke off a download", url=str(answer.url), reason=reason)
            found = await self._continuation.at(position, silent=silent)
            if found is None:
                metrics.DOWNLOADS_BROKEN.labels("element").inc()
                raise ElementBroke(f"{reason} while a document was read from its element")
            self._opened, dropped = found
