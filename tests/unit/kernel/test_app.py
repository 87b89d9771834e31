"""What every application answers, what it counts and logs, and when it refuses to start."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from artstore.kernel import tracing
from artstore.kernel.access import Principal, Requires, TokenVerifier, public, undeclared_routes
from artstore.kernel.app import DependencyDown, create_app
from artstore.kernel.stalled import ClientStalled, taken
from artstore.wire.scopes import Scope

from .conftest import Issuer


class Part:
    """A dependency whose state the test decides."""

    def __init__(
        self, name: str, *, essential: bool, fails: Exception | None = None, says: str | None = None
    ) -> None:
        self.name = name
        self.essential = essential
        self.fails = fails
        self.says = says
        self.hangs = False
        self.checks = 0

    async def check(self) -> str | None:
        self.checks += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        return self.says


class Echo(BaseModel):
    text: str


def make_app(verifier: TokenVerifier | None = None, *parts: Part) -> FastAPI:
    app = create_app(service="test", title="Test", version="1.2.3", verifier=verifier, dependencies=parts)
    router = APIRouter(prefix="/api/v1")

    @router.get("/who/{name}")
    async def who(name: str, principal: Annotated[Principal, Requires(Scope.FILES_READ)]) -> str:
        return f"{name} {principal.username}"

    @router.get("/nobody")
    async def nobody(principal: Annotated[Principal, Requires(Scope.ACCOUNTS_WRITE)]) -> None:
        raise AssertionError("never called")

    @router.get("/context")
    @public
    async def context(request: Request) -> dict[str, str | None]:
        return {
            "request_id": request.state.request_id,
            "traceparent": request.state.traceparent,
            "current": tracing.current_traceparent(),
        }

    @router.post("/echo")
    @public
    async def echo(body: Echo) -> int:
        return len(body.text)

    @router.get("/half")
    @public
    async def half() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 10
            raise OSError("the disk is gone")

        return StreamingResponse(body())

    @router.get("/untaken")
    @public
    async def untaken() -> Response:
        return _Untaken()

    app.include_router(router)
    return app


class _Untaken(Response):
    """Of which a client takes the head, and nothing more."""

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await taken(asyncio.sleep(3600), within_seconds=0.01)


Logged = Callable[[], list[dict[str, Any]]]


class TestHealth:
    async def test_live(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app()) as client:
            answer = await client.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "live"})

    async def test_ready(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app(None, Part("database", essential=True))) as client:
            answer = await client.get("/health/ready")
        assert answer.json() == {"status": "ready", "dependencies": {"database": {"status": "up"}}}

    async def test_what_is_up_may_have_something_to_say(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app(None, Part("room", essential=False, says="little is left"))) as client:
            answer = await client.get("/health/ready")
        assert answer.json() == {
            "status": "ready",
            "dependencies": {"room": {"status": "up", "detail": "little is left"}},
        }

    async def test_degraded_is_still_ready(self, client_of: Callable[..., Any]) -> None:
        redis = Part("redis", essential=False, fails=DependencyDown("refused"))
        async with client_of(make_app(None, redis, Part("database", essential=True))) as client:
            answer = await client.get("/health/ready")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "degraded",
            "dependencies": {"redis": {"status": "down", "detail": "refused"}, "database": {"status": "up"}},
        }

    async def test_not_ready_without_an_essential_part(self, client_of: Callable[..., Any]) -> None:
        database = Part("database", essential=True, fails=DependencyDown("refused"))
        async with client_of(make_app(None, database)) as client:
            answer = await client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")

    async def test_unforeseen_failure_is_not_shown(self, client_of: Callable[..., Any]) -> None:
        part = Part("database", essential=True, fails=ValueError("password=hunter2"))
        async with client_of(make_app(None, part)) as client:
            answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert "hunter2" not in answer.text

    async def test_silence_counts_as_down(
        self, client_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("artstore.kernel.health._CHECK_SECONDS", 0.01)
        part = Part("database", essential=True)
        part.hangs = True
        async with client_of(make_app(None, part)) as client:
            answer = await client.get("/health/ready")
        assert "no answer" in answer.json()["dependencies"]["database"]["detail"]

    async def test_those_who_ask_at_once_share_a_round(self, client_of: Callable[..., Any]) -> None:
        part = Part("database", essential=True)
        async with client_of(make_app(None, part)) as client:
            await asyncio.gather(*(client.get("/health/ready") for _ in range(10)))
        assert part.checks < 10


class TestAccess:
    async def test_principal(
        self, client_of: Callable[..., Any], issuer: Issuer, verifier: TokenVerifier
    ) -> None:
        headers = {"Authorization": f"bearer {issuer.token()}"}
        async with client_of(make_app(verifier)) as client:
            answer = await client.get("/api/v1/who/me", headers=headers)
        assert answer.json() == "me billing"

    async def test_without_credentials_no_error_is_named(
        self, client_of: Callable[..., Any], verifier: TokenVerifier
    ) -> None:
        async with client_of(make_app(verifier)) as client:
            answer = await client.get("/api/v1/who/me")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="artstore"'

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Basic YTpi",
            b"Bearer a b",
            b"Bearer \xff\xfe",
            b"Bearer a,b",
            b"\x00",
        ],
    )
    async def test_malformed_header(
        self, client_of: Callable[..., Any], verifier: TokenVerifier, header: bytes
    ) -> None:
        async with client_of(make_app(verifier)) as client:
            answer = await client.get("/api/v1/who/me", headers=[(b"authorization", header)])
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    async def test_two_headers(
        self, client_of: Callable[..., Any], issuer: Issuer, verifier: TokenVerifier
    ) -> None:
        header = (b"authorization", b"Bearer " + issuer.token().encode())
        async with client_of(make_app(verifier)) as client:
            answer = await client.get("/api/v1/who/me", headers=[header, header])
        assert answer.status_code == 401

    async def test_scope_that_is_lacking(
        self, client_of: Callable[..., Any], issuer: Issuer, verifier: TokenVerifier
    ) -> None:
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        async with client_of(make_app(verifier)) as client:
            answer = await client.get("/api/v1/nobody", headers=headers)
        assert answer.status_code == 403
        assert answer.json()["required_scope"] == "accounts:write"
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="artstore", error="insufficient_scope", scope="accounts:write"'
        )


class TestUndeclaredRoutes:
    def test_finds_each(self, verifier: TokenVerifier) -> None:
        app = make_app(verifier)
        assert undeclared_routes(app) == []

        @app.get("/open")
        async def forgotten() -> None: ...

        async def raw(request: Request) -> StreamingResponse:
            raise AssertionError

        app.router.routes.append(Route("/raw", raw, methods=["PUT"]))
        app.mount("/mounted", FastAPI())
        assert undeclared_routes(app) == ["GET /open", "PUT /raw", "* /mounted"]

    async def test_application_does_not_start(
        self, client_of: Callable[..., Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        app = make_app()

        @app.get("/open")
        async def forgotten() -> None: ...

        with pytest.raises(RuntimeError, match="GET /open"):
            async with client_of(app):
                raise AssertionError("never started")
        assert "artstore test: cannot start: routes without a declared scope: GET /open" in (
            capsys.readouterr().err
        )


class TestLifespan:
    async def test_is_entered_and_left(self, client_of: Callable[..., Any]) -> None:
        seen = []

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            seen.append("start")
            yield
            seen.append("stop")

        app = create_app(service="test", title="T", version="1", verifier=None, lifespan=lifespan)
        async with client_of(app):
            assert seen == ["start"]
        assert seen == ["start", "stop"]


class TestIdentity:
    async def test_is_the_same_everywhere(self, client_of: Callable[..., Any]) -> None:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        headers = {"X-Request-ID": "mine-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        async with client_of(make_app()) as client:
            answer = await client.get("/api/v1/context", headers=headers)
        body = answer.json()
        assert answer.headers["x-request-id"] == body["request_id"] == "mine-1"
        assert body["traceparent"] == body["current"]
        assert body["traceparent"].split("-")[1] == trace

    async def test_unfit_id_is_replaced(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app()) as client:
            answer = await client.get("/api/v1/context", headers={"X-Request-ID": "x" * 65})
        assert len(answer.headers["x-request-id"]) == 32


class TestBodyLimit:
    async def test_announced(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app()) as client:
            answer = await client.post("/api/v1/echo", json={"text": "x" * (1 << 20)})
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:artstore:problem:request-too-large"

    async def test_unannounced(self, client_of: Callable[..., Any]) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 100_000

        headers = {"Content-Type": "application/json"}
        async with client_of(make_app()) as client:
            answer = await client.post("/api/v1/echo", content=pieces(), headers=headers)
        assert answer.status_code == 413

    async def test_just_fits(self, client_of: Callable[..., Any]) -> None:
        text = "x" * ((1 << 20) - len('{"text":""}'))
        async with client_of(make_app()) as client:
            answer = await client.post("/api/v1/echo", json={"text": text})
        assert answer.json() == len(text)


class TestAccessLog:
    async def test_line(
        self,
        client_of: Callable[..., Any],
        issuer: Issuer,
        verifier: TokenVerifier,
        logged: Logged,
    ) -> None:
        token = issuer.token()
        async with client_of(make_app(verifier)) as client:
            await client.get("/api/v1/who/me?password=hunter2", headers={"Authorization": f"Bearer {token}"})
        lines = logged()
        assert token not in str(lines)
        assert "hunter2" not in str(lines)
        line = next(line for line in lines if line["event"] == "request")
        assert (
            line.items()
            >= {
                "level": "info",
                "service": "test",
                "method": "GET",
                "route": "/api/v1/who/{name}",
                "status": 200,
                "client_id": "client-1",
                "bytes_in": 0,
                "bytes_out": len('"me billing"'),
            }.items()
        )
        assert {"ts", "request_id", "trace_id", "ms"} <= line.keys()

    async def test_health_checks_are_quiet(self, client_of: Callable[..., Any], logged: Logged) -> None:
        async with client_of(make_app()) as client:
            await client.get("/health/live")
        assert [line["level"] for line in logged() if line["event"] == "request"] == ["debug"]

    async def test_answer_that_breaks_off(self, client_of: Callable[..., Any], logged: Logged) -> None:
        async with client_of(make_app()) as client:
            with pytest.raises(OSError, match="the disk is gone"):
                await client.get("/api/v1/half")
        line = next(line for line in logged() if line["event"] == "request")
        assert (line["status"], line["bytes_out"]) == (499, 10)

    async def test_client_that_is_cut_off_is_no_error(
        self, client_of: Callable[..., Any], logged: Logged
    ) -> None:
        async with client_of(make_app()) as client:
            with pytest.raises(ClientStalled):
                await client.get("/api/v1/untaken")
        told = [line for line in logged() if line["level"] in ("warning", "error")]
        assert [(line["event"], line["route"]) for line in told] == [
            ("a client was cut off", "/api/v1/untaken")
        ]
        assert "exception" not in told[0]


class TestMetrics:
    async def test_routes_are_templates(
        self, client_of: Callable[..., Any], issuer: Issuer, verifier: TokenVerifier
    ) -> None:
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        async with client_of(make_app(verifier)) as client:
            for name in ("secret-name-1", "secret-name-2"):
                await client.get(f"/api/v1/who/{name}", headers=headers)
            await client.get("/secret-name-3")
            await client.request("BREW", "/health/live")
            answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "secret-name" not in answer.text
        assert "BREW" not in answer.text
        for line in (
            'artstore_http_requests_total{method="GET",route="/api/v1/who/{name}",service="test",status="200"}',
            'artstore_http_requests_total{method="GET",route="unmatched",service="test",status="404"}',
            'artstore_http_requests_total{method="OTHER",route="/health/live",service="test",status="405"}',
            'artstore_http_request_seconds_count{method="GET",route="/api/v1/who/{name}",service="test"}',
            'artstore_http_request_bytes_count{method="GET",route="/api/v1/who/{name}",service="test"}',
            'artstore_http_response_bytes_sum{method="GET",route="/api/v1/who/{name}",service="test"}',
            'artstore_http_requests_in_flight{service="test"} 1.0',
            'artstore_build_info{service="test",version="1.2.3"} 1.0',
            "process_resident_memory_bytes",
        ):
            assert line in answer.text


class TestDescription:
    async def test_is_true(self, client_of: Callable[..., Any], verifier: TokenVerifier) -> None:
        async with client_of(make_app(verifier)) as client:
            schema = (await client.get("/openapi.json")).json()
        who = schema["paths"]["/api/v1/who/{name}"]["get"]
        assert who["security"] == [{"accessToken": ["files:read"]}]
        assert who["responses"].keys() >= {"200", "401", "403", "422", "default"}
        assert "HTTPValidationError" not in json.dumps(schema)
        assert schema["paths"]["/health/ready"]["get"]["security"] == []
        assert schema["components"]["securitySchemes"]["accessToken"]["scheme"] == "bearer"

    async def test_page(self, client_of: Callable[..., Any]) -> None:
        async with client_of(make_app()) as client:
            answer = await client.get("/docs")
        assert answer.headers["content-type"].startswith("text/html")
