"""Spans of requests and of calls: what they say, to whom they belong, and what is left out."""

import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientError, web
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel import metrics, tracing
from artstore.kernel.app import create_app, hot_route
from artstore.kernel.peers import http_session
from artstore.kernel.tracing import spans

Client = Callable[[FastAPI], Any]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


class Recorded(list[spans.Span]):
    def record(self, span: spans.Span) -> None:
        self.append(span)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    spans.use(recorded)
    yield recorded
    spans.use(None)


@pytest.fixture
def app() -> FastAPI:
    async def note(request: Request) -> Response:
        tracing.note(
            "happened", {"count": 3, "nothing": None, "labels": {"tier": "ssd"}, "mode": ValueError("x")}
        )
        return Response(request.state.traceparent)

    async def fail(request: Request) -> Response:
        raise RuntimeError("a mistake")

    async def many(request: Request) -> Response:
        for number in range(1000):
            tracing.note("again", {"number": number})
        return Response()

    app = create_app(service="test", title="Test", version="1", verifier=None)
    for path, endpoint in {"/notes/{name}": note, "/fail": fail, "/many": many}.items():
        hot_route(app, path, endpoint, methods=["GET"], scope=None, operation={"summary": path})
    return app


class TestRequest:
    async def test_is_one_span_of_the_callers_trace(
        self, recorded: Recorded, app: FastAPI, client_of: Client
    ) -> None:
        async with client_of(app) as client:
            answer = await client.get(
                "/notes/secret-name?q=secret", headers=TRACED | {"X-Request-ID": "mine"}
            )
        (span,) = recorded
        assert (span.trace_id, span.parent_id, span.parent_is_remote) == (TRACE, CALLER, True)
        assert answer.text == f"00-{TRACE}-{span.span_id}-01"
        assert (span.name, span.of_server, span.failed) == ("GET /notes/{name}", True, False)
        assert span.began < span.ended
        assert span.attributes == {
            "http.request.method": "GET",
            "http.route": "/notes/{name}",
            "http.response.status_code": 200,
            "http.request.body.size": 0,
            "http.response.body.size": len(answer.content),
            "url.scheme": "http",
            "artstore.request_id": "mine",
        }
        assert "secret" not in repr(span)

    async def test_notes_are_in_its_span(self, recorded: Recorded, app: FastAPI, client_of: Client) -> None:
        async with client_of(app) as client:
            await client.get("/notes/a", headers=TRACED)
            await client.get("/fail", headers=TRACED)
        ((note,), none) = (span.notes for span in recorded)
        assert none == []
        assert note.name == "happened"
        assert note.attributes == {
            "artstore.count": 3,
            "artstore.labels": ["tier=ssd"],
            "artstore.mode": "x",
        }
        assert recorded[0].began <= note.at <= recorded[0].ended

    async def test_it_lies_where_the_request_was_however_late_it_is_recorded(
        self, recorded: Recorded, app: FastAPI, client_of: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        observe = metrics.observe_request

        def observe_late(*args: Any, **kwargs: Any) -> None:
            time.sleep(0.05)
            observe(*args, **kwargs)

        monkeypatch.setattr(metrics, "observe_request", observe_late)
        async with client_of(app) as client:
            await client.get("/notes/a", headers=TRACED)
        (span,) = recorded
        assert span.began <= span.notes[0].at <= span.ended

    async def test_there_are_no_more_notes_than_it_takes(
        self, recorded: Recorded, app: FastAPI, client_of: Client
    ) -> None:
        async with client_of(app) as client:
            await client.get("/many")
        assert len(recorded[0].notes) == spans.MOST_NOTES

    async def test_one_without_a_trace_begins_one_that_is_kept(
        self, recorded: Recorded, app: FastAPI, client_of: Client
    ) -> None:
        async with client_of(app) as client:
            answer = await client.get("/notes/a")
        (span,) = recorded
        assert span.parent_id is None
        assert answer.text == f"00-{span.trace_id}-{span.span_id}-01"

    async def test_one_whose_caller_keeps_no_spans_has_none(
        self, recorded: Recorded, app: FastAPI, client_of: Client
    ) -> None:
        async with client_of(app) as client:
            answer = await client.get("/notes/a", headers={"traceparent": f"00-{TRACE}-{CALLER}-00"})
        assert answer.text.endswith("-00")
        assert recorded == []

    async def test_health_and_metrics_have_none(
        self, recorded: Recorded, app: FastAPI, client_of: Client
    ) -> None:
        async with client_of(app) as client:
            for path in ("/health/live", "/health/ready", "/metrics"):
                assert (await client.get(path)).status_code == 200
        assert recorded == []

    @pytest.mark.parametrize(
        ("method", "path", "name", "status", "error"),
        [
            ("GET", "/fail", "GET /fail", 500, "500"),
            ("GET", "/secret", "GET", 404, None),
            ("SECRET", "/secret", "HTTP", 404, None),
        ],
    )
    async def test_what_went_wrong(
        self,
        recorded: Recorded,
        app: FastAPI,
        client_of: Client,
        method: str,
        path: str,
        name: str,
        status: int,
        error: str | None,
    ) -> None:
        async with client_of(app) as client:
            await client.request(method, path)
        (span,) = recorded
        assert (span.name, span.attributes["http.response.status_code"]) == (name, status)
        assert (span.attributes.get("error.type"), span.failed) == (error, error is not None)
        assert "secret" not in repr(span).lower()

    async def test_nothing_is_collected_where_nobody_records(self, app: FastAPI, client_of: Client) -> None:
        async with client_of(app) as client:
            answer = await client.get("/notes/a")
        assert answer.text.endswith("-00")


@asynccontextmanager
async def other_service(status: int = 200) -> AsyncIterator[tuple[str, list[str | None]]]:
    """Its address, and the traceparent of each request that it got."""
    got: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        got.append(request.headers.get("traceparent"))
        return web.Response(status=status)

    server = web.Application()
    server.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    finally:
        await runner.cleanup()


def serving() -> tracing.RequestContext:
    """From now on the running test serves a request."""
    context = tracing.from_headers(None, TRACED["traceparent"])
    tracing.enter(context)
    return context


class TestCall:
    async def test_is_the_parent_of_what_is_called(self, recorded: Recorded) -> None:
        request_context = serving()
        async with other_service() as (url, got), http_session() as session:
            headers = {"traceparent": request_context.traceparent, "Authorization": "Bearer secret"}
            async with session.get(f"{url}/secret?secret", headers=headers):
                pass
        (span,) = recorded
        assert got == [f"00-{TRACE}-{span.span_id}-01"]
        assert (span.trace_id, span.parent_id, span.parent_is_remote) == (
            TRACE,
            request_context.span_id,
            False,
        )
        assert (span.name, span.of_server, span.failed) == ("GET", False, False)
        assert span.attributes == {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "server.address": "127.0.0.1",
            "server.port": int(url.rpartition(":")[2]),
        }
        assert headers["traceparent"] == request_context.traceparent
        assert "secret" not in repr(span)

    async def test_refused(self, recorded: Recorded) -> None:
        serving()
        async with other_service(503) as (url, _), http_session() as session, session.get(url):
            pass
        assert (recorded[0].attributes["error.type"], recorded[0].failed) == ("503", True)

    async def test_nobody_there(self, recorded: Recorded) -> None:
        serving()
        async with other_service() as (url, _):
            pass
        async with http_session() as session:
            with pytest.raises(ClientError):
                await session.get(url)
        assert (recorded[0].attributes["error.type"], recorded[0].failed) == ("ClientConnectorError", True)

    async def test_outside_of_requests_has_no_span(self, recorded: Recorded) -> None:
        async with other_service() as (url, got), http_session() as session, session.get(url):
            pass
        assert (got, recorded) == ([None], [])

    async def test_passes_the_header_on_where_nobody_records(self) -> None:
        request_context = serving()
        headers = {"traceparent": request_context.traceparent}
        async with (
            other_service() as (url, got),
            http_session() as session,
            session.get(url, headers=headers),
        ):
            pass
        assert got == [request_context.traceparent]


def test_off_what_sends_spans_is_not_even_loaded() -> None:
    """In a process of its own, for this one may have loaded it."""
    program = """
        import asyncio, sys
        import artstore.admin.app, artstore.ingester.app, artstore.query.app, artstore.storage.app
        from artstore.kernel.app import create_app

        async def live():
            app = create_app(service="test", title="Test", version="1", verifier=None)
            async with app.router.lifespan_context(app):
                pass

        asyncio.run(live())
        loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf"))]
        sys.exit(f"loaded: {loaded}" if loaded else 0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, stdout=subprocess.DEVNULL)
