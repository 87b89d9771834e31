"""``POST /api/v1/downloads``: many documents as one ZIP."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import RETRY_AFTER, problem_answers
from artstore.kernel.peers import ServiceToken, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.kernel.stalled import ClientStalled, taken
from artstore.query import metrics
from artstore.query.archives.bag import Bag
from artstore.query.archives.reading import Missing, Open, Reading
from artstore.query.archives.repository import ArchiveRepository
from artstore.query.archives.selection import Selection
from artstore.query.catalog.reading import CatalogReader
from artstore.query.files.as_service import service_principal
from artstore.query.files.endpoints import Downloads
from artstore.query.files.fetching import Asked
from artstore.query.files.locate import Locator, Whereabouts
from artstore.query.files.relay import unless_client_goes
from artstore.query.search.service import Search
from artstore.wire.archives import NewArchive
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope as AccessScope

_THREADS = 2


class Archives:
    """At most so many at once as ``most`` says: each reads and packs as fast as its client takes it.

    What the caller may see is decided at the beginning. Elements are then asked with the account of this
    service, for an archive may take longer than its caller's token lives.
    """

    def __init__(
        self,
        catalog: CatalogReader,
        search: Search,
        locator: Locator,
        downloads: Downloads,
        token: ServiceToken,
        *,
        most: int,
        stalled_seconds: float,
    ) -> None:
        """``stalled_seconds``: how long a client may take nothing."""
        self._catalog = catalog
        self._search = search
        self._locator = locator
        self._downloads = downloads
        self._token = token
        self._most = most
        self._stalled_seconds = stalled_seconds
        self._under_way: Counter[str] = Counter()
        """Archives of each account that has some."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="archives")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request, new: NewArchive, principal: Principal) -> Response:
        """The archive, whose first document is at hand.

        Raises Problem NOT_FOUND, ELEMENT_UNAVAILABLE, INVALID_PARAMETER, TOO_MANY_REQUESTS, and DatabaseDown.
        """
        self._take_place(principal.account_id)
        try:
            reading = await self._reading(request, new, principal)
            documents = reading.documents()
            try:
                first = await anext(documents)
                if isinstance(first, Missing) and not new.partial:
                    raise Problem(
                        ProblemType.ELEMENT_UNAVAILABLE,
                        f"Document {first.file_id} cannot be had now: {first.reason}. Try again, or ask with"
                        " partial for the others.",
                    )
            except BaseException:
                await reading.close()
                raise
        except BaseException:
            self._give_place_back(principal.account_id)
            raise
        folder = f"artstore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        bag = Bag(folder, self._threads, partial=new.partial)
        ended = partial(self._ended, principal.account_id)
        chunks = bag.chunks(_after(first, documents))
        return _ArchiveResponse(folder, chunks, reading, ended, stalled_seconds=self._stalled_seconds)

    def _take_place(self, account_id: str) -> None:
        own = max(1, self._most // 2)
        if self._under_way.total() >= self._most or self._under_way[account_id] >= own:
            raise Problem(
                ProblemType.TOO_MANY_REQUESTS,
                f"{self._most} archives are made at a time, {own} of them for one account; try again when one"
                " has ended.",
                headers={"Retry-After": "5"},
            )
        self._under_way[account_id] += 1

    def _give_place_back(self, account_id: str) -> None:
        self._under_way[account_id] -= 1
        if self._under_way[account_id] == 0:
            del self._under_way[account_id]

    async def _reading(self, request: Request, new: NewArchive, principal: Principal) -> Reading:
        caller = forwarded_headers(request, principal)
        selection = Selection(
            self._catalog, ArchiveRepository(), self._search, self._locator, principal, caller
        )

        async def asking(file_id: UUID, known: Sequence[str]) -> tuple[Asked, Whereabouts]:
            service = await service_principal(self._token)
            headers = forwarded_headers(request, service)
            asked = Asked(file_id, "GET", headers, {})
            return asked, Whereabouts(self._locator, file_id, service, headers, known)

        return Reading(await selection.chosen(new), selection, self._downloads, asking, self._token.forget)

    def _ended(self, account_id: str, outcome: str) -> None:
        self._give_place_back(account_id)
        metrics.ARCHIVES.labels(outcome).inc()


class _ArchiveResponse(Response):
    """Whoever makes it must also call it. What cannot go on breaks the connection, as a download does."""

    media_type = "application/zip"

    def __init__(
        self,
        name: str,
        chunks: AsyncGenerator[bytes, None],
        reading: Reading,
        ended: Callable[[str], None],
        *,
        stalled_seconds: float,
    ) -> None:
        self._chunks = chunks
        self._stalled_seconds = stalled_seconds
        self._reading = reading
        self._ended = ended
        self._outcome = "client_gone"
        self.status_code = 200
        self.background = None
        self.raw_headers = [
            (b"content-type", b"application/zip"),
            (b"content-disposition", f'attachment; filename="{name}.zip"'.encode("ascii")),
            (b"cache-control", b"private, no-store"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_client_goes(self._pump(send), receive)
        finally:
            await self._reading.close()
            self._ended(self._outcome)

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    sending = send({"type": "http.response.body", "body": chunk, "more_body": True})
                    await taken(sending, within_seconds=self._stalled_seconds)
        except Problem as problem:
            self._outcome = "broken"
            # Nobody may answer with it any more.
            raise ConnectionAbortedError(f"an archive cannot go on: {problem}") from problem
        except ClientStalled:
            raise
        except Exception:
            self._outcome = "broken"
            raise
        self._outcome = "done"
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _after(first: Open | Missing, rest: AsyncIterator[Open | Missing]) -> AsyncIterator[Open | Missing]:
    yield first
    async for one in rest:
        yield one


def archive_routes(archives: Callable[[], Archives]) -> APIRouter:
    """``archives`` is there once the service has started."""
    router = APIRouter(tags=["files"])
    answers = problem_answers(
        ProblemType.NOT_FOUND,
        ProblemType.ELEMENT_UNAVAILABLE,
        ProblemType.DEPENDENCY_UNAVAILABLE,
    )
    busy = problem_answers(ProblemType.TOO_MANY_REQUESTS, ProblemType.RATE_LIMITED)["429"]

    @router.post(
        "/api/v1/downloads",
        response_class=Response,
        summary="Many documents as one ZIP",
        responses={
            200: {"description": "A bag (RFC 8493) in a ZIP", "content": {"application/zip": {}}},
            **answers,
            "429": {**busy, "headers": RETRY_AFTER},
        },
    )
    async def download(
        new: NewArchive, principal: Annotated[Principal, Requires(AccessScope.FILES_READ)], request: Request
    ) -> Response:
        """With the attributes of each document and a manifest of checksums, which are compared while the
        bytes pass. It is made while it is sent: where a document cannot be had any more the connection
        breaks, unless `partial` says to go on without it.
        """
        return await archives().answer(request, new, principal)

    return router
