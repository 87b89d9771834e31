"""What is taken for the answer of an element that has no such document."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aiohttp import web

from artstore.kernel.peers import ElementSilent, http_session
from artstore.query.files.elements import ElementFiles
from artstore.wire.problems import PROBLEM_JSON, ProblemBody, ProblemType

DOCUMENT = UUID(int=1)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Of an element, or under /proxy of what stands before one that is not there."""

    async def element(request: web.Request) -> web.Response:
        missing = ProblemBody.of(ProblemType.NOT_FOUND, "There is none.").model_dump_json()
        return web.Response(text=missing, status=404, content_type=PROBLEM_JSON)

    async def proxy(request: web.Request) -> web.Response:
        return web.Response(text="404 page not found", status=404)

    app = web.Application()
    app.router.add_get("/proxy/{path:.*}", proxy)
    app.router.add_get("/{path:.*}", element)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_element_that_has_no_such_document(url: str, method: str) -> None:
    async with http_session() as session:
        files = ElementFiles(session)
        assert await files.document(url, DOCUMENT, {}) is None
        assert await files.download(url, DOCUMENT, method, {}) is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_something_before_an_element_that_is_not_there(url: str, method: str) -> None:
    async with http_session() as session:
        files = ElementFiles(session)
        with pytest.raises(ElementSilent):
            await files.document(url + "/proxy", DOCUMENT, {})
        with pytest.raises(ElementSilent):
            await files.download(url + "/proxy", DOCUMENT, method, {})
