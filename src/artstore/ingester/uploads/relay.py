"""Sends an upload to an element while it arrives, and brings back what the element answers."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from starlette.requests import ClientDisconnect
from yarl import URL

from artstore.ingester.metrics import UPLOAD_BYTES
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.held import parted
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement
from artstore.wire.headers import FILE_ID
from artstore.wire.problems import NOTHING_STORED, PROBLEM_JSON, ProblemType

UPLOAD_PATH = "/api/v1/files/upload"
_ANSWER_LIMIT = 1024 * 1024
_CONNECT_SECONDS = 3
_ONE_PIECE_BYTES = 64 * 1024
_NOTHING_STORED = (
    ProblemType.INSUFFICIENT_STORAGE,
    ProblemType.NO_ELEMENT_AVAILABLE,
    ProblemType.LOG_FULL,
    ProblemType.DEPENDENCY_UNAVAILABLE,
)
"""An element answers with these before the document is in its log. Beside them, any 4xx says it."""


class NothingSent(Exception):
    """The element did not get a byte of the body, for it cannot be reached. Another one may be tried."""


class ElementLost(Exception):
    """The element broke off, fell silent or says nothing certain.

    ``maybe_stored``: it may have got the whole, and kept it.
    """

    def __init__(self, reason: str, *, maybe_stored: bool) -> None:
        super().__init__(reason)
        self.maybe_stored = maybe_stored


@dataclass(frozen=True, slots=True)
class ElementAnswer:
    """What an element said. ``repeatable``: the whole body can still be sent to another element."""

    status: int
    headers: Mapping[str, str]
    """Under names of any case."""
    content: bytes
    repeatable: bool

    @property
    def has_document(self) -> bool:
        """The element has a document of the id that was sent: the one that was sent, or another."""
        return self.status == 201 or self.kind is ProblemType.FILE_ID_TAKEN

    @property
    def has_nothing(self) -> bool:
        """It is certain that this try stored nothing. A proxy may say 5xx of what the element has stored."""
        if 400 <= self.status < 500:
            return not self.has_document
        away = self.kind is ProblemType.ELEMENT_UNAVAILABLE and self.problem.get(NOTHING_STORED) is True
        return away or self.kind in _NOTHING_STORED

    @property
    def is_for_its_own_state(self) -> bool:
        """The element refused for its own state (full, busy, another mode), having kept nothing."""
        return self.kind is ProblemType.MODE_FORBIDS or (self.status >= 500 and self.has_nothing)

    @property
    def refuses_the_id(self) -> bool:
        """The id that came with the upload: a client does not give it."""
        return self.kind is ProblemType.INVALID_PARAMETER and self.problem.get("header") == FILE_ID

    @property
    def kind(self) -> ProblemType | None:
        """Of the refusal; None for what no service of ours says."""
        uri = self.problem.get("type")
        kind = ProblemType.from_uri(uri) if isinstance(uri, str) else None
        return kind if kind is not None and kind.status == self.status else None

    @property
    def problem(self) -> Mapping[str, Any]:
        """The members of the refusal."""
        if not self.headers.get("Content-Type", "").startswith(PROBLEM_JSON):
            return {}
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that an element may take nothing, and that it may take to answer after the last byte, which are
    at most ``held`` of a body that is held.
    """

    silence: float
    answer: float
    held: float = math.inf

    def for_answer(self, *, is_held: bool) -> float:
        return min(self.answer, self.held) if is_held else self.answer


