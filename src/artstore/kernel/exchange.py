"""One request and its answer as they pass through the process: counted, limited, marked with their id."""

import asyncio
from time import perf_counter, time_ns
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from artstore.kernel import tracing
from artstore.kernel.tracing import spans

BODY_LIMIT_KEY: Final = "artstore.body_limit"
"""In the ASGI scope: the most bytes that the body may have, or None. A hot route sets its own."""
HEADERS_KEY: Final = "artstore.headers"
"""In the ASGI scope: what the answer says beside its own headers, whoever gives it."""
DEFAULT_BODY_LIMIT: Final = 1 << 20
LINGER_BYTES: Final = 32 << 20
LINGER_SECONDS: Final = 10.0


class Exchange:
    """Stands between server and application: ``receive`` and ``send`` are what the application gets."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = perf_counter()
        self.began = time_ns()
        """By the clock, in nanoseconds since 1970; ``started`` is by a counter that nobody sets."""
        self.status = 0
        """Of the answer; 0 before it has begun."""
        self.bytes_in = 0
        self.bytes_out = 0
        self.client_gone = False
        self.body_waits = False
        """There is a body that was not read to its end."""
        self.expects_continue = False
        """The client waits for a word before it sends the body; reading would make the server give it."""
        self._announced = 0
        self._announced_answer = 0
        self._scope = scope
        self._receive = receive
        self._send = send
        self.context = self._read_head(scope)
        self._extra_headers = (
            (b"x-request-id", self.context.request_id.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
        )
        state = scope.setdefault("state", {})
        state["request_id"] = self.context.request_id
        state["traceparent"] = self.context.traceparent
        scope[BODY_LIMIT_KEY] = DEFAULT_BODY_LIMIT

    def _read_head(self, scope: Scope) -> tracing.RequestContext:
        request_id = traceparent = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                request_id = value.decode("latin-1")
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == b"content-length":
                self._announced = int(value) if value.isdigit() else 0
                self.body_waits = self._announced > 0
            elif name == b"transfer-encoding":
                self.body_waits = True
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue"
        keep = spans.recorder() is not None
        return tracing.from_headers(request_id, traceparent, keep_new_traces=keep)

    async def receive(self) -> Message:
        """The next part of the body. Raises HTTPException 413 beyond the limit, unread where it can."""
        limit = self._scope[BODY_LIMIT_KEY]
        if limit is not None and self._announced > limit:
            raise _too_large(limit)
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
            if not message.get("more_body", False) or self.bytes_in == self._announced > 0:
                self.body_waits = False
            if limit is not None and self.bytes_in > limit:
                raise _too_large(limit)
        else:
            self.client_gone = True
            self.body_waits = False
        return message

    async def linger(self, *, max_bytes: int = LINGER_BYTES, seconds: float = LINGER_SECONDS) -> None:
        """After an early answer: reads and drops what the client still sends, so that it reads the answer.

        A server that answers and closes while the client still sends makes the client's system throw the
        answer away (a reset, RFC 9112 §9.6). Bounded, so that a refusal never costs as
        much as an upload. A client that waits for a word before it sends gets none.
        """
        if not self.body_waits or (self.expects_continue and self.bytes_in == 0):
            return
        dropped = 0
        try:
            async with asyncio.timeout(seconds):
                while dropped <= max_bytes:
                    message = await self._receive()
                    dropped += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        elif kind == "http.response.start":
            self.status = message["status"]
            headers = message.get("headers", ())
            self._announced_answer = _content_length(headers)
            message["headers"] = [*headers, *self._extra_headers, *self._scope.get(HEADERS_KEY, ())]
            if self.body_waits:
                # The server will close this connection; a client that was not told uses it again and fails.
                message["headers"].append((b"connection", b"close"))
        elif kind == "http.response.pathsend":
            # The server reads the file itself: its length is known from the head alone.
            self.bytes_out += self._announced_answer
        await self._send(message)


def _too_large(limit: int) -> HTTPException:
    # Not a Problem: FastAPI lets only this class through while it reads a body.
    return HTTPException(413, f"The body is larger than the {limit} bytes that this resource takes.")


def _content_length(headers: object) -> int:
    assert isinstance(headers, list | tuple)
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value)
    return 0
