"""The way of an upload to an element that stands on a real socket."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from artstore.ingester.files.locating import Locating
from artstore.ingester.files.versions import Versions
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.relay import Patience, Relay
from artstore.kernel.peers import (
    BreakerState,
    ServiceToken,
)
from artstore.wire.elements import Mode
from artstore.wire.problems import PROBLEM_JSON, ProblemType
from tests.support.playing_elements import (
    BIG,
    SMALL,
    Behaviour,
    Element,
    World,
    refuses,
    running,
    stores,
)
from tests.support.system import BOUNDARY, form, part
from tests.support.uploads import SILENCE, Upload


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
        locating = Locating(world.uploads.session, world.directory)
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


class TestPlacement:
    async def test_no_element(self, world: World) -> None:
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.NO_ELEMENT_AVAILABLE

    async def test_no_room(self, world: World) -> None:
        await world.add(stores, free_bytes=3)
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.INSUFFICIENT_STORAGE

    async def test_too_large_for_all(self, world: World) -> None:
        await world.add(stores, max_file_bytes=3)
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.FILE_TOO_LARGE

    async def test_too_large_for_those_that_are_known_by_now(self, world: World) -> None:
        await world.add(stores, max_file_bytes=3)
        world.directory.is_up_to_date = False
        assert (await world.refusal(Upload.whole(SMALL))).kind is ProblemType.NO_ELEMENT_AVAILABLE


class TestMemory:
    async def test_nothing_is_kept_of_what_was_sent(self, world: World) -> None:
        await world.add(stores)
        upload = Upload([BIG[:2_000_000], SILENCE])
        body = FormBody(upload.request, max_file_bytes=1 << 30, pace=PaceLimits(600))
        head, let_go = await body.head(seconds=60), asyncio.Event()
        relay = Relay(world.uploads.session, body, head.pieces, let_go.set)
        headers = {"Content-Type": body.content_type}
        sending = asyncio.create_task(relay.send(world.announced[0], headers, Patience(60, 60)))
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

        async for world in running(settings):
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
