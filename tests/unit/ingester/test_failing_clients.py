"""A client that goes away, falls silent, or sends what its upload did not announce."""

import pytest
from starlette.requests import ClientDisconnect

from artstore.ingester.settings import IngesterSettings
from artstore.kernel.peers import (
    BreakerState,
)
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from tests.support.playing_elements import BIG, World, refuses, running, stores
from tests.support.system import form, part
from tests.support.uploads import GONE, SILENCE, Upload


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
        upload = Upload([BIG[:5_000_000], SILENCE], announced=len(BIG))
        taken = world.take(upload)
        await upload.silent.wait()
        world.lets_time_pass(world.uploads.settings.client_silence_seconds)
        with pytest.raises(Problem) as refused:
            await taken
        assert refused.value.kind is ProblemType.REQUEST_TIMEOUT
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
