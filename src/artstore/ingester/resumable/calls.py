"""A client's request passed on to an element, its body while it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp
from starlette.requests import ClientDisconnect, Request
from yarl import URL

from artstore.ingester.metrics import UPLOAD_BYTES
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.pace import Pace, PaceLimits
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.peers.calls import CONNECT_SECONDS
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_MOST_ANSWER_BYTES = 1 << 20


class ElementSilent(Exception):
    """The element cannot be reached, broke off, or does not answer in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Under names of any case."""
    content: bytes


class Call:
    """One request of a client. It may be sent again, to another element, until the body has ``begun``."""

    def __init__(self, session: aiohttp.ClientSession, request: Request, settings: IngesterSettings) -> None:
        self.begun = False
        """Bytes of the body were given to an element."""
        self._session = session
        self._request = request
        self._settings = settings
        # Not 408, which no client of tus takes for a reason to go on by itself.
        self._pace = Pace(
            PaceLimits.of(settings),
            kind=ProblemType.UPLOAD_STALLED,
            advice="what came before is kept, go on from there",
        )
        self._ended = False
        self._failure: ClientDisconnect | Problem | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        reached: Callable[[], None],
        *,
        with_body: bool = False,
        makes_document: bool = False,
    ) -> Answer:
        """``reached`` is called when the element wants the body; ``makes_document``: of parts that it has, so
        that it may take as long to answer as after the last byte of a body.

        Raises ElementSilent, and what reading from the client raises: ClientDisconnect, Problem.

        What the element got by then stays there. The connection is closed where the body did not come to its
        end, so that the element knows.
        """
        settings = self._settings
        seconds = settings.element_answer_seconds if makes_document else settings.element_silence_seconds
        try:
            async with asyncio.timeout(seconds) as timer:
                body = self._body(timer, reached) if with_body else None
                return await self._exchange(method, url, headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            if self._failure is not None:
                raise self._failure from error
            raise ElementSilent(str(error) or type(error).__name__) from error

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: AsyncIterator[bytes] | None
    ) -> Answer:
        answer_seconds = self._settings.element_answer_seconds
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            # The element looks at the head first, and can refuse before a byte is lost to it.
            expect100=body is not None,
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=answer_seconds),
            allow_redirects=False,
        ) as answer:
            content = await whole_body(answer, _MOST_ANSWER_BYTES)
            if body is not None and not self._ended:
                answer.close()  # or the end of the body would be waited for, which may never come
            return Answer(answer.status, answer.headers, content)

    async def _body(self, timer: asyncio.Timeout, reached: Callable[[], None]) -> AsyncIterator[bytes]:
        """Waiting for the client stops the clock that runs for the element."""
        self.begun = True
        reached()
        stream = self._request.stream()
        while True:
            timer.reschedule(None)
            try:
                piece = await self._pace.wait(anext(stream, b""))
            except (ClientDisconnect, Problem) as failure:
                self._failure = failure  # aiohttp wraps what is raised here
                raise
            now = asyncio.get_running_loop().time()
            if not piece:
                self._ended = True
                timer.reschedule(now + self._settings.element_answer_seconds)
                return
            timer.reschedule(now + self._settings.element_silence_seconds)
            yield piece
            UPLOAD_BYTES.inc(len(piece))
