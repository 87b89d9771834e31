"""A system that sends spans to a collector: what the collector is told, and what happens without it."""

import json
import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from artstore.launcher.settings import SystemSettings
from tests.support.collector import Collector
from tests.support.system import Account, RunningSystem, eventually

CALLER = "00f067aa0ba902b7"
NAME = "Zwischenbericht-vertraulich.txt"
SERVICES = ("ADMIN", "INGESTER", "QUERY", "STORAGE")


def running(folder: pytest.TempPathFactory, collector: Collector) -> Iterator[RunningSystem]:
    environment = {f"ARTSTORE_{service}_OTLP_ENDPOINT": collector.url for service in SERVICES}
    settings = SystemSettings(default_ports={}, environment=environment, durable_database=False)
    yield from RunningSystem(folder.mktemp("traced"), settings).for_a_while()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector().running() as collector:
        yield collector


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[RunningSystem]:
    yield from running(tmp_path_factory, collector)


@pytest.fixture
async def account(system: RunningSystem) -> AsyncIterator[Account]:
    yield await system.create_account()
    await system.close_accounts()


def traced() -> tuple[str, dict[str, str]]:
    """A trace of a caller's own, and the header that tells of it."""
    trace_id = uuid.uuid4().hex
    return trace_id, {"traceparent": f"00-{trace_id}-{CALLER}-01"}


def logged(system: RunningSystem, name: str, trace_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in system.log(name).splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("trace_id") == trace_id]


class TestUpload:
    async def test_is_one_trace_through_all_services(
        self, collector: Collector, system: RunningSystem, account: Account
    ) -> None:
        trace_id, headers = traced()
        answer = await account.upload(NAME, b"a document", headers=headers)
        assert answer.status_code == 201

        ingester = collector.span(trace_id=trace_id, service="ingester", of_server=True)
        element = collector.span(trace_id=trace_id, service="storage", of_server=True)
        call = collector.span(span_id=element.parent_id)
        assert ingester.parent_id == CALLER
        assert (call.service, call.of_server, call.parent_id) == ("ingester", False, ingester.span_id)
        assert ingester.name == "POST /api/v1/files/upload"
        assert (
            ingester.attributes.items()
            >= {
                "http.request.method": "POST",
                "http.route": "/api/v1/files/upload",
                "http.response.status_code": 201,
                "artstore.request_id": answer.headers["X-Request-ID"],
            }.items()
        )
        assert call.attributes["http.response.status_code"] == 201
        assert not any(span.failed for span in (ingester, call, element))
        assert ingester.seconds >= call.seconds > 0
        # Who calls has the whole answer before its server has ended, so that neither is longer for certain.
        assert element.seconds > 0

        # The log of either service is found by the same id.
        for name in ("ingester", element.instance):
            assert any(line["event"] == "request" for line in logged(system, name, trace_id))

    async def test_tells_where_the_document_was_placed_and_why(
        self, collector: Collector, system: RunningSystem, account: Account
    ) -> None:
        trace_id, headers = traced()
        assert (await account.upload(NAME, b"a document", headers=headers)).status_code == 201
        span = collector.span(trace_id=trace_id, service="ingester", of_server=True)
        ((name, facts),) = span.events
        (line,) = [line for line in logged(system, "ingester", trace_id) if line["event"] == "upload relayed"]
        fields = line.keys() - {"ts", "level", "event", "service", "source", "request_id", "trace_id"}
        assert name == "placement"
        assert facts == {f"artstore.{field}": line[field] for field in fields}
        assert facts["artstore.element_id"] == collector.span(trace_id=trace_id, service="storage").instance
        assert facts["artstore.strategy"] == "priority"
        assert (facts["artstore.mode"], facts["artstore.result"]) == ("rw", "answered")

    async def test_without_a_trace_of_the_caller_begins_one(
        self, collector: Collector, account: Account
    ) -> None:
        answer = await account.upload(NAME, b"a document")
        begun = collector.span(service="ingester", request_id=answer.headers["X-Request-ID"])
        assert begun.parent_id == ""
        collector.span(service="storage", of_server=True, trace_id=begun.trace_id)

    async def test_a_resumable_one_tells_of_its_placement(
        self, collector: Collector, system: RunningSystem, account: Account
    ) -> None:
        trace_id, headers = traced()
        created = await account.http.post(
            f"{system.ingester_url}/api/v1/uploads",
            headers={
                **headers,
                "Tus-Resumable": "1.0.0",
                "Upload-Length": "5",
                "Upload-Metadata": "filename eA==",
            },
        )
        assert created.status_code == 201, created.text
        first, then = collector.span(trace_id=trace_id, service="ingester", of_server=True).events
        assert (first[0], then[0]) == ("elements for an upload", "placement")
        assert first[1]["artstore.first"] == then[1]["artstore.element_id"] == "rw-01"
        assert first[1]["artstore.strategy"] == "priority"

    async def test_a_batch_tells_of_its_placement(
        self, collector: Collector, system: RunningSystem, account: Account
    ) -> None:
        trace_id, headers = traced()
        opened = await account.http.post(f"{system.ingester_url}/api/v1/batches", json={}, headers=headers)
        assert opened.status_code == 201, opened.text
        ((name, facts),) = collector.span(trace_id=trace_id, service="ingester", of_server=True).events
        assert (name, facts["artstore.element_id"]) == ("placement", "rw-01")


