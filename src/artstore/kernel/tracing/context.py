"""Which request is being served: its id and its W3C trace, for logs, answers and calls to other services."""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass

_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
# Version 00, or a later one that may carry more fields (W3C Trace Context §3.2.4); ff is forbidden.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The identity of one request. ``trace_id`` is the caller's where it sent one; ``span_id`` is our own."""

    request_id: str
    trace_id: str
    span_id: str
    flags: int = 0
    parent_id: str | None = None
    """The caller's span, where it sent one."""

    @property
    def traceparent(self) -> str:
        """The header to send with calls that are made for this request."""
        return self.traceparent_of(self.span_id)

    @property
    def sampled(self) -> bool:
        """Whether the spans of this trace are to be kept."""
        return bool(self.flags & _SAMPLED)

    def traceparent_of(self, span_id: str) -> str:
        """The header that names another span of the same trace."""
        return f"00-{self.trace_id}-{span_id}-{self.flags:02x}"


_current: ContextVar[RequestContext | None] = ContextVar("artstore_request", default=None)


def current() -> RequestContext | None:
    """The request that the running task serves; None outside of requests, as in background work."""
    return _current.get()


def current_request_id() -> str | None:
    context = _current.get()
    return context.request_id if context else None


def current_traceparent() -> str | None:
    context = _current.get()
    return context.traceparent if context else None


def enter(context: RequestContext) -> None:
    """Makes ``context`` the current one of the running task, and of the tasks that it starts."""
    _current.set(context)


def from_headers(
    request_id: str | None, traceparent: str | None, *, keep_new_traces: bool = False
) -> RequestContext:
    """The context of a request that came with these headers; what is absent or unfit is made anew.

    An id from outside is kept only if it is short and plain: it stands in logs and in headers. Whether the
    spans of a trace are kept is for whoever began it to say: for the caller, or for ``keep_new_traces``.
    """
    if request_id is None or not _SAFE_REQUEST_ID.fullmatch(request_id):
        request_id = new_request_id()
    came = _parse(traceparent)
    if came is None:
        flags = _SAMPLED if keep_new_traces else 0
        return RequestContext(request_id, os.urandom(16).hex(), new_span_id(), flags)
    trace_id, parent_id, flags = came
    return RequestContext(request_id, trace_id, new_span_id(), flags, parent_id)


def new_request_id() -> str:
    return os.urandom(16).hex()


def new_span_id() -> str:
    return os.urandom(8).hex()


def _parse(traceparent: str | None) -> tuple[str, str, int] | None:
    """Trace, parent and flags."""
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if match is None:
        return None
    version, trace_id, parent_id, flags, rest = match.groups()
    if (version == "00" and rest) or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return trace_id, parent_id, int(flags, 16) & _SAMPLED
