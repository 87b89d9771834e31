"""Every request of a resumable upload: to the element that has it, or that is chosen for it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from artstore.ingester.admission import Admission
from artstore.ingester.batches.addresses import BatchAddress
from artstore.ingester.choice import fitting
from artstore.ingester.files.versions import FIELDS, Follows, Versions
from artstore.ingester.metrics import RESUMABLE
from artstore.ingester.placement import Wanted, is_active, largest_file, mode_for
from artstore.ingester.resumable.addresses import PATH, Address
from artstore.ingester.resumable.calls import Answer, Call, ElementSilent
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import too_large
from artstore.ingester.uploads.policy import retention_policy
from artstore.kernel import resumable as tus
from artstore.kernel import tracing
from artstore.kernel.access import Principal
from artstore.kernel.exchange import HEADERS_KEY
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import Breakers, ElementDirectory, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.elements import RegisteredElement
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import (
    CHECKSUM_ALGORITHMS,
    EXTENSIONS,
    PROTOCOL,
    TUS_CHECKSUM_ALGORITHM,
    TUS_EXTENSION,
    TUS_MAX_SIZE,
    TUS_RESUMABLE,
    TUS_VERSION,
    UPLOAD_CHECKSUM,
    UPLOAD_CONCAT,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_EXPIRES,
    UPLOAD_FILE_ID,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_OFFSET,
)

_log = get_logger(__name__)
_OF_BODY = ("Content-Length", "Content-Type")
_TO_ELEMENT = (
    TUS_RESUMABLE,
    UPLOAD_CHECKSUM,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_OFFSET,
)
_TO_CLIENT = (
    "Cache-Control",
    "Content-Type",
    "Retry-After",
    "WWW-Authenticate",
    TUS_VERSION,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_EXPIRES,
    UPLOAD_FILE_ID,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_OFFSET,
)
_METHOD_OVERRIDE = "X-HTTP-Method-Override"
_OVERRIDDEN = ("PATCH", "DELETE", "HEAD")
_OPERATIONS = {"POST": "create", "PATCH": "append", "HEAD": "look", "GET": "look", "DELETE": "end"}


@dataclass(frozen=True)
class ResumableUploads:
    session: aiohttp.ClientSession
    directory: ElementDirectory
    breakers: Breakers
    settings: IngesterSettings
    admission: Admission
    versions: Versions

    async def options(self) -> Response:
        """What is spoken here, for whoever asks."""
        headers = {
            TUS_RESUMABLE: PROTOCOL,
            TUS_VERSION: PROTOCOL,
            TUS_EXTENSION: ",".join(EXTENSIONS),
            TUS_MAX_SIZE: str(self._max_size()),
            TUS_CHECKSUM_ALGORITHM: ",".join(CHECKSUM_ALGORITHMS),
        }
        return Response(status_code=204, headers=headers)

    async def create(self, request: Request, principal: Principal) -> Response:
        """Raises Problem, ClientDisconnect."""
        with _of_tus(request, "create"):
            tus.demand_version(request.headers)
            creation = tus.creation_of(request.headers)
            self._demand_size(creation.length)
            with_body = tus.is_piece(request.headers) and not creation.parts
            headers = _headers(request, principal, with_body=with_body)
            if creation.parts:
                element, concat = self._element_of_parts(creation)
                candidates = [element]
                headers[UPLOAD_CONCAT] = concat
            else:
                candidates = self._candidates(creation)
                if creation.partial:
                    headers[UPLOAD_CONCAT] = "partial"
            if not creation.partial:
                follows = Follows.of({name: (creation.metadata.get(name, ""),) for name in FIELDS})
                headers |= await self.versions.headers(follows, request, principal)
            with self._place(principal, with_body=with_body):
                return await self._begin(request, candidates, headers, with_body=with_body)

    async def pass_on(self, request: Request, principal: Principal) -> Response:
        """A request of an upload that was begun. Raises Problem, ClientDisconnect."""
        method = _method(request)
        with _of_tus(request, _OPERATIONS[method]):
            address = Address.of(request.path_params["upload"])
            if address is None:
                raise _not_found()
            self._demand_size(tus.whole_number(request.headers, UPLOAD_LENGTH))
            element = self._element(address.element_id)
            call = Call(self.session, request, self.settings)
            with_body = method == "PATCH"
            headers = _headers(request, principal, with_body=with_body)
            path = address.path_at_element
            try:
                with self._place(principal, with_body=with_body):
                    answer = await self._send(call, method, element, path, headers, with_body)
            except ElementSilent as error:
                _log.warning("an upload cannot go on", element_id=element.element_id, reason=str(error))
                raise _away() from error
            return _response(answer, element.element_id, method)

    # Within

    def _place(self, principal: Principal, *, with_body: bool) -> AbstractContextManager[None]:
        """Only a body takes time that the client decides about."""
        return self.admission.taken(principal.account_id) if with_body else nullcontext()

    async def _begin(
        self,
        request: Request,
        candidates: Iterable[RegisteredElement],
        headers: Mapping[str, str],
        *,
        with_body: bool,
    ) -> Response:
        """At the first that takes it.

        An upload whose address nobody was told goes by itself, unless all bytes came with the creation: then
        their document stays.
        """
        call = Call(self.session, request, self.settings)
        refusal: Response | None = None
        for element in candidates:
            try:
                answer = await self._send(call, "POST", element, PATH, headers, with_body)
            except ElementSilent as error:
                _log.warning("no upload begun", element_id=element.element_id, reason=str(error))
                if call.begun:
                    raise _away() from error
                continue
            self.versions.check(answer.status, answer.content)
            response = _response(answer, element.element_id, "POST")
            if call.begun or not _may_fit_elsewhere(answer):
                told = {"element_id": element.element_id, "status": answer.status}
                _log.info("upload begun" if answer.status == 201 else "upload refused", **told)
                tracing.note("placement", told)
                return response
            refusal = response
        if refusal is not None:
            return refusal
        raise _away()

    async def _send(
        self,
        call: Call,
        method: str,
        element: RegisteredElement,
        path: str,
        headers: Mapping[str, str],
        with_body: bool,
    ) -> Answer:
        """Raises ElementSilent, also for an element that is to be left alone; ClientDisconnect, Problem."""
        attempt = self.breakers.attempt(element)
        if attempt is None:
            raise ElementSilent("it failed several times, and is left alone for a while")
        with attempt:
            url = element.url.rstrip("/") + path
            try:
                answer = await call.send(
                    method,
                    url,
                    headers,
                    attempt.reached,
                    with_body=with_body,
                    makes_document=headers.get(UPLOAD_CONCAT, "").startswith("final"),
                )
            except ElementSilent as error:
                attempt.failed(str(error))
                raise
            attempt.answered(answer.status, answer.headers.get("Content-Type", ""))
        return answer

    def _max_size(self) -> int:
        if not self.directory.is_up_to_date:
            return self.settings.max_file_bytes
        largest = [largest_file(element) for element in self.directory.elements() if is_active(element)]
        return min(self.settings.max_file_bytes, max(largest, default=self.settings.max_file_bytes))

    def _demand_size(self, length: int | None) -> None:
        if length is not None and length > self._max_size():
            raise too_large(self._max_size())

    def _candidates(self, creation: tus.Creation) -> list[RegisteredElement]:
        batch = _batch(creation)
        if batch is not None:
            return [self._element(batch.element_id)]
        mode = mode_for(retention_policy({creation.metadata.get("retention_policy", "").strip()}))
        wanted = Wanted(mode, creation.length or 1, creation.length)
        candidates, choice = fitting(self.directory, wanted, self.settings)
        told = {"first": candidates[0].element_id, **choice}
        _log.info("elements for an upload", **told)
        tracing.note("elements for an upload", told)
        return candidates

    def _element_of_parts(self, creation: tus.Creation) -> tuple[RegisteredElement, str]:
        """The one element that has all parts, and how they are called there."""
        addresses = [Address.of(part) for part in creation.parts]
        known = [address for address in addresses if address is not None]
        if len(known) < len(addresses):
            raise _not_found()
        if len({address.element_id for address in known}) > 1:
            detail = "The parts lie in different storage elements and cannot be put together; send them anew."
            raise Problem(ProblemType.INVALID_PARAMETER, detail, field=UPLOAD_CONCAT)
        element = self._element(known[0].element_id)
        batch = _batch(creation)
        if batch is not None and batch.element_id != element.element_id:
            detail = "The parts lie in another storage element than the batch; send them for the batch, anew."
            raise Problem(ProblemType.INVALID_PARAMETER, detail, field=UPLOAD_CONCAT)
        if batch is not None:
            return element, "final;" + " ".join(address.upload_id for address in known)
        policy = retention_policy({creation.metadata.get("retention_policy", "").strip()})
        if mode_for(policy) is not element.mode:
            detail = (
                f"The parts lie in an element of mode '{element.mode}', where documents with the retention"
                f" policy '{policy}' do not belong; send retention_policy with each part as well."
            )
            raise Problem(ProblemType.INVALID_PARAMETER, detail, field="retention_policy")
        return element, "final;" + " ".join(address.upload_id for address in known)

    def _element(self, element_id: str) -> RegisteredElement:
        """Raises Problem: 404 for one that is not known, 503 while nobody tells which there are."""
        element = self.directory.get(element_id)
        if element is None:
            raise _not_found() if self.directory.is_up_to_date else _away()
        return element


@contextmanager
def _of_tus(request: Request, operation: str) -> Iterator[None]:
    """Whatever is answered says which version of tus it speaks, and is counted."""
    tells = (TUS_RESUMABLE.lower().encode(), PROTOCOL.encode())
    request.scope[HEADERS_KEY] = (*request.scope.get(HEADERS_KEY, ()), tells)
    outcome = "failed"
    try:
        yield
        outcome = "answered"
    except ClientDisconnect:
        outcome = "client_gone"
        raise
    except Problem as problem:
        outcome = problem.kind.slug
        raise
    finally:
        RESUMABLE.labels(operation, outcome).inc()


def _method(request: Request) -> str:
    """Of tus: a client that cannot send a method sends POST, and says which one it means."""
    if request.method != "POST":
        return request.method
    method = request.headers.get(_METHOD_OVERRIDE, "").strip().upper()
    if method not in _OVERRIDDEN:
        detail = f"A POST to an upload must say by {_METHOD_OVERRIDE} what it is: {', '.join(_OVERRIDDEN)}."
        raise Problem(ProblemType.INVALID_REQUEST, detail, field=_METHOD_OVERRIDE)
    return method


def _headers(request: Request, principal: Principal, *, with_body: bool) -> dict[str, str]:
    headers = forwarded_headers(request, principal)
    for name in (*_TO_ELEMENT, *(_OF_BODY if with_body else ())):
        if (value := request.headers.get(name)) is not None:
            headers[name] = value
    return headers


def _response(answer: Answer, element_id: str, method: str) -> Response:
    headers = {name: answer.headers[name] for name in _TO_CLIENT if name in answer.headers}
    if (location := answer.headers.get("Location")) is not None:
        headers["Location"] = Address(element_id, location.rpartition("/")[2]).path
    if (concat := answer.headers.get(UPLOAD_CONCAT)) is not None:
        kind, separator, ids = concat.partition(";")
        headers[UPLOAD_CONCAT] = (
            kind + separator + " ".join(Address(element_id, each).path for each in ids.split())
        )
    return Response(answer.content, answer.status, headers)


def _batch(creation: tus.Creation) -> BatchAddress | None:
    """Also of a part, which must lie where the batch does."""
    name = creation.metadata.get(BATCH_PARAMETER)
    return BatchAddress.demand(name) if name else None


def _may_fit_elsewhere(answer: Answer) -> bool:
    """Whether the element refused for its own state: full, busy, another mode."""
    if answer.status == ProblemType.MODE_FORBIDS.status:
        return ProblemType.MODE_FORBIDS.uri.encode() in answer.content
    return answer.status in (503, ProblemType.INSUFFICIENT_STORAGE.status)


def _not_found() -> Problem:
    detail = "There is no such upload, it has expired, or it is another account's; begin another one."
    return Problem(ProblemType.NOT_FOUND, detail, is_refusal=True)


def _away() -> Problem:
    detail = (
        "The storage element of the upload does not answer; ask for its offset in a few seconds and go on."
    )
    return Problem(ProblemType.ELEMENT_UNAVAILABLE, detail)
