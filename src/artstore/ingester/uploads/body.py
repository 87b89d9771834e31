"""The body of an upload as it comes from the client: within the limits of size and time."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from artstore.ingester.batches.addresses import batch_in
from artstore.ingester.files.versions import Follows
from artstore.ingester.placement import Wanted
from artstore.ingester.uploads.pace import Pace, PaceLimits
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@dataclass(frozen=True, slots=True)
class Head:
    """The pieces of the form up to the first bytes of the file, and what they tell of the document."""

    pieces: list[bytes]
    wanted: Wanted
    follows: Follows | None


class UploadBody(ABC):
    """Gives, in order and once, the pieces of the form that an element takes, whatever the client sends."""

    content_type: str
    """Of the form."""
    overhead_bytes: ClassVar[int] = 0
    """The most that the body has beside the file."""
    element_query: str
    """The query of the request to the element."""

    def __init__(self, request: Request, *, max_file_bytes: int, pace: PaceLimits) -> None:
        """Raises Problem for a request whose head condemns it already, FILE_TOO_LARGE among others."""
        self.announced = _content_length(request)
        """Content-Length; None for a chunked body."""
        self.ended = False
        self.told = hashlib.sha256()
        """Of all that has been told of the document so far, its bytes left out."""
        self.batch = batch_in(request)
        """The batch that the document is for."""
        if self.batch is not None:
            self._tell("batch", self.batch.name)
        self.on_file_bytes: Callable[[bytes | memoryview], object] | None = None
        """Is given the bytes of the file as they come."""
        self.received = 0
        """Bytes of the body."""
        self.max_file_bytes = max_file_bytes
        self._stream = request.stream()
        self._pace = Pace(pace)
        if self.announced is not None and self.announced > max_file_bytes + self.overhead_bytes:
            raise too_large(max_file_bytes)

    @property
    @abstractmethod
    def form_bytes(self) -> int | None:
        """Of the whole form; None where the client did not tell."""

    @abstractmethod
    async def head(self, *, seconds: float) -> Head:
        """What decides where the document goes, and what it is a version of. Raises what ``read`` does,
        INVALID_PARAMETER for what it says of these, REQUEST_TIMEOUT after ``seconds``.
        """

    @abstractmethod
    async def read(self) -> bytes:
        """The next piece; an empty one at the end.

        Raises ClientDisconnect, and Problem for what cannot be stored or comes too slowly.
        """

    def _tell(self, *parts: bytes | str | None) -> None:
        """Takes note of what the client says of the document, so that it can be compared with another try."""
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            length = b"-" if encoded is None else b"%d:" % len(encoded)
            self.told.update(length + (encoded or b""))

    async def _receive(self) -> bytes:
        if self.ended:
            return b""
        piece = await self._pace.wait(anext(self._stream, b""))
        self.received += len(piece)
        # The announced length tells the end with the last piece; without it, an empty piece follows.
        self.ended = not piece or self.received == self.announced
        return piece


def too_large(limit: int) -> Problem:
    detail = f"The largest file that is taken has {limit} bytes."
    return Problem(ProblemType.FILE_TOO_LARGE, detail, field="file", max_file_bytes=limit)


def file_empty() -> Problem:
    return Problem(ProblemType.FILE_EMPTY, "The file has no bytes.", field="file")


def head_too_slow(seconds: float) -> Problem:
    detail = f"The document itself did not begin within {seconds:g} seconds; send it again."
    return Problem(ProblemType.REQUEST_TIMEOUT, detail)


def _content_length(request: Request) -> int | None:
    value = request.headers.get("content-length")
    return int(value) if value is not None and value.isascii() and value.isdigit() else None
