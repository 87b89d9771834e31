"""What sends spans: to a collector that takes them, hangs, or is slower than they come."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from artstore.kernel import logging as our_logging
from artstore.kernel.tracing import exporting, spans
from tests.support.collector import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().running() as collector:
        yield collector


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no collector that hangs."""
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 60)
    monkeypatch.setattr(exporting, "CLOSE_SECONDS", 60)


def span(number: int = 1, **changes: Any) -> spans.Span:
    told: dict[str, Any] = {
        "name": "GET",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": f"{number:016x}",
        "parent_id": None,
        "parent_is_remote": True,
        "of_server": True,
        "began": 1_000,
        "ended": 2_000,
        "attributes": {},
    }
    return spans.Span(**told | changes)


def start(collector: Collector) -> exporting.Exporting:
    return exporting.start(collector.url + "/", service="test", version="1", instance="one")


@pytest.mark.usefixtures("patient")
async def test_what_waits_is_sent_at_the_end(collector: Collector) -> None:
    exporter = start(collector)
    exporter.record(span(1))
    exporter.record(span(2, parent_id="00f067aa0ba902b7", failed=True, of_server=False))
    await exporter.close()
    assert spans.recorder() is None
    first, second = sorted(collector.spans, key=lambda seen: seen.span_id)
    assert (first.service, first.instance) == ("test", "one")
    assert (first.parent_id, first.failed, first.of_server) == ("", False, True)
    assert (second.parent_id, second.failed, second.of_server) == ("00f067aa0ba902b7", True, False)


@pytest.mark.usefixtures("patient")
async def test_secrets_in_texts_are_blotted_out(collector: Collector) -> None:
    exporter = start(collector)
    reason = "no answer from http://user:hunter2@host:1/x?filename=letter.txt of eyJhbGciOiJIUzI1NiJ9.e30.xyz"
    note = spans.Note("tried", 1_500, {"artstore.reason": reason, "artstore.status": 503})
    exporter.record(span(notes=[note], attributes={"artstore.reason": reason}))
    await exporter.close()
    (seen,) = collector.spans
    plain = "no answer from http://user:[removed]@host:1/x of [removed]"
    assert seen.attributes["artstore.reason"] == plain
    assert seen.events == [("tried", {"artstore.reason": plain, "artstore.status": 503})]


@pytest.mark.usefixtures("patient")
async def test_what_the_collector_wants_besides_is_told_by_opentelemetry_s_variables(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=archive")
    exporter = start(collector)
    exporter.record(span())
    await exporter.close()
    assert collector.headers.get("x-tenant") == "archive"


async def test_nobody_waits_for_a_collector_that_hangs(
    collector: Collector, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its request is still under way when the end comes, however long this takes.
    monkeypatch.setattr(exporting, "EXPORT_SECONDS", 60)
    our_logging.configure("test")
    collector.hold()
    exporter = start(collector)
    exporter.record(span())
    collector.wait_until_asked()
    # More than may wait: were a place in the queue waited for, this would not come to its end.
    for number in range(2, exporting.QUEUE_SPANS + 1000):
        exporter.record(span(number))
    await exporter.close()
    events = [json.loads(line)["event"] for line in capsysbinary.readouterr().out.splitlines()]
    assert "the last spans were not sent in time" in events
    assert "Queue full" not in repr(events)
