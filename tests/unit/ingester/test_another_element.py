"""An element that cannot take an upload, or is known to be away: the next one gets it."""

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web
from starlette.requests import ClientDisconnect

from artstore.ingester.metrics import UPLOAD_BYTES
from artstore.kernel.peers import (
    BreakerState,
)
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from tests.support.announcements import NOW
from tests.support.playing_elements import (
    BIG,
    SMALL,
    Behaviour,
    Element,
    World,
    dies,
    no_more_connections,
    refuses,
    says,
    stores,
)
from tests.support.uploads import GONE, Upload


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
            upload = world.take(Upload.whole(body, pieces=10))
            await world.outwaits_the_first(upload)
            answer = await upload
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
