"""The way of an upload to an element that stands on a real socket, with everything that can go wrong on it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from artstore.attributes import FileId, new_file_id
from artstore.ingester.admission import Admission
from artstore.ingester.files.locating import Locating
from artstore.ingester.files.versions import Versions
from artstore.ingester.idempotency.once import Keys
from artstore.ingester.metrics import UPLOAD_BYTES
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.delivery import Delivery
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.relay import Patience, Relay
from artstore.ingester.uploads.retried import Retried
from artstore.ingester.uploads.service import Uploads
from artstore.kernel.access import Principal
from artstore.kernel.database import Database
from artstore.kernel.peers import (
    BreakerOptions,
    Breakers,
    BreakerState,
    ServiceToken,
    forwarded_headers,
    http_session,
)
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementHealth, Mode, RegisteredElement
from artstore.wire.problems import PROBLEM_JSON, ProblemBody, ProblemType
from artstore.wire.scopes import Scope
from tests.support.system import BOUNDARY, form, part
from tests.support.uploads import GONE, SILENCE, Upload

SCOPES = frozenset({Scope.FILES_WRITE, Scope.FILES_READ})
PRINCIPAL = Principal("id", "client", "name", "USER", SCOPES, "the-token")
NOWHERE = SecretStr("postgresql+psycopg://127.0.0.1:1/none")
NO_KEYS = Keys(Database(NOWHERE, application_name="test"), NOWHERE)
"""No upload here has one."""
SMALL = form(part("file", b"content", "note.txt"))
BIG = form(part("description", b"words"), part("file", b"0123456789abcdef" * 500_000, "big.bin"))
HUGE = form(part("file", b"0123456789abcdef" * 1_200_000, "huge.bin"))
"""Does not fit into what lies between the services."""
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

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
            raise web.HTTPNotFound
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
        facts: dict[str, Any] = {
            "url": self.url,
            "mode": Mode.RW,
            "capacity_bytes": 1 << 40,
            "used_bytes": 0,
            "free_bytes": 1 << 40,
            "documents": 0,
            "last_lsn": 0,
            "health": ElementHealth.OK,
            "max_file_bytes": 1 << 40,
            "started_at": NOW,
            "announced_at": NOW,
        }
        return RegisteredElement(element_id=element_id, **facts | changes)


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
    await asyncio.Event().wait()
    return web.Response()


def says(status: int) -> Behaviour:
    """Without a reason: something between the services, or a fault."""

    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    return behave


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
    await asyncio.Event().wait()
    return web.Response()


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


class World:
    """An Ingester's uploads with elements e1, e2, …"""

    def __init__(self, session: aiohttp.ClientSession, settings: IngesterSettings) -> None:
        self.elements: list[Element] = []
        self.announced: list[RegisteredElement] = []
        self.breakers = Breakers(BreakerOptions(failures=2, open_seconds=60, longest_seconds=60))
        locating = Locating(session, lambda: self.announced)
        self.uploads = Uploads(
            session,
            lambda: self.announced,
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

    async def refusal(self, upload: Upload, form: type[UploadBody] = FormBody) -> Problem:
        with pytest.raises(Problem) as refused:
            await self.take(upload, form)
        return refused.value


@pytest.fixture
def settings() -> IngesterSettings:
    return IngesterSettings(
        database_url=NOWHERE,
        redis_url=SecretStr("redis://127.0.0.1:1"),
        admin_url="http://127.0.0.1:1",
        max_file_bytes=20_000_000,
        client_silence_seconds=1,
        element_silence_seconds=1,
        element_answer_seconds=1,
    )


async def running(settings: IngesterSettings) -> AsyncIterator[World]:
    async with http_session() as session:
        world = World(session, settings)
        yield world
    for element in world.elements:
        await element.stop()


@pytest.fixture
async def world(settings: IngesterSettings) -> AsyncIterator[World]:
    async for world in running(settings):
        yield world


@pytest.fixture
async def holding(settings: IngesterSettings) -> AsyncIterator[World]:
    """Holds every body."""
    async for world in running(settings.model_copy(update={"held_bytes": 32 << 20})):
        yield world


class TestRelay:
    @pytest.mark.parametrize("pieces", [1, 2, 50])
    async def test_unchanged(self, world: World, pieces: int) -> None:
        element = await world.add(stores)
        answer = await world.take(Upload.whole(BIG, pieces=pieces, query="retention_policy=permanent"))
        assert (answer.status_code, answer.body) == (201, b'{"file_id": "1"}')
        assert element.body == BIG
        (request,) = element.requests
        assert request.query_string == "retention_policy=permanent"
        assert request.headers["Content-Type"] == f"multipart/form-data; boundary={BOUNDARY}"
        assert request.headers["Content-Length"] == str(len(BIG))
        assert 8_000_000 <= int(request.headers["X-Expected-Size"]) <= len(BIG)
        assert request.headers["Authorization"] == "Bearer the-token"
        assert request.headers["X-Request-ID"]
        assert request.headers["traceparent"]

    async def test_bytes_of_the_query_that_are_no_ascii(self, world: World) -> None:
        element = await world.add(stores)
        assert (await world.take(Upload.whole(SMALL, query="more=é&a=%20"))).status_code == 201
        assert element.requests[0].rel_url.raw_query_string == "more=%C3%A9&a=%20"

    async def test_without_a_length(self, world: World) -> None:
        element = await world.add(stores)
        answer = await world.take(Upload([BIG[:1000], BIG[1000:5_000_000], BIG[5_000_000:]]))
        assert answer.status_code == 201
        assert element.body == BIG
        assert element.requests[0].headers["Transfer-Encoding"] == "chunked"
        assert "X-Expected-Size" not in element.requests[0].headers

    async def test_the_answer(self, world: World) -> None:
        await world.add(stores)
        answer = await world.take(Upload.whole(SMALL))
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["location"] == "/api/v1/files/1"
        assert answer.headers["etag"] == '"r1"'
        assert "x-own" not in answer.headers

    async def test_a_refusal_before_the_end_is_the_answer(self, world: World) -> None:
        await world.add(refuses(ProblemType.INVALID_FILENAME, unread=False))
        upload = Upload.whole(BIG, pieces=50)
        answer = await world.take(upload)
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith(PROBLEM_JSON)
        assert ProblemType.INVALID_FILENAME.uri.encode() in answer.body

    async def test_to_the_mode_of_the_policy(self, world: World) -> None:
        await world.add(stores)
        editable = await world.add(stores, mode=Mode.EDIT)
        await world.take(Upload.whole(form(part("retention_policy", b"temporary"), part("file", b"x", "x"))))
        assert editable.requests


class TestVersions:
    """What is told to the element that takes it, and what becomes of it where that does not believe."""

    REPLACED = "0193a5b0-7c1e-7000-8000-5a3f1b2c4d5e"
    BODY = form(part("replaces", REPLACED.encode()), part("file", b"content", "note.txt"))

    async def test_the_element_is_told_with_the_token_of_the_service(self, world: World) -> None:
        element = await self.element_with(world, stores)
        assert (await world.take(Upload.whole(self.BODY))).status_code == 201
        told = element.requests[0].headers
        assert told["X-Document-Id"] == told["X-Previous-Version-Id"] == self.REPLACED
        assert told["X-Service-Token"] == "token 1"
        assert told["Authorization"] == "Bearer the-token"

    async def test_a_token_that_has_ended_is_replaced_for_the_next(self, world: World) -> None:
        kind = ProblemType.NOT_PERMITTED
        element = await self.element_with(world, refuses(kind, unread=False, field="X-Service-Token"))
        refused = await world.refusal(Upload.whole(self.BODY))
        assert refused.kind is ProblemType.DEPENDENCY_UNAVAILABLE
        await world.refusal(Upload.whole(self.BODY))
        assert [each.headers["X-Service-Token"] for each in element.requests] == ["token 1", "token 2"]

    async def test_without_an_account_of_the_service(self, world: World) -> None:
        element = await self.element_with(world, stores, has_account=False)
        refused = await world.refusal(Upload.whole(self.BODY))
        assert refused.kind is ProblemType.DEPENDENCY_UNAVAILABLE
        assert element.requests == []

    async def test_what_is_no_version_needs_no_token(self, world: World) -> None:
        element = await self.element_with(world, stores, has_account=False)
        assert (await world.take(Upload.whole(SMALL))).status_code == 201
        assert "X-Document-Id" not in element.requests[0].headers

    async def element_with(self, world: World, behaviour: Behaviour, *, has_account: bool = True) -> Element:
        """An element that has the document, and a service with a token or without."""
        element = await world.add(behaviour)
        element.documents.add(self.REPLACED)
        locating = Locating(world.uploads.session, lambda: world.announced)
        versions = Versions(locating, Tokens(world.uploads.session) if has_account else None)
        world.uploads = replace(world.uploads, versions=versions)
        return element


class Tokens(ServiceToken):
    """Of a service: each has its number."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__(session, "http://127.0.0.1:1", "services", "secret")
        self.number = 1

    async def get(self) -> str:
        return f"token {self.number}"

    def forget(self) -> None:
        self.number += 1


class TestAnotherElement:
    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_when_the_first_cannot_be_reached(self, world: World, body: bytes) -> None:
        gone, second = await world.add(stores), await world.add(stores)
        await gone.stop()
        answer = await world.take(Upload.whole(body, pieces=10))
        assert answer.status_code == 201
        assert second.body == body

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_when_the_first_does_not_even_refuse(self, world: World, body: bytes) -> None:
        """As a machine that is gone: nobody answers to the attempt to connect."""
        first, second = await world.add(stores), await world.add(stores)
        passed = UPLOAD_BYTES._value.get()
        with no_more_connections() as port:
            world.announced[0] = first.announcement("e1", url=f"http://127.0.0.1:{port}")
            answer = await world.take(Upload.whole(body, pieces=10))
        assert answer.status_code == 201
        assert second.body == body
        assert UPLOAD_BYTES._value.get() - passed == len(body), "what the first did not get was counted"

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    @pytest.mark.parametrize(
        "kind", [ProblemType.INSUFFICIENT_STORAGE, ProblemType.LOG_FULL, ProblemType.MODE_FORBIDS]
    )
    async def test_when_the_first_refuses_for_its_own_state(
        self, world: World, body: bytes, kind: ProblemType
    ) -> None:
        await world.add(refuses(kind))
        second = await world.add(stores)
        answer = await world.take(Upload.whole(body, pieces=10))
        assert answer.status_code == 201
        assert second.body == body

    async def test_when_the_first_is_closed(self, world: World) -> None:
        await world.add(refuses(ProblemType.ELEMENT_UNAVAILABLE, nothing_stored=True))
        second = await world.add(stores)
        assert (await world.take(Upload.whole(SMALL))).status_code == 201
        assert second.body == SMALL

    async def test_not_when_the_document_is_refused(self, world: World) -> None:
        await world.add(refuses(ProblemType.INVALID_ATTRIBUTES))
        second = await world.add(stores)
        answer = await world.take(Upload.whole(SMALL))
        assert answer.status_code == 422
        assert not second.requests

    async def test_not_when_bytes_were_lost_to_the_first(self, world: World) -> None:
        await world.add(refuses(ProblemType.INSUFFICIENT_STORAGE, unread=False))
        second = await world.add(stores)
        answer = await world.take(Upload.whole(BIG, pieces=10))
        assert answer.status_code == 507
        assert not second.requests

    async def test_all_refuse(self, world: World) -> None:
        for _ in range(3):
            await world.add(refuses(ProblemType.INSUFFICIENT_STORAGE))
        answer = await world.take(Upload.whole(BIG, pieces=10))
        assert answer.status_code == 507
        assert [len(element.requests) for element in world.elements] == [1, 1, 1]

    async def test_none_can_be_reached(self, world: World) -> None:
        for _ in range(2):
            await (await world.add(stores)).stop()
        problem = await world.refusal(Upload.whole(SMALL))
        assert problem.kind is ProblemType.NO_ELEMENT_AVAILABLE


class TestPlacement:
    async def test_no_element(self, world: World) -> None:
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.NO_ELEMENT_AVAILABLE

    async def test_no_room(self, world: World) -> None:
        await world.add(stores, free_bytes=3)
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.INSUFFICIENT_STORAGE

    async def test_too_large_for_all(self, world: World) -> None:
        await world.add(stores, max_file_bytes=3)
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.FILE_TOO_LARGE


class TestMemory:
    async def test_nothing_is_kept_of_what_was_sent(self, world: World) -> None:
        await world.add(stores)
        upload = Upload([BIG[:2_000_000], SILENCE])
        body = FormBody(upload.request, max_file_bytes=1 << 30, pace=PaceLimits(600))
        head, let_go = await body.head(seconds=1), asyncio.Event()
        relay = Relay(world.uploads.session, body, head.pieces, let_go.set)
        headers = {"Content-Type": body.content_type}
        sending = asyncio.create_task(relay.send(world.announced[0], headers, Patience(5, 5)))
        await let_go.wait()
        assert not head.pieces
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    async def test_room_is_kept_until_it_was_sent(self, settings: IngesterSettings) -> None:
        """33 bodies of more than 1 MiB wait for an element; 32 of them fill what may be held."""
        filled, asked = asyncio.Event(), asyncio.Event()

        async def asks_late(element: Element, request: web.Request) -> web.StreamResponse:
            if len(element.requests) >= 32:
                (asked if filled.is_set() else filled).set()
            await asyncio.Event().wait()
            return web.Response()

        patient = {"element_silence_seconds": 600, "client_silence_seconds": 600}
        async for world in running(settings.model_copy(update=patient)):
            element = await world.add(asks_late)
            long = [world.take(Upload([BIG[:2_000_000], SILENCE])) for _ in range(32)]
            await filled.wait()
            short = world.take(Upload([SMALL]))
            await asked.wait()
            assert "Content-Length" not in element.requests[-1].headers, "it was held"
            for task in (*long, short):
                task.cancel()
            await asyncio.gather(*long, short, return_exceptions=True)


class TestPlaces:
    """Uploads that are slow take no place from those of others, and are no fault of the element."""

    @pytest.mark.parametrize(
        ("most", "of_account", "kind"),
        [(3, 2, ProblemType.TOO_MANY_REQUESTS), (2, 3, ProblemType.NO_ELEMENT_AVAILABLE)],
    )
    async def test_are_all_taken(
        self, settings: IngesterSettings, most: int, of_account: int, kind: ProblemType
    ) -> None:
        few = {"uploads_at_once": most, "uploads_of_account": of_account, "client_silence_seconds": 600}
        async for world in running(settings.model_copy(update=few)):
            element = await world.add(stores)
            slow = [world.take(Upload([BIG[:2_000_000], SILENCE])) for _ in range(2)]
            for _ in range(4):
                problem = await world.refusal(Upload.whole(SMALL))
                assert problem.kind is kind
                assert "Retry-After" in problem.headers
            assert world.breakers.state("e1") is BreakerState.CLOSED
            slow[0].cancel()
            await asyncio.gather(slow[0], return_exceptions=True)
            assert (await world.take(Upload.whole(SMALL))).status_code == 201
            assert element.body == SMALL
            slow[1].cancel()
            await asyncio.gather(slow[1], return_exceptions=True)


class TestBreaker:
    async def open(self, world: World, behaviour: Behaviour = stores) -> Element:
        """A first element that was found to be away, and is there again, unnoticed; the second is there."""
        gone, second = await world.add(stores), await world.add(stores)
        await gone.stop()
        for _ in range(2):
            await world.take(Upload.whole(SMALL))
        assert len(second.requests) == 2
        assert world.breakers.state("e1") is BreakerState.OPEN
        again = Element(behaviour)
        await again.start()
        world.elements.append(again)
        world.announced[0] = again.announcement("e1", announced_at=NOW.replace(second=5))
        return again

    async def test_while_it_is_open_the_element_is_left_alone(self, world: World) -> None:
        again = await self.open(world)
        for _ in range(3):
            assert (await world.take(Upload.whole(SMALL))).status_code == 201
        assert not again.requests

    async def test_an_element_that_was_started_is_tried(self, world: World) -> None:
        again = await self.open(world)
        world.announced[0] = again.announcement("e1", started_at=NOW.replace(second=5))
        await world.take(Upload.whole(SMALL))
        assert len(again.requests) == 1
        assert world.breakers.state("e1") is BreakerState.CLOSED

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_one_upload_tries_and_the_others_go_elsewhere(self, world: World, body: bytes) -> None:
        tried, go_on = asyncio.Event(), asyncio.Event()

        async def waits(element: Element, request: web.Request) -> web.StreamResponse:
            tried.set()
            await go_on.wait()
            return await stores(element, request)

        again = await self.open(world, waits)
        world.announced[0] = again.announcement("e1", started_at=NOW.replace(second=5))
        trial = world.take(Upload.whole(body, pieces=10))
        await tried.wait()
        assert (await world.take(Upload.whole(SMALL))).status_code == 201
        assert len(again.requests) == 1
        go_on.set()
        assert (await trial).status_code == 201
        assert world.breakers.state("e1") is BreakerState.CLOSED

    async def test_nobody_is_called_while_all_are_open(self, world: World) -> None:
        await (await world.add(stores)).stop()
        for _ in range(2):
            await world.refusal(Upload.whole(SMALL))
        problem = await world.refusal(Upload.whole(SMALL))
        assert problem.kind is ProblemType.NO_ELEMENT_AVAILABLE
        assert 1 <= int(problem.headers["Retry-After"]) <= 60

    @pytest.mark.parametrize(
        ("behaviour", "opens"),
        [
            (refuses(ProblemType.INSUFFICIENT_STORAGE), False),
            (refuses(ProblemType.TOO_MANY_REQUESTS), False),
            (refuses(ProblemType.LOG_FULL), False),
            (refuses(ProblemType.INVALID_ATTRIBUTES), False),
            (refuses(ProblemType.INTERNAL), True),
            (says(500), True),
            (says(503), True),
        ],
    )
    async def test_refusals_are_no_failures(self, world: World, behaviour: Behaviour, opens: bool) -> None:
        await world.add(behaviour)
        for _ in range(2):
            with suppress(Problem):
                await world.take(Upload.whole(SMALL))
        assert (world.breakers.state("e1") is BreakerState.OPEN) is opens

    async def test_what_dies_of_every_large_body_is_left_alone(self, world: World) -> None:
        await world.add(dies)
        for _ in range(2):
            await world.refusal(Upload.whole(BIG, pieces=10))
        assert world.breakers.state("e1") is BreakerState.OPEN

    async def test_a_client_that_goes_away_says_nothing(self, world: World) -> None:
        await world.add(stores)
        for _ in range(2):
            with pytest.raises(ClientDisconnect):
                await world.take(Upload([BIG[:5_000_000], GONE], announced=len(BIG)))
        assert world.breakers.state("e1") is BreakerState.CLOSED


class TestElementFails:
    @pytest.mark.parametrize("behaviour", [dies, falls_silent, reads_nothing])
    async def test_in_the_middle_of_a_large_body(self, world: World, behaviour: Behaviour) -> None:
        await world.add(behaviour)
        second = await world.add(stores)
        problem = await world.refusal(Upload.whole(HUGE, pieces=50))
        assert problem.kind is ProblemType.ELEMENT_UNAVAILABLE
        assert "nothing is stored" in problem.detail
        assert "/api/v1/uploads" in problem.detail
        assert not second.requests

    @pytest.mark.parametrize("behaviour", [dies, falls_silent, reads_nothing])
    async def test_in_the_middle_of_a_body_that_is_held(self, holding: World, behaviour: Behaviour) -> None:
        await holding.add(behaviour)
        second = await holding.add(stores)
        answer = await holding.take(Upload.whole(HUGE, pieces=50))
        assert answer.status_code == 201
        assert second.body == HUGE

    @pytest.mark.parametrize("announced", [True, False])
    async def test_a_held_body_comes_with_its_length(self, holding: World, announced: bool) -> None:
        element = await holding.add(stores)
        upload = Upload.whole(BIG, pieces=50) if announced else Upload([BIG[:1000], BIG[1000:]])
        await holding.take(upload)
        (request,) = element.requests
        assert request.headers["Content-Length"] == str(len(BIG))
        assert "Expect" not in request.headers
        assert element.body == BIG

    async def test_after_it_may_have_stored_a_small_body(self, world: World) -> None:
        first_one = await world.add(first(keeps_and_dies, stores))
        second = await world.add(stores)
        answer = await world.take(Upload.whole(SMALL, pieces=3))
        assert answer.status_code == 201
        one, again = first_one.requests
        assert one.headers["X-File-Id"] == again.headers["X-File-Id"]
        assert first_one.body == SMALL
        # It may have stored the document: a second element would store it twice.
        assert not second.requests

    async def test_after_it_may_have_stored_a_large_body(self, world: World) -> None:
        first_one = await world.add(keeps_and_dies)
        second = await world.add(stores)
        answer = await world.take(Upload.whole(BIG, pieces=50))
        assert answer.status_code == 201
        (file_id,) = first_one.documents
        assert json.loads(bytes(answer.body))["file_id"] == file_id
        assert answer.headers["location"] == f"/api/v1/files/{file_id}"
        assert answer.headers["etag"] == '"r1"'
        assert not second.requests

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    @pytest.mark.parametrize(
        "answer",
        [says(500), says(503), says(200), refuses(ProblemType.ELEMENT_UNAVAILABLE)],
        ids=["500", "503 of a proxy", "200", "log failed"],
    )
    async def test_after_an_answer_that_says_nothing_certain(
        self, world: World, answer: Behaviour, body: bytes
    ) -> None:
        first_one = await world.add(first(keeps_and(answer), stores))
        second = await world.add(stores)
        assert (await world.take(Upload.whole(body, pieces=50))).status_code == 201
        assert {request.headers["X-File-Id"] for request in first_one.requests} == first_one.documents
        assert not second.requests

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    @pytest.mark.parametrize(
        "then", [dies, refuses(ProblemType.INSUFFICIENT_STORAGE), wants_another_clock, says(401)]
    )
    async def test_and_nobody_can_tell(self, world: World, then: Behaviour, body: bytes) -> None:
        element = await world.add(first(keeps_and_dies, then))
        second = await world.add(stores)
        upload = world.take(Upload.whole(body, pieces=50))
        await element.stored.wait()
        element.documents.clear()
        with pytest.raises(Problem) as refused:
            await upload
        assert refused.value.kind is ProblemType.ELEMENT_UNAVAILABLE
        assert "cannot be told" in refused.value.detail
        assert not second.requests

    async def test_what_is_said_of_the_document_is_believed_again(self, world: World) -> None:
        await world.add(first(keeps_and_dies, refuses(ProblemType.INVALID_ATTRIBUTES)))
        assert (await world.take(Upload.whole(SMALL))).status_code == 422

    async def test_a_field_with_the_name_of_the_id(self, world: World) -> None:
        """The element names it in its refusal; that says nothing of the id."""
        element = await world.add(refuses(ProblemType.INVALID_PARAMETER, field="X-File-Id"))
        body = form(part("X-File-Id", b"x"), part("file", b"content", "note.txt"))
        assert (await world.take(Upload.whole(body))).status_code == 422
        assert len(element.requests) == 1

    async def test_and_was_sent_before(self, world: World) -> None:
        refuses_it = refuses(ProblemType.INVALID_PARAMETER, field="X-File-Id")
        element = await world.add(first(keeps_and_dies, refuses_it))
        assert (await world.take(Upload.whole(SMALL))).status_code == 422
        assert len(element.requests) == 2

    async def test_it_started_anew_elsewhere(self, world: World) -> None:
        gone, moved = await world.add(keeps_and_dies), await world.add(stores)
        world.announced = [gone.announcement("e1")]
        upload = world.take(Upload.whole(SMALL))
        await gone.stored.wait()
        world.announced = [moved.announcement("e1", started_at=NOW.replace(second=5))]
        assert (await upload).status_code == 201
        assert moved.requests[0].headers["X-File-Id"] == gone.requests[0].headers["X-File-Id"]

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_its_clock_is_another(self, world: World, body: bytes) -> None:
        element = await world.add(wants_another_clock)
        assert (await world.take(Upload.whole(body, pieces=10))).status_code == 201
        assert element.body == body


class OfAKey:
    """The identity of an upload with a key; ``freed`` counts the tries that are known to have stored nothing."""

    element_id: str | None = None
    is_new = False

    def __init__(self) -> None:
        self.file_id = new_file_id(datetime.now(UTC))
        self.freed = 0

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        return element_id, self.file_id

    async def nothing_stored(self) -> None:
        self.freed += 1


@pytest.mark.parametrize(
    ("answer", "freed"),
    [
        (refuses(ProblemType.LOG_FULL), 1),
        (refuses(ProblemType.INVALID_ATTRIBUTES), 1),
        (refuses(ProblemType.ELEMENT_UNAVAILABLE, nothing_stored=True), 1),
        (refuses(ProblemType.ELEMENT_UNAVAILABLE, nothing_stored=False), 0),
        (refuses(ProblemType.INTERNAL), 0),
        (says(503), 0),
    ],
)
async def test_a_key_is_freed_only_where_it_is_certain(world: World, answer: Behaviour, freed: int) -> None:
    await world.add(answer)
    uploads, key = world.uploads, OfAKey()
    delivery = Delivery(
        uploads.session, uploads.elements, world.breakers, uploads.settings, Patience(1, 1), uploads.pauses
    )
    upload = Upload.whole(SMALL)
    body = FormBody(upload.request, max_file_bytes=1 << 30, pace=PaceLimits(1))
    head = await body.head(seconds=1)
    headers = forwarded_headers(upload.request, PRINCIPAL) | {"Content-Type": body.content_type}
    with suppress(Problem):
        await delivery.deliver(Relay(uploads.session, body, head.pieces), head.wanted, headers, key)
    assert key.freed == freed


class TestClientFails:
    async def test_goes_away(self, world: World) -> None:
        element = await world.add(stores)
        with pytest.raises(ClientDisconnect):
            await world.take(Upload([BIG[:5_000_000], GONE], announced=len(BIG)))
        await element.broken.wait()

    async def test_goes_away_without_having_told_a_length(self, world: World) -> None:
        element = await world.add(stores)
        with pytest.raises(ClientDisconnect):
            await world.take(Upload([BIG[:5_000_000], GONE]))
        await element.broken.wait()

    async def test_goes_away_in_the_head(self, world: World) -> None:
        element = await world.add(stores)
        with pytest.raises(ClientDisconnect):
            await world.take(Upload([BIG[:20], GONE], announced=len(BIG)))
        assert not element.requests

    async def test_falls_silent(self, world: World) -> None:
        element = await world.add(stores)
        problem = await world.refusal(Upload([BIG[:5_000_000], SILENCE], announced=len(BIG)))
        assert problem.kind is ProblemType.REQUEST_TIMEOUT
        await element.broken.wait()

    @pytest.mark.parametrize("announced", [len(BIG), None])
    async def test_falls_silent_and_the_element_has_less_patience(
        self, settings: IngesterSettings, announced: int | None
    ) -> None:
        patient = settings.model_copy(update={"client_silence_seconds": 600})
        async for world in running(patient):
            await world.add(refuses(ProblemType.REQUEST_TIMEOUT, unread=False))
            second = await world.add(stores)
            for _ in range(3):
                answer = await world.take(Upload([BIG[:5_000_000], SILENCE], announced=announced))
                assert answer.status_code == 408
            assert world.breakers.state("e1") is BreakerState.CLOSED
            assert not second.requests

    @pytest.mark.parametrize("announced", [len(BIG) - 100, None])
    async def test_ends_before_the_form_does(self, world: World, announced: int | None) -> None:
        element = await world.add(stores)
        problem = await world.refusal(Upload([BIG[:5_000_000], BIG[5_000_000:-100]], announced=announced))
        assert problem.kind is ProblemType.BROKEN_MULTIPART
        await element.broken.wait()

    async def test_sends_more_than_is_taken(self, world: World, settings: IngesterSettings) -> None:
        element = await world.add(stores)
        head = BIG[:1000]
        more = [b"x" * 1_000_000] * (settings.max_file_bytes // 1_000_000)
        problem = await world.refusal(Upload([head, *more]))
        assert problem.kind is ProblemType.FILE_TOO_LARGE
        await element.broken.wait()

    async def test_sends_as_much_as_is_taken(self, world: World, settings: IngesterSettings) -> None:
        element = await world.add(stores)
        whole = form(
            part("file", b"x" * settings.max_file_bytes, "max.bin"), part("description", b"x" * 9000)
        )
        answer = await world.take(Upload.whole(whole, pieces=200))
        assert answer.status_code == 201
        assert len(element.body) == len(whole)