class Relay:
    """One upload on its way to an element. `send` may be called again, for the same element or another, while
    it is ``repeatable``.

    A body that is wholly held is sent from memory. Of any other, ``pieces`` are the beginning: they are let
    go of once they are sent, of which ``let_go`` tells, and then one piece at a time is in memory. The
    connection to the element is closed, not reused, whenever the body was not sent to its end, so that the
    element knows to drop what it got.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        body: UploadBody,
        pieces: list[bytes],
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        """``pieces`` belong to the relay from now on."""
        self._session = session
        self._body = body
        self._whole = body.ended
        self._pieces = parted(pieces) if self._whole else pieces
        self._let_go = let_go
        self._failure: ClientDisconnect | Problem | None = None
        self._begun = False
        self._last_sent = False

    @property
    def whole(self) -> bool:
        """Nothing of the body is still to come from the client."""
        return self._whole

    @property
    def repeatable(self) -> bool:
        return self._whole or not self._begun

    @property
    def body_bytes(self) -> int | None:
        """Of the form; None where it is not known before its end."""
        return sum(map(len, self._pieces)) if self._whole else self._body.form_bytes

    async def send(
        self,
        element: ElementAnnouncement,
        headers: dict[str, str],
        patience: Patience,
        reached: Callable[[], None] = lambda: None,
    ) -> ElementAnswer:
        """Relays the body, the head first. ``reached`` is called once the element is certain to be there.

        Raises NothingSent, ElementLost, and what reading from the client raises (see `UploadBody.read`).
        """
        address = _address(element, self._body.element_query)
        self._last_sent = False
        self._begun = self._begun and not self._whole
        try:
            async with asyncio.timeout(None) as timer:
                return await self._exchange(address, headers, patience, timer, reached)
        except aiohttp.ClientConnectorError as error:
            raise NothingSent(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._failure is not None:
                raise self._failure from error
            reason = str(error) or f"no answer in time ({type(error).__name__})"
            if not self._begun:
                raise NothingSent(reason) from error
            raise ElementLost(reason, maybe_stored=self._last_sent) from error

    async def _exchange(
        self,
        address: URL,
        headers: dict[str, str],
        patience: Patience,
        timer: asyncio.Timeout,
        reached: Callable[[], None],
    ) -> ElementAnswer:
        _expect_within(timer, patience.silence)
        async with self._session.post(
            address,
            data=self._in_one_piece(patience, timer) or self._stream(patience, timer, reached),
            headers=headers,
            # Where more follows than is held here, the element looks at the head of the request first: it can
            # refuse before a byte is lost to it, and another element can be tried.
            expect100=not self._whole,
            timeout=aiohttp.ClientTimeout(
                sock_connect=_CONNECT_SECONDS, sock_read=patience.for_answer(is_held=self._whole)
            ),
            allow_redirects=False,
        ) as answer:
            content = await content_of(answer)
            found = ElementAnswer(answer.status, answer.headers, content, repeatable=self.repeatable)
            if not (found.has_document or found.has_nothing):
                raise ElementLost(f"the answer is {answer.status}", maybe_stored=self._last_sent)
            return found

    def _in_one_piece(self, patience: Patience, timer: asyncio.Timeout) -> "_OnePiece | None":
        """The body, where it is so small that the system takes it at once, with the head of the request.

        Sent as a stream it would cost a tenth of what the whole upload costs here.
        """
        if not self._whole or sum(map(len, self._pieces)) > _ONE_PIECE_BYTES:
            return None
        content = b"".join(self._pieces)

        def sending() -> None:
            self._begun = self._last_sent = True
            _expect_within(timer, patience.for_answer(is_held=self._whole))
            UPLOAD_BYTES.inc(len(content))

        return _OnePiece(content, sending)

    async def _stream(
        self, patience: Patience, timer: asyncio.Timeout, reached: Callable[[], None]
    ) -> AsyncIterator[bytes]:
        """The pieces for the element. Waiting for the client stops the clock that runs for the element."""
        self._begun = True
        if not self._whole:
            reached()  # it asked for the body
        for number, piece in enumerate(self._pieces, 1):
            _expect_within(timer, patience.silence)
            self._last_sent = self._whole and number == len(self._pieces)
            yield piece
            UPLOAD_BYTES.inc(len(piece))
        if not self._whole:
            self._pieces.clear()
            self._let_go()
        while not self._body.ended:
            timer.reschedule(None)
            try:
                piece = await self._body.read()
            except (ClientDisconnect, Problem) as failure:
                # aiohttp wraps what is raised here; the caller wants it as it was.
                self._failure = failure
                raise
            if piece:
                _expect_within(timer, patience.silence)
                self._last_sent = self._body.ended
                yield piece
                UPLOAD_BYTES.inc(len(piece))
        self._last_sent = True
        _expect_within(timer, patience.for_answer(is_held=self._whole))


class _OnePiece(aiohttp.BytesPayload):
    """Tells when it is being sent: until then, once there is a connection, the element has nothing."""

    def __init__(self, content: bytes, sending: Callable[[], None]) -> None:
        super().__init__(content)
        self._sending = sending

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._sending()
        await super().write_with_length(writer, content_length)


async def content_of(answer: aiohttp.ClientResponse) -> bytes:
    """Raises aiohttp.ClientError for more than an element has to say, too."""
    content = b""
    while piece := await answer.content.read(_ANSWER_LIMIT):
        content += piece
        if len(content) > _ANSWER_LIMIT:
            raise aiohttp.ClientPayloadError("its answer is too long")
    return content


def _expect_within(timer: asyncio.Timeout, seconds: float) -> None:
    timer.reschedule(asyncio.get_running_loop().time() + seconds)


def _address(element: ElementAnnouncement, query: str) -> URL:
    return URL(element.url.rstrip("/") + UPLOAD_PATH + (f"?{query}" if query else ""), encoded=True)
