"""Hot routes: checked like all others, described like all others, and otherwise left alone."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel.access import Principal, TokenVerifier, undeclared_routes
from artstore.kernel.app import create_app, hot_route
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

from .conftest import Issuer


async def count(request: Request, principal: Principal) -> Response:
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
    return Response(f"{principal.username} {total} {request.path_params['name']}")


async def refuse(request: Request, principal: Principal) -> Response:
    raise Problem(ProblemType.MODE_FORBIDS, "The element is read-only.")


class Strange(Exception):
    """The parent of what the application knows how to answer."""


class Stranger(Strange):
    pass


async def fail_strangely(request: Request) -> Response:
    raise Stranger


async def answer_strange(request: Request, error: Exception) -> Response:
    return Response(type(error).__name__, status_code=418)


async def greet(request: Request) -> Response:
    return Response(b"hello", headers={"ETag": '"x"'})


@pytest.fixture
def app(verifier: TokenVerifier) -> FastAPI:
    made = create_app(service="test", title="T", version="1", verifier=verifier)
    upload = {"summary": "Count bytes", "responses": {"200": {"description": "Counted"}}}
    hot_route(made, "/bytes/{name}", count, methods=["PUT"], scope=Scope.FILES_WRITE, operation=upload)
    hot_route(
        made,
        "/small/{name}",
        count,
        methods=["PUT"],
        scope=Scope.FILES_WRITE,
        operation=upload,
        max_body_bytes=10,
    )
    hot_route(made, "/refused", refuse, methods=["POST"], scope=Scope.FILES_WRITE, operation=upload)
    hot_route(made, "/deleted", refuse, methods=["POST"], scope=Scope.FILES_DELETE, operation=upload)
    hot_route(made, "/hello", greet, methods=["GET", "HEAD"], scope=None, operation={"summary": "Hello"})
    hot_route(made, "/no-head", greet, methods=["GET"], scope=None, operation={"summary": "Hello"})
    made.add_exception_handler(Strange, answer_strange)
    hot_route(made, "/strange", fail_strangely, methods=["GET"], scope=None, operation={"summary": "Fail"})
    return made


@pytest.fixture
def headers(issuer: Issuer) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token()}"}


class TestHotRoute:
    async def test_errors_are_answered_as_the_application_says(
        self, client_of: Callable[..., Any], app: FastAPI
    ) -> None:
        async with client_of(app) as client:
            answer = await client.get("/strange")
        assert (answer.status_code, answer.text) == (418, "Stranger")

    async def test_body_is_not_limited(
        self, client_of: Callable[..., Any], app: FastAPI, headers: dict[str, str]
    ) -> None:
        async with client_of(app) as client:
            answer = await client.put("/bytes/a", content=b"x" * (2 << 20), headers=headers)
        assert answer.text == f"billing {2 << 20} a"

    async def test_body_limit_of_its_own(
        self, client_of: Callable[..., Any], app: FastAPI, headers: dict[str, str]
    ) -> None:
        async with client_of(app) as client:
            fits = await client.put("/small/a", content=b"x" * 10, headers=headers)
            exceeds = await client.put("/small/a", content=b"x" * 11, headers=headers)
        assert (fits.status_code, exceeds.status_code) == (200, 413)
        assert exceeds.json()["type"] == "urn:artstore:problem:request-too-large"

    async def test_without_token(self, client_of: Callable[..., Any], app: FastAPI) -> None:
        async with client_of(app) as client:
            answer = await client.put("/bytes/a", content=b"x")
        assert answer.status_code == 401
        assert answer.json()["request_id"] == answer.headers["x-request-id"]

    async def test_without_scope(
        self, client_of: Callable[..., Any], app: FastAPI, headers: dict[str, str]
    ) -> None:
        async with client_of(app) as client:
            answer = await client.post("/deleted", headers=headers)
        assert (answer.status_code, answer.json()["required_scope"]) == (403, "files:delete")

    async def test_problem(
        self, client_of: Callable[..., Any], app: FastAPI, headers: dict[str, str]
    ) -> None:
        async with client_of(app) as client:
            answer = await client.post("/refused", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (409, "The element is read-only.")

    async def test_refusal_takes_the_body_in(self, client_of: Callable[..., Any], app: FastAPI) -> None:
        sent = []

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(5):
                sent.append(number)
                yield b"x" * 1000

        async with client_of(app) as client:
            answer = await client.put("/bytes/a", content=pieces())
        assert answer.status_code == 401
        assert sent == [0, 1, 2, 3, 4]

    async def test_refusal_does_not_ask_for_a_body_that_waits(
        self, client_of: Callable[..., Any], app: FastAPI
    ) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            raise AssertionError("the body was asked for")
            yield b""

        async with client_of(app) as client:
            answer = await client.put("/bytes/a", content=pieces(), headers={"Expect": "100-continue"})
        assert answer.status_code == 401

    async def test_methods_are_those_listed(self, client_of: Callable[..., Any], app: FastAPI) -> None:
        async with client_of(app) as client:
            assert (await client.head("/hello")).headers["etag"] == '"x"'
            refused = await client.head("/no-head")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")

    async def test_description(self, client_of: Callable[..., Any], app: FastAPI) -> None:
        async with client_of(app) as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
        assert paths["/bytes/{name}"]["put"]["security"] == [{"accessToken": ["files:write"]}]
        assert paths["/bytes/{name}"]["put"]["summary"] == "Count bytes"
        assert paths["/hello"].keys() == {"get", "head"}
        assert paths["/hello"]["get"]["security"] == []

    def test_declares_access(self, app: FastAPI) -> None:
        assert undeclared_routes(app) == []
