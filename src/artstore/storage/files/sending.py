"""An answer that carries the bytes of a document, piece by piece."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from artstore.engine import OpenDocument
from artstore.kernel.stalled import STALLED_SECONDS, taken
from artstore.kernel.streaming import RangeSpec
from artstore.storage import metrics

PIECE_BYTES = 1024 * 1024
"""Read and sent at once. Two of them are in memory for each download, one being sent while one is read."""


class DocumentResponse(Response):
    """Sends parts of an open document, and closes the document at the end, however it comes.

    ``body`` are the parts and, as bytes, what stands between them. Whoever makes the response must also call
    it. A document that turns out damaged breaks the connection: the client never gets a short answer that
    looks whole.
    """

    def __init__(
        self,
        document: OpenDocument,
        body: Sequence[bytes | RangeSpec],
        status_code: int,
        headers: Mapping[str, str],
        *,
        as_stored: bool = False,
    ) -> None:
        """``as_stored``: the parts are of the bytes as they are stored."""
        super().__init__(None, status_code, headers)
        self._document = document
        self._read = document.read_stored if as_stored else document.read
        self._left = self._pieces(body)
        self._first: bytes | None = None
        """Read already."""

    async def begin(self) -> None:
        """Reads the first piece: whoever sends the answer can still say what is wrong with that.

        Raises what reading raises. Without it the first piece is read once the head of the answer is sent.
        """
        self._first = await self._content(next(self._left))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server takes what is sent to a client that went away without a word: only receive() tells.
        gone = asyncio.create_task(_until_gone(receive), name="download gone")
        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await self._send_pieces(send, gone)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            await self._document.close()

    async def _send_pieces(self, send: Send, gone: "asyncio.Task[None]") -> None:
        ahead: asyncio.Task[bytes] | None = self._read_ahead(self._first_piece())
        try:
            while ahead is not None:
                await asyncio.wait((ahead, gone), return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    raise ClientDisconnect
                piece = ahead.result()
                following = next(self._left, None)
                ahead = None if following is None else self._read_ahead(following)
                sending = send({"type": "http.response.body", "body": piece, "more_body": ahead is not None})
                await taken(sending, within_seconds=STALLED_SECONDS)
                metrics.BYTES_OUT.inc(len(piece))
        finally:
            # A thread may still be reading: the document must not be closed under it.
            self._document.abandon()
            if ahead is not None:
                await asyncio.gather(ahead, return_exceptions=True)

    def _first_piece(self) -> bytes | RangeSpec:
        """The first piece. It is not kept: a piece takes a mebibyte for each download."""
        first, self._first = self._first, None
        return next(self._left) if first is None else first

    @staticmethod
    def _pieces(body: Sequence[bytes | RangeSpec]) -> Iterator[bytes | RangeSpec]:
        for part in body:
            if isinstance(part, bytes):
                yield part
                continue
            for start in range(part.start, part.stop, PIECE_BYTES):
                yield RangeSpec(start, min(start + PIECE_BYTES, part.stop), part.size)

    def _read_ahead(self, piece: bytes | RangeSpec) -> "asyncio.Task[bytes]":
        return asyncio.create_task(self._content(piece), name="read ahead")

    async def _content(self, piece: bytes | RangeSpec) -> bytes:
        return piece if isinstance(piece, bytes) else await self._read(piece.start, piece.length)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
