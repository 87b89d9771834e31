"""Every refusal is a problem: our own, FastAPI's, Starlette's, and what nobody foresaw."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from artstore.kernel.access import public
from artstore.kernel.app import create_app
from artstore.kernel.problems import Problem, problem_response
from artstore.wire.problems import ProblemType


class Order(BaseModel):
    name: Annotated[str, Field(min_length=2)]
    lines: list[int] = []


def make_app() -> FastAPI:
    app = create_app(service="test", title="Test", version="1", verifier=None)
    router = APIRouter(prefix="/things")

    @router.get("/{number}")
    @public
    async def read(number: int, limit: Annotated[int, Query(le=10)] = 1) -> int:
        return number + limit

    @router.delete("/{number}")
    @public
    async def remove(number: int) -> None:
        raise Problem(ProblemType.CONFLICT, "Not now.", field="number", headers={"X-Why": "test"}, count=3)

    @router.post("/")
    @public
    async def create(order: Order) -> Order:
        return order

    @router.get("/status/{status}")
    @public
    async def answer(status: int) -> None:
        raise HTTPException(status)

    @router.get("/broken/now")
    @public
    async def broken() -> None:
        raise LookupError("postgresql://u:hunter2@db/x")

    app.include_router(router, prefix="/api")
    return app


async def ask(client_of: Callable[..., Any], method: str, path: str, **options: Any) -> httpx.Response:
    async with client_of(make_app()) as client:
        answer: httpx.Response = await client.request(method, path, **options)
    return answer


def check(answer: httpx.Response, kind: ProblemType, **members: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert body.items() >= {"type": kind.uri, "title": kind.title, "status": kind.status, **members}.items()
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


class TestRaised:
    async def test_members_and_headers(self, client_of: Callable[..., Any]) -> None:
        answer = await ask(client_of, "DELETE", "/api/things/1")
        check(answer, ProblemType.CONFLICT, detail="Not now.", field="number", count=3)
        assert answer.headers["x-why"] == "test"


class TestValidation:
    @pytest.mark.parametrize(
        ("path", "field", "words"),
        [
            ("/api/things/x", "number", "in the path"),
            ("/api/things/1?limit=11", "limit", "in the query"),
        ],
    )
    async def test_parameter(self, client_of: Callable[..., Any], path: str, field: str, words: str) -> None:
        body = check(await ask(client_of, "GET", path), ProblemType.INVALID_PARAMETER, field=field)
        assert words in body["detail"]

    @pytest.mark.parametrize(
        ("json_body", "field"),
        [({}, "name"), ({"name": "x"}, "name"), ({"name": "xx", "lines": [1, "a"]}, "lines.1"), ([], "body")],
    )
    async def test_body(self, client_of: Callable[..., Any], json_body: Any, field: str) -> None:
        answer = await ask(client_of, "POST", "/api/things/", json=json_body)
        check(answer, ProblemType.INVALID_PARAMETER, field=field)

    async def test_no_body(self, client_of: Callable[..., Any]) -> None:
        answer = await ask(client_of, "POST", "/api/things/")
        check(answer, ProblemType.INVALID_PARAMETER, field="body")

    @pytest.mark.parametrize("content", [b"{", b'{"name": ', b"nonsense", b'{"name": "a\nb"}'])
    async def test_broken_json(self, client_of: Callable[..., Any], content: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await ask(client_of, "POST", "/api/things/", content=content, headers=headers)
        body = check(answer, ProblemType.INVALID_REQUEST)
        assert "not valid JSON" in body["detail"]

    async def test_text_that_is_no_unicode(self, client_of: Callable[..., Any]) -> None:
        headers = {"Content-Type": "application/json"}
        answer = await ask(client_of, "POST", "/api/things/", content=b'{"name": "\xff"}', headers=headers)
        assert "UTF-8" in check(answer, ProblemType.INVALID_REQUEST)["detail"]

    @pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain"])
    async def test_json_that_is_not_said_to_be_json(
        self, client_of: Callable[..., Any], kind: str | None
    ) -> None:
        headers = {} if kind is None else {"Content-Type": kind}
        answer = await ask(client_of, "POST", "/api/things/", content=b'{"name": "xx"}', headers=headers)
        body = check(answer, ProblemType.INVALID_PARAMETER, field="body")
        assert "Content-Type: application/json" in body["detail"]


class TestRouting:
    async def test_unknown_path(self, client_of: Callable[..., Any]) -> None:
        check(await ask(client_of, "GET", "/nowhere"), ProblemType.NOT_FOUND)

    async def test_no_redirect_for_a_slash(self, client_of: Callable[..., Any]) -> None:
        check(await ask(client_of, "GET", "/api/things"), ProblemType.NOT_FOUND)

    async def test_method_names_all_that_are_allowed(self, client_of: Callable[..., Any]) -> None:
        answer = await ask(client_of, "PUT", "/api/things/1")
        check(answer, ProblemType.METHOD_NOT_ALLOWED)
        assert answer.headers["allow"] == "DELETE, GET"

    @pytest.mark.parametrize(("status", "kind"), [(404, ProblemType.NOT_FOUND), (409, ProblemType.CONFLICT)])
    async def test_http_exception(
        self, client_of: Callable[..., Any], status: int, kind: ProblemType
    ) -> None:
        check(await ask(client_of, "GET", f"/api/things/status/{status}"), kind)

    async def test_status_without_a_type_of_its_own(self, client_of: Callable[..., Any]) -> None:
        answer = await ask(client_of, "GET", "/api/things/status/418")
        assert answer.status_code == 418
        assert answer.json()["type"] == "about:blank"


class TestUnforeseen:
    async def test_tells_nothing_internal(
        self, client_of: Callable[..., Any], logged: Callable[[], list[dict[str, Any]]]
    ) -> None:
        answer = await ask(client_of, "GET", "/api/things/broken/now")
        body = check(answer, ProblemType.INTERNAL)
        assert "LookupError" not in answer.text
        line = next(line for line in logged() if line["level"] == "error")
        assert line["request_id"] == body["request_id"]
        assert "LookupError" in line["exception"]
        assert "hunter2" not in line["exception"]


class TestEveryType:
    @pytest.mark.parametrize("kind", list(ProblemType))
    def test_can_be_answered(self, kind: ProblemType) -> None:
        response = problem_response(Problem(kind, "A sentence with „ünïcode“ and \ud800."))
        body = json.loads(bytes(response.body))
        assert response.status_code == body["status"] == kind.status
        assert ("www-authenticate" in response.headers) == (kind.status == 401)
        assert ("retry-after" in response.headers) == (kind.status == 503)
        assert kind.slug in str(Problem(kind, "x"))

    def test_types_are_unique(self) -> None:
        assert len({kind.uri for kind in ProblemType}) == len(ProblemType)
