"""Elements on real sockets that do with uploads what a test says, and an Ingester's uploads before them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from starlette.responses import Response

from artstore.ingester.admission import Admission
from artstore.ingester.files.locating import Locating
from artstore.ingester.files.versions import Versions
from artstore.ingester.idempotency.once import Keys
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.retried import Retried
from artstore.ingester.uploads.service import Uploads
from artstore.kernel.access import Principal
from artstore.kernel.database import Database
from artstore.kernel.peers import (
    Attempt,
    BreakerOptions,
    Breakers,
    http_session,
)
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement, RegisteredElement
from artstore.wire.problems import PROBLEM_JSON, ProblemBody, ProblemType
from artstore.wire.scopes import Scope
from tests.support.announcements import registered
from tests.support.system import form, part
from tests.support.uploads import Upload

SCOPES = frozenset({Scope.FILES_WRITE, Scope.FILES_READ})
PRINCIPAL = Principal("id", "client", "name", "USER", SCOPES, "the-token")
NOWHERE = SecretStr("postgresql+psycopg://127.0.0.1:1/none")
NO_KEYS = Keys(Database(NOWHERE, application_name="test"), NOWHERE)
"""No upload here has one."""
SMALL = form(part("file", b"content", "note.txt"))
BIG = form(part("description", b"words"), part("file", b"0123456789abcdef" * 500_000, "big.bin"))
HUGE = form(part("file", b"0123456789abcdef" * 1_200_000, "huge.bin"))
"""Does not fit into what lies between the services."""

Behaviour = Callable[["Element", web.Request], Awaitable[web.StreamResponse]]


class Element:
    """An element that does with uploads what ``behaviour`` says, and remembers what it got."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[web.Request] = []
        self.body = b""
        self.documents: set[str] = set()
        """The ids of what was stored."""
        self.stored = asyncio.Event()
        """Set when something was stored whose answer was lost."""
        self.broken = asyncio.Event()
        """Set when an upload broke off before its end."""
        self.silent = asyncio.Event()
        """Set when nothing more is read or said."""
        self.url = ""
        self._behaviour = behaviour
        app = web.Application()
        app.router.add_post("/api/v1/files/upload", self._answer, expect_handler=self._expect)
        app.router.add_get("/api/v1/files/{file_id}", self._tell)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _expect(self, request: web.Request) -> None:
        """Says nothing yet: our servers ask for the body when it is read."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self._behaviour(self, request)

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        file_id = request.match_info["file_id"]
        if file_id not in self.documents:
            missing = ProblemBody.of(ProblemType.NOT_FOUND, "There is none.").model_dump_json()
            return web.Response(text=missing, status=404, content_type=PROBLEM_JSON)
        told = {"file_id": file_id, "created_by_id": PRINCIPAL.account_id}
        return web.json_response(told, headers={"ETag": '"r1"'})

    async def pieces(self, request: web.Request) -> AsyncIterator[bytes]:
        if request.headers.get("Expect") == "100-continue":
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async for piece in request.content.iter_any():
                yield piece
        except ConnectionError:
            self.broken.set()
            raise

    def announcement(self, element_id: str, **changes: Any) -> RegisteredElement:
        room = {"capacity_bytes": 1 << 40, "free_bytes": 1 << 40, "max_file_bytes": 1 << 40}
        return registered(element_id, **{"url": self.url} | room | changes)


async def stores(element: Element, request: web.Request) -> web.StreamResponse:
    element.body = b"".join([piece async for piece in element.pieces(request)])
    headers = {"Location": "/api/v1/files/1", "ETag": '"r1"', "X-Own": "1"}
    return web.json_response({"file_id": "1"}, status=201, headers=headers)


async def keeps_and_dies(element: Element, request: web.Request) -> web.StreamResponse:
    """Stores the document; its answer is lost."""
    await stores(element, request)
    element.documents.add(request.headers["X-File-Id"])
    element.stored.set()
    return drop(request)


def keeps_and(says: Behaviour) -> Behaviour:
    """Stores the document; what the client hears is something else."""

    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        await stores(element, request)
        element.documents.add(request.headers["X-File-Id"])
        element.stored.set()
        return await says(element, request)

    return behave


def first(once: Behaviour, then: Behaviour) -> Behaviour:
    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        return await (once if len(element.requests) == 1 else then)(element, request)

    return behave


def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def reads_nothing(element: Element, request: web.Request) -> web.StreamResponse:
    if request.headers.get("Expect") == "100-continue":
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await says_nothing(element, request)


def says(status: int) -> Behaviour:
    """Without a reason: something between the services, or a fault."""

    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    return behave


async def says_nothing(element: Element, request: web.Request) -> web.StreamResponse:
    element.silent.set()
    await asyncio.Event().wait()
    return web.Response()


async def wants_another_clock(element: Element, request: web.Request) -> web.StreamResponse:
    if "X-File-Id" in request.headers:
        wrong = ProblemBody.of(
            ProblemType.INVALID_PARAMETER, "Too old.", field="X-File-Id", header="X-File-Id"
        ).model_dump_json()
        return web.Response(text=wrong, status=422, content_type=PROBLEM_JSON)
    return await stores(element, request)


def refuses(kind: ProblemType, *, unread: bool = True, **members: Any) -> Behaviour:
    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        if not unread:
            await anext(element.pieces(request))
        body = ProblemBody.of(kind, "Refused.", **members).model_dump_json()
        return web.Response(text=body, status=kind.status, content_type=PROBLEM_JSON)

    return behave


async def dies(element: Element, request: web.Request) -> web.StreamResponse:
    await anext(element.pieces(request))
    return drop(request)


async def falls_silent(element: Element, request: web.Request) -> web.StreamResponse:
    await anext(element.pieces(request))
    return await says_nothing(element, request)


@contextmanager
def no_more_connections() -> Iterator[int]:
    """A port whose connections are all taken: an attempt at another one is not answered."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@dataclass
