"""Spans of calls to other services, made by the sessions that make the calls."""

import time
from types import SimpleNamespace

import aiohttp

from artstore.kernel.tracing.context import current, new_span_id
from artstore.kernel.tracing.spans import Span, Value, recorder
from artstore.wire.headers import TRACEPARENT


def traced() -> list[aiohttp.TraceConfig]:
    """For a session: a span for each call that is made for a request, and the parent of the span there.

    Nothing where there is no recorder: it must be there before the session.
    """
    if recorder() is None:
        return []
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_begin)
    config.on_request_end.append(_answered)
    config.on_request_exception.append(_failed)
    return [config]


async def _begin(
    session: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestStartParams
) -> None:
    context = current()
    call.request = context if context is not None and context.sampled else None
    if call.request is None:
        return
    call.span_id, call.began = new_span_id(), time.time_ns()
    told.headers[TRACEPARENT] = call.request.traceparent_of(call.span_id)


async def _answered(
    session: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestEndParams
) -> None:
    status = told.response.status
    facts: dict[str, Value] = {"http.response.status_code": status}
    if status >= 400:
        facts["error.type"] = str(status)
    _record(call, told.method, told.url.host, told.url.port, facts)


async def _failed(
    session: aiohttp.ClientSession, call: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams
) -> None:
    _record(call, told.method, told.url.host, told.url.port, {"error.type": type(told.exception).__name__})


def _record(
    call: SimpleNamespace, method: str, host: str | None, port: int | None, facts: dict[str, Value]
) -> None:
    to, context = recorder(), call.request
    if to is None or context is None:
        return
    attributes: dict[str, Value] = {"http.request.method": method, **facts}
    if host is not None:
        attributes["server.address"] = host
    if port is not None:
        attributes["server.port"] = port
    to.record(
        Span(
            name=method,
            trace_id=context.trace_id,
            span_id=call.span_id,
            parent_id=context.span_id,
            parent_is_remote=False,
            of_server=False,
            began=call.began,
            ended=time.time_ns(),
            attributes=attributes,
            failed="error.type" in facts,
        )
    )
