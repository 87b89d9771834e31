"""A request of a resumable upload, passed on to an element on a real socket."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from artstore.ingester.resumable.calls import Call, ElementSilent
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.peers import http_session
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from tests.support.uploads import SILENCE, Upload

SHORT = 0.2


@pytest.fixture
def settings() -> IngesterSettings:
    return IngesterSettings(
        database_url=SecretStr("postgresql+psycopg://127.0.0.1:1/none"),
        redis_url=SecretStr("redis://127.0.0.1:1"),
        admin_url="http://127.0.0.1:1",
        client_silence_seconds=600,
        client_bytes_per_second=1_000_000,
        element_answer_seconds=600,
    )


def short_of(settings: IngesterSettings, limit: str) -> IngesterSettings:
    """For what waits until the limit is over, and for nothing else."""
    return settings.model_copy(update={limit: SHORT})


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Of an element that takes every body, if it is not busy, and answers what has none after a long time."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            await asyncio.sleep(4 * SHORT)
        elif request.method != "PATCH":
            await asyncio.Event().wait()
        await request.read()
        return web.Response(status=204)

    async def wants_no_body(request: web.Request) -> None:
        await asyncio.Event().wait()

    app = web.Application()
    app.router.add_route("*", "/busy", answer, expect_handler=wants_no_body)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()


def nothing() -> None:
    pass


async def test_a_body(url: str, settings: IngesterSettings) -> None:
    async with http_session() as session:
        call = Call(session, Upload([b"some", b"more"]).request, settings)
        assert (await call.send("PATCH", url, {}, nothing, with_body=True)).status == 204


async def test_a_client_that_only_holds_a_place(url: str, settings: IngesterSettings) -> None:
    async with http_session() as session:
        upload = Upload([b"x", SILENCE])
        call = Call(session, upload.request, short_of(settings, "client_slow_seconds"))
        with pytest.raises(Problem) as refused:
            await call.send("PATCH", url, {}, nothing, with_body=True)
    assert refused.value.kind is ProblemType.UPLOAD_STALLED
    assert "go on from there" in refused.value.detail


async def test_no_call_waits_for_ever(url: str, settings: IngesterSettings) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        other = asyncio.create_task(session.get(url))
        await asyncio.sleep(0)
        call = Call(session, Upload([]).request, short_of(settings, "element_silence_seconds"))
        with pytest.raises(ElementSilent):
            await call.send("HEAD", url, {}, nothing)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)


class TestElementThatIsStopped:
    """As a long flush may be waited for, and nothing else."""

    @pytest.fixture
    def settings(self, settings: IngesterSettings) -> IngesterSettings:
        return short_of(settings, "element_silence_seconds")

    async def test_is_not_waited_for_without_a_body(self, url: str, settings: IngesterSettings) -> None:
        async with http_session() as session:
            with pytest.raises(ElementSilent):
                await Call(session, Upload([]).request, settings).send("HEAD", url, {}, nothing)

    async def test_is_not_waited_for_before_the_body(self, url: str, settings: IngesterSettings) -> None:
        async with http_session() as session:
            call = Call(session, Upload([b"some"]).request, settings)
            with pytest.raises(ElementSilent):
                await call.send("PATCH", url + "busy", {}, nothing, with_body=True)
            assert not call.begun

    async def test_makes_a_document_of_parts(self, url: str, settings: IngesterSettings) -> None:
        async with http_session() as session:
            call = Call(session, Upload([]).request, settings)
            assert (await call.send("POST", url, {}, nothing, makes_document=True)).status == 204
