"""Bodies that are streamed: the rest of one that is refused, and the part of one that is asked for."""

import asyncio
import re
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from artstore.kernel.exchange import EXCHANGE_KEY, Exchange

_BYTES_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


async def drain(request: Request, *, max_bytes: int = 1024 * 1024, seconds: float = 5) -> bool:
    """Reads and drops the rest of the body before an early refusal; True when its end was reached.

    A server that answers and closes while the client still sends makes the client's system throw the answer
    away (a reset, RFC 9112 §9.6). What is left is read only up to ``max_bytes`` and ``seconds``, so that
    a refusal never costs as much as an upload. What was read before must have been read through
    ``request.stream()``; then it may be called at any time, and again.
    """
    exchange: Exchange | None = request.scope.get(EXCHANGE_KEY)
    if exchange is not None and exchange.expects_continue and exchange.bytes_in == 0:
        return False  # the client waits for a word before it sends, and reading would be that word
    dropped = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                dropped += len(chunk)
                if dropped > max_bytes:
                    return False
    except (TimeoutError, ClientDisconnect):
        return False
    except RuntimeError:  # Starlette's word for a stream that was read to its end
        return True
    return True


class UnsatisfiableRange(Exception):
    """The range lies outside the document; the answer is 416 with ``Content-Range: bytes */size``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The document has {size} bytes.")
        self.size = size

    @property
    def content_range(self) -> str:
        return f"bytes */{self.size}"


@dataclass(frozen=True, slots=True)
class RangeSpec:
    """A part of a document of ``size`` bytes: from ``start`` up to, not including, ``stop``. Never empty."""

    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        """The value of ``Content-Range`` of the 206 answer."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def parse_range(header: str | None, size: int) -> RangeSpec | None:
    """The one range that a ``Range`` header asks for; None when the whole document is to be sent.

    That is so without a header, for another unit, for a malformed header and for several ranges, which
    a server may ignore (RFC 9110 §14.2). Raises `UnsatisfiableRange` for a range outside the document.
    """
    match = _BYTES_RANGE.fullmatch(header) if header is not None and len(header) < 100 else None
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise UnsatisfiableRange(size)
    return RangeSpec(start, stop, size)
