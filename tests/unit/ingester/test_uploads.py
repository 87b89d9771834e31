"""The way of an upload to an element that stands on a real socket, with everything that can go wrong on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.service import Uploads
from artstore.kernel.access import Principal
from artstore.kernel.peers import http_session
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementHealth, Mode, RegisteredElement
from artstore.wire.problems import PROBLEM_JSON, ProblemBody, ProblemType
from artstore.wire.scopes import Scope
from tests.support.system import BOUNDARY, form, part
from tests.support.uploads import GONE, SILENCE, Upload

PRINCIPAL = Principal("id", "client", "name", "USER", frozenset({Scope.FILES_WRITE}), "the-token")
SMALL = form(part("file", b"content", "note.txt"))
BIG = form(part("description", b"words"), part("file", b"0123456789abcdef" * 500_000, "big.bin"))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

Behaviour = Callable[["Element", web.Request], Awaitable[web.StreamResponse]]


class Element:
    """An element that does with uploads what ``behaviour`` says, and remembers what it got."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[web.Request] = []
        self.body = b""
        self.broken = asyncio.Event()
        """Set when an upload broke off before its end."""
        self.url = ""
        self._behaviour = behaviour
        app = web.Application()
        app.router.add_post("/api/v1/files/upload", self._answer, expect_handler=self._expect)
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


def refuses(kind: ProblemType, *, unread: bool = True) -> Behaviour:
    async def behave(element: Element, request: web.Request) -> web.StreamResponse:
        if not unread:
            await anext(element.pieces(request))
        body = ProblemBody.of(kind, "Refused.").model_dump_json()
        return web.Response(text=body, status=kind.status, content_type=PROBLEM_JSON)

    return behave


async def dies(element: Element, request: web.Request) -> web.StreamResponse:
    await anext(element.pieces(request))
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def falls_silent(element: Element, request: web.Request) -> web.StreamResponse:
    await anext(element.pieces(request))
    await asyncio.Event().wait()
    return web.Response()


class World:
    """An Ingester's uploads with elements e1, e2, …"""

    def __init__(self, session: aiohttp.ClientSession, settings: IngesterSettings) -> None:
        self.elements: list[Element] = []
        self.announced: list[RegisteredElement] = []
        self.uploads = Uploads(session, lambda: self.announced, settings)

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
        redis_url=SecretStr("redis://127.0.0.1:1"),
        admin_url="http://127.0.0.1:1",
        max_file_bytes=20_000_000,
        client_silence_seconds=1,
        element_silence_seconds=1,
        element_answer_seconds=1,
    )


@pytest.fixture
async def world(settings: IngesterSettings) -> AsyncIterator[World]:
    async with http_session() as session:
        world = World(session, settings)
        yield world
    for element in world.elements:
        await element.stop()


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


class TestAnotherElement:
    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_when_the_first_cannot_be_reached(self, world: World, body: bytes) -> None:
        gone, second = await world.add(stores), await world.add(stores)
        await gone.stop()
        answer = await world.take(Upload.whole(body, pieces=10))
        assert answer.status_code == 201
        assert second.body == body

    async def test_first_next_time_until_the_lost_one_is_heard_of(self, world: World) -> None:
        gone = await world.add(stores)
        second = await world.add(stores)
        await gone.stop()
        await world.take(Upload.whole(SMALL))
        first = Element(stores)
        await first.start()
        world.elements.append(first)
        world.announced[0] = first.announcement("e1")
        await world.take(Upload.whole(SMALL))
        assert len(second.requests) == 2
        world.announced[0] = first.announcement("e1", announced_at=NOW.replace(second=5))
        await world.take(Upload.whole(SMALL))
        assert len(first.requests) == 1

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


class TestElementFails:
    @pytest.mark.parametrize("behaviour", [dies, falls_silent])
    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_in_the_middle(self, world: World, behaviour: Behaviour, body: bytes) -> None:
        await world.add(behaviour)
        second = await world.add(stores)
        problem = await world.refusal(Upload.whole(body, pieces=50))
        assert problem.kind is ProblemType.ELEMENT_UNAVAILABLE
        # It may have stored the document: a second element would store it twice.
        assert not second.requests


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
