"""Sends an upload to an element while it arrives, and brings back what the element answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import aiohttp
from starlette.requests import ClientDisconnect
from yarl import URL

from artstore.ingester.metrics import UPLOAD_BYTES
from artstore.ingester.uploads.body import UploadBody
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement

UPLOAD_PATH = "/api/v1/files/upload"
_ANSWER_LIMIT = 1024 * 1024
_CONNECT_SECONDS = 3


class NothingSent(Exception):
    """The element did not get a byte of the body, for it cannot be reached. Another one may be tried."""


class ElementLost(Exception):
    """The element broke off or fell silent. Whether it kept the document is unknown."""


@dataclass(frozen=True, slots=True)
class ElementAnswer:
    """What an element said. ``repeatable``: the whole body can still be sent to another element."""

    status: int
    headers: Mapping[str, str]
    """Under names of any case."""
    content: bytes
    repeatable: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that an element may take nothing, and that it may take to answer after the last byte."""

    silence: float
    answer: float


class Relay:
    """One upload on its way to an element. `send` may be called again, for another element, after
    `NothingSent` and after an answer that is ``repeatable``.

    At most the head of the form and one further piece are in memory. The connection to the element is closed,
    not reused, whenever the body was not sent to its end, so that the element knows to drop what it got.
    """

    def __init__(self, session: aiohttp.ClientSession, body: UploadBody, pieces: list[bytes]) -> None:
        self._session = session
        self._body = body
        self._pieces = pieces
        self._whole = body.ended
        self._failure: ClientDisconnect | Problem | None = None
        self._begun = False

    async def send(
        self, element: ElementAnnouncement, query: str, headers: dict[str, str], patience: Patience
    ) -> ElementAnswer:
        """Relays the body, the head first.

        Raises NothingSent, ElementLost, and what reading from the client raises (see `UploadBody.read`).
        """
        try:
            async with asyncio.timeout(None) as timer:
                return await self._exchange(_address(element, query), headers, patience, timer)
        except aiohttp.ClientConnectorError as error:
            raise NothingSent(str(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if self._failure is not None:
                raise self._failure from error
            reason = str(error) or f"no answer in time ({type(error).__name__})"
            raise (ElementLost if self._begun else NothingSent)(reason) from error

    async def _exchange(
        self, address: URL, headers: dict[str, str], patience: Patience, timer: asyncio.Timeout
    ) -> ElementAnswer:
        _expect_within(timer, patience.silence)
        async with self._session.post(
            address,
            data=self._stream(patience, timer),
            headers=headers,
            # Where more follows than is held here, the element looks at the head of the request first: it can
            # refuse before a byte is lost to it, and another element can be tried.
            expect100=not self._whole,
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=patience.answer),
            allow_redirects=False,
        ) as answer:
            content = await answer.content.read(_ANSWER_LIMIT)
            while piece := await answer.content.read(_ANSWER_LIMIT):
                content += piece
                if len(content) > _ANSWER_LIMIT:
                    raise ElementLost("its answer is too long")
            return ElementAnswer(
                answer.status, answer.headers, content, repeatable=self._whole or not self._begun
            )

    async def _stream(self, patience: Patience, timer: asyncio.Timeout) -> AsyncIterator[bytes]:
        """The pieces for the element. Waiting for the client stops the clock that runs for the element."""
        self._begun = True
        for piece in self._pieces:
            _expect_within(timer, patience.silence)
            yield piece
            UPLOAD_BYTES.inc(len(piece))
        if not self._whole:
            self._pieces = []
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
                yield piece
                UPLOAD_BYTES.inc(len(piece))
        _expect_within(timer, patience.answer)


def _expect_within(timer: asyncio.Timeout, seconds: float) -> None:
    timer.reschedule(asyncio.get_running_loop().time() + seconds)


def _address(element: ElementAnnouncement, query: str) -> URL:
    return URL(element.url.rstrip("/") + UPLOAD_PATH + (f"?{query}" if query else ""), encoded=True)
