"""The bytes of a document as they come, from however many elements it takes."""

from collections.abc import AsyncIterator

import aiohttp

from artstore.kernel.logging import get_logger
from artstore.query import metrics
from artstore.query.files.continuing import Continuation
from artstore.query.files.fetching import Opened

_log = get_logger(__name__)


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
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason, silent = type(error).__name__, isinstance(error, aiohttp.SocketTimeoutError)
            self._opened.close()
            _log.warning("an element broke off a download", url=str(answer.url), reason=reason)
            found = await self._continuation.at(position, silent=silent)
            if found is None:
                metrics.DOWNLOADS_BROKEN.labels("element").inc()
                raise ElementBroke(f"{reason} while a document was read from its element")
            self._opened, dropped = found
