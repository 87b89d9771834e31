"""A service that does what the environment tells it to; started by the tests of serving as a process of its own."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from artstore.kernel import serve
from artstore.kernel.access import JwksClient, Principal, TokenVerifier
from artstore.kernel.app import create_app, hot_route
from artstore.kernel.logging import get_logger
from artstore.kernel.settings import ServiceSettings, load
from artstore.wire.scopes import Scope

_log = get_logger("served")


class ServedSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="ARTSTORE_SERVED_")

    plan: str = "works"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    plan = load(ServedSettings).plan
    if plan == "fails":
        raise ConnectionRefusedError("nobody listens at postgresql://user:hunter2@db/artstore")
    if plan == "hangs":
        _log.info("hanging")
        await asyncio.Event().wait()
    yield
    _log.info("closed")


async def worker(request: Request) -> Response:
    return Response(str(os.getpid()))


async def endless(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.Event().wait()

    return StreamingResponse(body())


async def stuck(request: Request) -> Response:
    _log.info("stuck")
    time.sleep(3600)  # noqa: ASYNC251 - nothing else is done meanwhile: that is what it is for
    raise AssertionError("nobody waits that long")


async def held(request: Request) -> Response:
    """Answers once the client has sent its body to the end."""
    return Response(str(len(await request.body())))


async def broken(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 10
        raise OSError("the disk is gone")

    return StreamingResponse(body(), headers={"Content-Length": "20"})


async def closed(request: Request, principal: Principal) -> Response:
    raise AssertionError("no token is good here")


def make() -> FastAPI:
    settings = load(ServedSettings)
    if settings.plan == "cannot-be-made":
        raise RuntimeError("the folder /data is not an element")
    verifier = TokenVerifier(JwksClient(settings.admin_url), settings.issuer)
    app = create_app(service="served", title="Served", version="1", verifier=verifier, lifespan=lifespan)
    for path, endpoint in {
        "/worker": worker,
        "/endless": endless,
        "/broken": broken,
        "/stuck": stuck,
    }.items():
        hot_route(app, path, endpoint, methods=["GET"], scope=None, operation={"summary": path})
    hot_route(app, "/held", held, methods=["POST"], scope=None, operation={"summary": "Hold"})
    upload = {"summary": "Upload"}
    hot_route(app, "/closed", closed, methods=["POST"], scope=Scope.FILES_WRITE, operation=upload)
    return app


if __name__ == "__main__":
    serve.run("served:make", settings=load(ServedSettings), service="served")