class TestOtherRequests:
    async def test_download_goes_through_query_and_element(
        self, collector: Collector, account: Account
    ) -> None:
        stored = (await account.upload(NAME, b"a document")).json()
        trace_id, headers = traced()
        await account.find(NAME, stored["file_id"])
        assert (await account.download(stored["file_id"], headers=headers)).content == b"a document"
        query = collector.span(trace_id=trace_id, service="query", of_server=True)
        element = collector.span(trace_id=trace_id, service="storage", of_server=True)
        assert collector.span(span_id=element.parent_id).parent_id == query.span_id
        assert query.attributes["http.route"] == "/api/v1/files/{file_id}/download"

    async def test_what_a_caller_does_not_trace_is_not_told(
        self, collector: Collector, account: Account
    ) -> None:
        untraced = uuid.uuid4().hex
        headers = {"traceparent": f"00-{untraced}-{CALLER}-00"}
        assert (await account.upload(NAME, b"a document", headers=headers)).status_code == 201
        trace_id, headers = traced()
        assert (await account.upload(NAME, b"a document", headers=headers)).status_code == 201
        collector.span(trace_id=trace_id, service="ingester", of_server=True)
        collector.span(trace_id=trace_id, service="storage", of_server=True)
        assert untraced not in {span.trace_id for span in collector.spans}

    async def test_health_and_metrics_are_not_told(self, collector: Collector, account: Account) -> None:
        for path in ("health/live", "health/ready", "metrics"):
            assert (await account.http.get(f"{account.system.ingester_url}/{path}")).status_code == 200
        trace_id, headers = traced()
        await account.upload(NAME, b"a document", headers=headers)
        collector.span(trace_id=trace_id, service="ingester", of_server=True)
        routes = {str(span.attributes.get("http.route")) for span in collector.spans}
        assert not any("health" in route or "metrics" in route for route in routes)


async def test_nothing_that_is_nobody_else_s_is_sent(collector: Collector, account: Account) -> None:
    secret = f"query-{uuid.uuid4().hex}"
    await account.http.get(f"{account.system.query_url}/api/v1/search", params={"q": secret})
    await account.http.get(f"{account.system.query_url}/{secret}/nowhere")
    trace_id, headers = traced()
    answer = await account.upload(NAME, b"a document that nobody reads", headers=headers, description=secret)
    stored = answer.json()
    raw = await account.http.post(
        f"{account.system.ingester_url}/api/v1/files?filename={NAME}", content=b"another", headers=headers
    )
    assert raw.status_code == 201, raw.text
    trace_id, headers = traced()
    await account.http.get(f"{account.system.query_url}/api/v1/files/{stored['file_id']}", headers=headers)
    collector.span(trace_id=trace_id, service="query", of_server=True)
    sent = b"".join(collector.bodies)
    assert b"/api/v1/files/upload" in sent
    for kept in (NAME, secret, account.token, *account.credentials, stored["file_id"], "nobody reads"):
        assert kept.encode() not in sent, kept
    assert re.search(rb"eyJ[\w-]{8,}\.", sent) is None, "a token"


class TestCollectorThatFails:
    @pytest.fixture
    def bad_collector(self) -> Iterator[Collector]:
        with Collector().running() as collector:
            yield collector

    @pytest.fixture
    def failing(
        self, tmp_path_factory: pytest.TempPathFactory, bad_collector: Collector
    ) -> Iterator[RunningSystem]:
        yield from running(tmp_path_factory, bad_collector)

    async def test_one_that_hangs_holds_up_neither_requests_nor_the_end(
        self, bad_collector: Collector, failing: RunningSystem
    ) -> None:
        account = await failing.create_account()
        bad_collector.hold()
        for number in range(20):
            assert (await account.upload(f"{number}.txt", os.urandom(100))).status_code == 201
        bad_collector.wait_until_asked()
        await failing.stop("ingester")
        lines = [json.loads(line) for line in failing.log("ingester").splitlines()]
        ours = [line["event"] for line in lines if line.get("source") != "_granian"]
        assert ours[-2:] == ["stopping", "the last spans were not sent in time"]
        await failing.start("ingester")
        assert (await account.upload_until_taken("again.txt", b"again"))["file_size"] == 5
        await failing.close_accounts()

    async def test_one_that_refuses_is_told_of_once(
        self, bad_collector: Collector, failing: RunningSystem
    ) -> None:
        bad_collector.status = 400
        account = await failing.create_account()
        for _ in range(3):
            trace_id, headers = traced()
            assert (await account.upload(NAME, b"a document", headers=headers)).status_code == 201
            bad_collector.refused_span(trace_id=trace_id, service="ingester", of_server=True)
        bad_collector.status = 200
        trace_id, headers = traced()
        assert (await account.upload(NAME, b"a document", headers=headers)).status_code == 201
        bad_collector.span(trace_id=trace_id, service="ingester", of_server=True)
        await eventually(lambda: bool(told(failing, "spans are sent again")), "it is not told of")
        (warned,) = told(failing, "spans cannot be sent and are dropped")
        assert "400" in warned["reason"]
        await failing.close_accounts()

    async def test_one_that_is_away_is_told_of(
        self, bad_collector: Collector, failing: RunningSystem
    ) -> None:
        bad_collector.leave()
        account = await failing.create_account()
        assert (await account.upload(NAME, b"a document")).status_code == 201
        await eventually(
            lambda: bool(told(failing, "spans cannot be sent and are dropped")), "it is not told of"
        )
        (warned,) = told(failing, "spans cannot be sent and are dropped")
        assert "Connection refused" in warned["reason"]
        await failing.close_accounts()


def told(system: RunningSystem, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in system.log("ingester").splitlines()]
    return [line for line in lines if line["event"] == event]