class Announced:
    """A directory of elements that all announced themselves."""

    listed: list[RegisteredElement]
    is_up_to_date: bool = True

    def elements(self) -> list[RegisteredElement]:
        return self.listed


class Attempts(Breakers):
    """Tells of the attempts at elements."""

    def __init__(self, options: BreakerOptions) -> None:
        super().__init__(options)
        self.made = 0
        self.first = asyncio.Event()

    def attempt(self, element: ElementAnnouncement) -> Attempt | None:
        self.made += 1
        self.first.set()
        return super().attempt(element)


class World:
    """An Ingester's uploads with elements e1, e2, …"""

    def __init__(self, session: aiohttp.ClientSession, settings: IngesterSettings) -> None:
        loop = asyncio.get_running_loop()
        now, self._passed = loop.time, 0.0
        loop.time = lambda: now() + self._passed  # type: ignore[method-assign]
        self.elements: list[Element] = []
        self.announced: list[RegisteredElement] = []
        self.breakers = Attempts(BreakerOptions(failures=2, open_seconds=60, longest_seconds=60))
        self.directory = Announced(self.announced)
        locating = Locating(session, self.directory)
        self.uploads = Uploads(
            session,
            self.directory,
            settings,
            self.breakers,
            NO_KEYS,
            Admission(settings.uploads_at_once, settings.uploads_of_account),
            Versions(locating, None),
            Retried(locating, lambda: self.announced, None),
            pauses=(0.01, 0.01),
        )

    async def add(self, behaviour: Behaviour, **changes: Any) -> Element:
        element = Element(behaviour)
        await element.start()
        self.elements.append(element)
        self.announced.append(element.announcement(f"e{len(self.elements)}", **changes))
        return element

    def take(self, upload: Upload, form: type[UploadBody] = FormBody) -> "asyncio.Task[Response]":
        return asyncio.create_task(self.uploads.take(upload.request, PRINCIPAL, form))

    def lets_time_pass(self, seconds: float) -> None:
        """For everything that waits by now; what begins later has all its time, as slow as it may be."""
        self._passed += seconds

    async def outwaits_the_first(self, upload: "asyncio.Task[Response]") -> None:
        """Lets time pass for the upload until the element that has it is given up."""
        await self.breakers.first.wait()
        while self.breakers.made < 2 and not upload.done():
            # More than once, for until the system takes no more, what is sent starts the clock again.
            self.lets_time_pass(self.uploads.settings.element_silence_seconds)
            await asyncio.sleep(0)

    async def refusal(self, upload: Upload, form: type[UploadBody] = FormBody) -> Problem:
        with pytest.raises(Problem) as refused:
            await self.take(upload, form)
        return refused.value


async def running(settings: IngesterSettings) -> AsyncIterator[World]:
    async with http_session() as session:
        world = World(session, settings)
        yield world
    for element in world.elements:
        await element.stop()
