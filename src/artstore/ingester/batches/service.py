"""Every request of a batch: to the element that has it, or that is chosen for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.batches.addresses import PATH, BatchAddress, batch_not_found
from artstore.ingester.choice import fitting
from artstore.ingester.metrics import BATCHES
from artstore.ingester.placement import Wanted, mode_for
from artstore.ingester.settings import IngesterSettings
from artstore.kernel import tracing
from artstore.kernel.access import Principal
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import Breakers, ElementDirectory, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.batches import Batch, Commit, NewBatch
from artstore.wire.elements import RegisteredElement
from artstore.wire.problems import ProblemType

_log = get_logger(__name__)
_SECONDS = 120.0
"""A commit of 10,000 documents takes seconds on a busy element."""
_MOST_ANSWER_BYTES = 16 << 20
_RELAYED = ("Content-Type", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def response(self) -> Response:
        headers = {name: self.headers[name] for name in _RELAYED if name in self.headers}
        return Response(self.content, self.status, headers)


@dataclass(frozen=True)
class Batches:
    """All methods raise Problem. What an element refuses is answered in its words."""

    session: aiohttp.ClientSession
    directory: ElementDirectory
    breakers: Breakers
    settings: IngesterSettings

    async def open(self, request: Request, principal: Principal, new: NewBatch) -> Response:
        """At the best element that takes it."""
        wanted = Wanted(mode_for(new.retention_policy), new.expected_bytes, None)
        candidates, choice = fitting(self.directory, wanted, self.settings)
        refusal: _Answer | None = None
        for element in candidates:
            try:
                body = new.model_dump_json().encode()
                answer = await self._ask(request, principal, "POST", element, PATH, body)
            except Problem:
                continue  # a batch that nobody was told of expires by itself
            if answer.status == 201:
                told = {"element_id": element.element_id, **choice}
                _log.info("batch opened", **told)
                tracing.note("placement", told)
                BATCHES.labels("open", "done").inc()
                return _named(answer, element.element_id)
            refusal = answer
            if answer.status < 500 and answer.status != ProblemType.MODE_FORBIDS.status:
                break
        BATCHES.labels("open", "refused" if refusal else "unavailable").inc()
        if refusal is None:
            raise _away("No storage element can be reached now; try again in a few seconds.")
        return refusal.response()

    async def read(self, request: Request, principal: Principal, batch_id: str) -> Response:
        address, element = self._find(batch_id)
        answer = await self._ask(request, principal, "GET", element, address.path_at_element)
        return _named(answer, element.element_id) if answer.status == 200 else answer.response()

    async def documents(
        self, request: Request, principal: Principal, batch_id: str, cursor: str | None, limit: int
    ) -> Response:
        address, element = self._find(batch_id)
        query = urlencode({"limit": limit} | ({} if cursor is None else {"cursor": cursor}))
        path = f"{address.path_at_element}/documents?{query}"
        return (await self._ask(request, principal, "GET", element, path)).response()

    async def commit(
        self, request: Request, principal: Principal, batch_id: str, wanted: Commit | None
    ) -> Response:
        address, element = self._find(batch_id)
        body = (wanted or Commit()).model_dump_json().encode()
        path = f"{address.path_at_element}/commit"
        answer = await self._ask(request, principal, "POST", element, path, body)
        BATCHES.labels("commit", "done" if answer.status == 200 else "refused").inc()
        return _named(answer, element.element_id) if answer.status == 200 else answer.response()

    async def abort(self, request: Request, principal: Principal, batch_id: str) -> Response:
        address, element = self._find(batch_id)
        answer = await self._ask(request, principal, "DELETE", element, address.path_at_element)
        BATCHES.labels("abort", "done" if answer.status == 204 else "refused").inc()
        return answer.response()

    def _find(self, batch_id: str) -> tuple[BatchAddress, RegisteredElement]:
        """Raises Problem: 404 for an element that is not known, 503 while nobody tells which there are."""
        address = BatchAddress.demand(batch_id)
        element = self.directory.get(address.element_id)
        if element is None:
            raise batch_not_found() if self.directory.is_up_to_date else _away(_BATCH_AWAY)
        return address, element

    async def _ask(
        self,
        request: Request,
        principal: Principal,
        method: str,
        element: RegisteredElement,
        path: str,
        body: bytes | None = None,
    ) -> _Answer:
        """Raises Problem ELEMENT_UNAVAILABLE: every one of these requests may be repeated."""
        attempt = self.breakers.attempt(element)
        if attempt is None:
            raise _away(_BATCH_AWAY)
        headers = forwarded_headers(request, principal)
        if body is not None:
            headers["Content-Type"] = "application/json"
        with attempt:
            try:
                async with self.session.request(
                    method,
                    element.url.rstrip("/") + path,
                    data=body,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=_SECONDS),
                    allow_redirects=False,
                ) as answer:
                    content = await whole_body(answer, _MOST_ANSWER_BYTES)
                    attempt.answered(answer.status, answer.headers.get("Content-Type", ""))
                    return _Answer(answer.status, answer.headers, content)
            except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
                attempt.failed(str(error) or type(error).__name__)
                _log.warning("a batch cannot be reached", element_id=element.element_id, reason=str(error))
                raise _away(_BATCH_AWAY) from error


_BATCH_AWAY = "The storage element of the batch does not answer; ask again in a few seconds, which is safe."


def _named(answer: _Answer, element_id: str) -> Response:
    """With the id that the batch has here."""
    told = Batch.model_validate_json(answer.content)
    name = BatchAddress(element_id, told.batch_id).name
    batch = told.model_copy(update={"batch_id": name})
    headers = {"Location": f"{PATH}/{name}"} if answer.status == 201 else {}
    return Response(batch.model_dump_json(), answer.status, headers, media_type="application/json")


def _away(detail: str) -> Problem:
    return Problem(ProblemType.ELEMENT_UNAVAILABLE, detail, headers={"Retry-After": "2"})
