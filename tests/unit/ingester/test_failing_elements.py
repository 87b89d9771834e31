"""An element that fails in the middle of an upload: nothing is lost, and nothing is stored twice."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from artstore.attributes import FileId, new_file_id
from artstore.ingester.uploads.delivery import Delivery
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.relay import Patience, Relay
from artstore.kernel.peers import (
    forwarded_headers,
)
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from tests.support.announcements import NOW
from tests.support.playing_elements import (
    BIG,
    HUGE,
    PRINCIPAL,
    SMALL,
    Behaviour,
    Element,
    World,
    dies,
    falls_silent,
    first,
    keeps_and,
    keeps_and_dies,
    reads_nothing,
    refuses,
    says,
    says_nothing,
    stores,
    wants_another_clock,
)
from tests.support.system import form, part
from tests.support.uploads import Upload


class TestElementFails:
    async def test_in_the_middle_of_a_large_body(self, world: World) -> None:
        await world.add(dies)
        second = await world.add(stores)
        self.assert_lost(await world.refusal(Upload.whole(HUGE, pieces=50)), second)

    @pytest.mark.parametrize("behaviour", [falls_silent, reads_nothing])
    async def test_in_silence_in_the_middle_of_a_large_body(self, world: World, behaviour: Behaviour) -> None:
        silent, second = await world.add(behaviour), await world.add(stores)
        upload = Upload.whole(HUGE, pieces=50)
        taken = world.take(upload)
        await silent.silent.wait()
        # Of which no more than two are in the head; it tells of its end only.
        while upload.pieces_read < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await world.outwaits_the_first(taken)
        with pytest.raises(Problem) as refused:
            await taken
        self.assert_lost(refused.value, second)

    def assert_lost(self, problem: Problem, second: Element) -> None:
        assert problem.kind is ProblemType.ELEMENT_UNAVAILABLE
        assert "nothing is stored" in problem.detail
        assert "/api/v1/uploads" in problem.detail
        assert not second.requests

    async def test_in_the_middle_of_a_body_that_is_held(self, holding: World) -> None:
        await holding.add(dies)
        second = await holding.add(stores)
        assert (await holding.take(Upload.whole(HUGE, pieces=50))).status_code == 201
        assert second.body == HUGE

    @pytest.mark.parametrize("behaviour", [falls_silent, reads_nothing])
    async def test_in_silence_in_the_middle_of_a_body_that_is_held(
        self, holding: World, behaviour: Behaviour
    ) -> None:
        silent, second = await holding.add(behaviour), await holding.add(stores)
        upload = holding.take(Upload.whole(HUGE, pieces=50))
        await silent.silent.wait()
        await holding.outwaits_the_first(upload)
        assert (await upload).status_code == 201
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

    @pytest.mark.parametrize("body", [SMALL, BIG], ids=["small", "big"])
    async def test_after_it_fell_silent_with_a_held_body(self, holding: World, body: bytes) -> None:
        """Which is not waited for as long as for a large one."""
        silent = await holding.add(first(keeps_and(says_nothing), stores))
        second = await holding.add(stores)
        upload = holding.take(Upload.whole(body, pieces=50))
        await silent.silent.wait()
        settings = holding.uploads.settings
        assert settings.held_answer_seconds < settings.element_answer_seconds / 2
        holding.lets_time_pass(settings.held_answer_seconds)
        async with asyncio.timeout(settings.element_answer_seconds / 2):
            answer = await upload
        assert answer.status_code == 201
        assert {request.headers["X-File-Id"] for request in silent.requests} == silent.documents
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
        world.announced[:] = [gone.announcement("e1")]
        upload = world.take(Upload.whole(SMALL))
        await gone.stored.wait()
        world.announced[:] = [moved.announcement("e1", started_at=NOW.replace(second=5))]
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
        uploads.session, uploads.directory, world.breakers, uploads.settings, Patience(60, 60), uploads.pauses
    )
    upload = Upload.whole(SMALL)
    body = FormBody(upload.request, max_file_bytes=1 << 30, pace=PaceLimits(60))
    head = await body.head(seconds=60)
    headers = forwarded_headers(upload.request, PRINCIPAL) | {"Content-Type": body.content_type}
    with suppress(Problem):
        await delivery.deliver(Relay(uploads.session, body, head.pieces), head.wanted, headers, key)
    assert key.freed == freed
