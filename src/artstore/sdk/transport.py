"""Requests to the services: with a token, with errors of the SDK, tried again where that is safe."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from pydantic import BaseModel

from artstore.sdk.answers import error_of, is_problem, read_answer, translated
from artstore.sdk.errors import TooManyRequests, Unauthenticated, Unavailable
from artstore.sdk.retries import Retries
from artstore.sdk.tokens import Tokens

Answer = TypeVar("Answer", bound=BaseModel)

DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""Seconds without any progress, not for the whole of a transfer."""


def new_http_client(timeout: httpx.Timeout, user_agent: str) -> httpx.AsyncClient:
    """A connection pool. Proxies of the environment are used, except for this machine's own addresses."""
    own = ("all://127.0.0.1", "all://localhost", "all://[::1]")
    return httpx.AsyncClient(
        timeout=timeout,
        headers={"User-Agent": user_agent},
        mounts=dict.fromkeys(own),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=15.0),
    )


class Transport:
    """Sends requests of one account. Safe for concurrent use by tasks of one event loop."""

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens, retries: Retries) -> None:
        self._http = http
        self._tokens = tokens
        self.retries = retries

    async def get(
        self, url: str, answer: type[Answer], params: Mapping[str, str | int] | None = None
    ) -> Answer:
        """A GET whose answer is JSON. An answer that breaks off is asked for again."""
        response = await self._open("GET", url, params=params, whole=True)
        return await read_answer(response, answer)

    async def get_text(self, url: str) -> str:
        """A GET whose answer is text."""
        return (await self._open("GET", url, whole=True)).text

    async def get_tagged(self, url: str, answer: type[Answer]) -> tuple[Answer, str]:
        """A GET whose answer is JSON, and the ``ETag`` of its revision."""
        response = await self._open("GET", url, whole=True)
        return await read_answer(response, answer), response.headers.get("ETag", "")

    async def change(
        self,
        method: str,
        url: str,
        body: BaseModel | None,
        answer: type[Answer],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request with JSON of what was said, or with nothing; never sent twice, as ``post``."""
        content = b"" if body is None else body.model_dump_json(exclude_unset=True).encode()
        told = dict(headers or {}) | ({} if body is None else {"Content-Type": "application/json"})
        async with self.stream(method, url, headers=told, content=lambda: content) as response:
            return await read_answer(response, answer)

    async def remove(self, url: str) -> None:
        """A DELETE, whose answer has no body."""
        async with self.stream("DELETE", url):
            pass

    async def post(self, url: str, body: BaseModel | None, answer: type[Answer]) -> Answer:
        """A POST of JSON, or of nothing; never sent twice, unless the connection was refused."""
        return await self._send_json("POST", url, body, answer)

    async def put(self, url: str, body: BaseModel, answer: type[Answer]) -> Answer:
        """A PUT of JSON, which may be sent twice."""
        content = body.model_dump_json().encode()
        headers = {"Content-Type": "application/json"}
        async with self.stream(
            "PUT", url, headers=headers, content=lambda: content, idempotent=True
        ) as response:
            return await read_answer(response, answer)

    async def repeat(self, url: str, body: BaseModel, answer: type[Answer]) -> Answer:
        """A POST of JSON that does the same however often it is sent, and is sent again where it broke."""
        content = body.model_dump_json(exclude_unset=True).encode()
        headers = {"Content-Type": "application/json"}
        async with self.stream(
            "POST", url, headers=headers, content=lambda: content, idempotent=True
        ) as response:
            return await read_answer(response, answer)

    async def patch(self, url: str, body: BaseModel, answer: type[Answer]) -> Answer:
        """A PATCH of those members of the body that were set; sent as a POST is."""
        return await self._send_json("PATCH", url, body, answer)

    async def _send_json(self, method: str, url: str, body: BaseModel | None, answer: type[Answer]) -> Answer:
        content = b"" if body is None else body.model_dump_json(exclude_unset=True).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self.stream(method, url, headers=headers, content=lambda: content) as response:
            return await read_answer(response, answer)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], bytes | AsyncIterator[bytes]] | None = None,
        replayable: bool = True,
        idempotent: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        """Opens a request and yields its successful answer, whose body is still to be read.

        ``content`` makes the body anew for each attempt; ``replayable`` says whether it can, ``idempotent``
        whether the service may get it twice. A 401 leads to one more attempt with a new token, except where a
        body cannot be sent again. Raises ArtStoreError.
        """
        response = await self._open(
            method,
            url,
            params=params,
            headers=headers,
            content=content,
            replayable=replayable,
            idempotent=idempotent,
            whole=idempotent,  # an answer that breaks off is a reason to send it again, too
        )
        try:
            with translated(url):
                yield response
        finally:
            await response.aclose()

    async def _open(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], bytes | AsyncIterator[bytes]] | None = None,
        replayable: bool = True,
        idempotent: bool = False,
        whole: bool = False,
    ) -> httpx.Response:
        """The answer when it is a success; with ``whole`` its body has been read."""
        attempt = 0
        renewed = False
        while True:
            attempt += 1
            token = await self._tokens.get()
            request = self._http.build_request(
                method,
                url,
                params=params,
                headers={**(headers or {}), "Authorization": f"Bearer {token}"},
                content=content() if content else None,
            )
            try:
                return await self._send(request, whole)
            except Unauthenticated:
                # The token may have been good when it was cached: a key or an account changed since.
                if renewed or not replayable:
                    raise
                renewed = True
                self._tokens.forget(token)
            except Unavailable as error:
                changes_nothing = method in ("GET", "HEAD") or (idempotent and replayable)
                never_sent = isinstance(error.__cause__, _NEVER_SENT)
                refused_before = isinstance(error, TooManyRequests) and replayable
                if not (changes_nothing or never_sent or refused_before):
                    raise
                await self.retries.wait_after(attempt, error)

    async def _send(self, request: httpx.Request, whole: bool) -> httpx.Response:
        """The answer when it is a success, else the error that it means."""
        with translated(str(request.url)):
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success or is_problem(response):
                    raise await error_of(response)
                if whole:
                    await response.aread()
            except BaseException:
                await response.aclose()
                raise
            return response


_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before the first byte of a request left."""
