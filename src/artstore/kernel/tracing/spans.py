"""What is told of a request to a collector of traces: spans, and what was noted in them.

There is one recorder in a process, or none: then nothing is collected. Names of attributes are those of
OpenTelemetry's conventions for HTTP; our own begin with ``artstore.``. No path, no query string, no name of a
document stands in a span.
"""

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

from artstore.kernel.tracing.context import RequestContext

Value = str | bool | int | float | list[str]

MOST_NOTES: Final = 128
"""Of one request; further ones are dropped."""
OTHER_METHOD: Final = "_OTHER"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened while a request was served."""

    name: str
    at: int
    """Nanoseconds since 1970, as all times of spans."""
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """One request, as its server (``of_server``) or its client saw it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    parent_is_remote: bool
    of_server: bool
    began: int
    ended: int
    attributes: Mapping[str, Value]
    failed: bool = False
    notes: list[Note] = field(default_factory=list)


class Recorder(Protocol):
    """Takes spans that have ended. Never waits, never raises."""

    def record(self, span: Span) -> None: ...


_recorder: Recorder | None = None
_notes: ContextVar[list[Note] | None] = ContextVar("artstore_notes", default=None)


def recorder() -> Recorder | None:
    return _recorder


def use(recorder: Recorder | None) -> None:
    """From now on, for this process."""
    global _recorder  # noqa: PLW0603 - as the logs: one process is one service
    _recorder = recorder


def collect_notes(context: RequestContext) -> list[Note] | None:
    """Begins with what is noted in the running task, and in those that it starts; None where nobody asks."""
    notes: list[Note] | None = [] if _recorder is not None and context.sampled else None
    _notes.set(notes)
    return notes


def note(name: str, facts: Mapping[str, object]) -> None:
    """Notes something in the span of the request that is being served, if there is one; None is left out."""
    notes = _notes.get()
    if notes is None or len(notes) >= MOST_NOTES:
        return
    attributes = {f"artstore.{key}": _value(value) for key, value in facts.items() if value is not None}
    notes.append(Note(name, time.time_ns(), attributes))


def record_request(
    context: RequestContext,
    notes: list[Note],
    *,
    method: str | None,
    route: str | None,
    status: int,
    began: int,
    seconds: float,
    broken_off: bool,
    bytes_in: int,
    bytes_out: int,
) -> None:
    """The span of a request that was served. ``status`` is 0 where no answer was begun."""
    if _recorder is None:
        return
    told: dict[str, Value] = {
        "http.request.method": method or OTHER_METHOD,
        "url.scheme": "http",
        "http.request.body.size": bytes_in,
        "http.response.body.size": bytes_out,
        "artstore.request_id": context.request_id,
    }
    if route is not None:
        told["http.route"] = route
    if status:
        told["http.response.status_code"] = status
    if broken_off:
        told["error.type"] = "broken_off"
    elif status >= 500:
        told["error.type"] = str(status)
    _recorder.record(
        Span(
            name=" ".join(filter(None, (method or "HTTP", route))),
            trace_id=context.trace_id,
            span_id=context.span_id,
            parent_id=context.parent_id,
            parent_is_remote=True,
            of_server=True,
            began=began,
            ended=began + int(seconds * 1e9),
            attributes=told,
            failed="error.type" in told,
            notes=notes,
        )
    )


def _value(value: object) -> Value:
    match value:
        case str() | bool() | int() | float():
            return value
        case Mapping():
            return [f"{key}={each}" for key, each in value.items()]
        case _:
            return str(value)
