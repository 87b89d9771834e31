"""The way of an upload: read its head, choose an element, relay, answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from artstore.ingester.metrics import PLACEMENTS, UPLOADS
from artstore.ingester.placement import CannotPlace, Needs, Obstacle, Wanted, place
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.relay import ElementAnswer, ElementLost, NothingSent, Patience, Relay
from artstore.kernel.access import Principal
from artstore.kernel.digests import announced_sha256
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode, RegisteredElement
from artstore.wire.headers import EXPECTED_SIZE, REPR_DIGEST
from artstore.wire.problems import ProblemType

_log = get_logger(__name__)

_PROBLEM_OF = {
    Obstacle.NONE_AVAILABLE: ProblemType.NO_ELEMENT_AVAILABLE,
    Obstacle.TOO_LARGE: ProblemType.FILE_TOO_LARGE,
    Obstacle.NO_ROOM: ProblemType.INSUFFICIENT_STORAGE,
}
_RELAYED_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After", "WWW-Authenticate")


@dataclass(frozen=True)
class Uploads:
    """Takes uploads; ``elements`` gives the elements as they are known at the moment."""

    session: aiohttp.ClientSession
    elements: Callable[[], list[RegisteredElement]]
    settings: IngesterSettings
    _unreachable: dict[str, datetime] = field(default_factory=dict, init=False)
    """By element: which announcement stood when it could not be reached. Until the next it is tried last."""

    async def take(self, request: Request, principal: Principal, form: type[UploadBody]) -> Response:
        """The element's answer to the upload in ``request``, of which ``form`` makes what the element takes.

        Raises Problem, and ClientDisconnect.
        """
        try:
            body = form(
                request,
                max_file_bytes=self.settings.max_file_bytes,
                silence_seconds=self.settings.client_silence_seconds,
            )
            answer = await self._relay(request, principal, body)
        except ClientDisconnect:
            UPLOADS.labels("client_gone").inc()
            raise
        except Problem as problem:
            UPLOADS.labels(_outcome(problem.status)).inc()
            raise
        UPLOADS.labels(_outcome(answer.status)).inc()
        headers = {name: answer.headers[name] for name in _RELAYED_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status, headers)

    async def _relay(self, request: Request, principal: Principal, body: UploadBody) -> ElementAnswer:
        announced_sha256(request.headers)  # refused before the body is read; the element compares
        head = await body.head(seconds=self.settings.head_seconds)
        relay = Relay(self.session, body, head.pieces)
        headers = _headers(request, principal, body, head.wanted)
        patience = Patience(self.settings.element_silence_seconds, self.settings.element_answer_seconds)
        refusal: ElementAnswer | None = None
        for element in self._candidates(head.wanted):
            try:
                answer = await relay.send(element, body.element_query, headers, patience)
            except NothingSent as error:
                _note("unreachable", element, head.wanted, reason=str(error))
                self._unreachable[element.element_id] = element.announced_at
                continue
            except ClientDisconnect:
                _note("client_gone", element, head.wanted, bytes=body.received)
                raise
            except ElementLost as error:
                _note("lost", element, head.wanted, reason=str(error))
                raise _lost() from error
            if not (answer.repeatable and _may_fit_elsewhere(answer)):
                _note("answered", element, head.wanted, status=answer.status)
                return answer
            _note("refused", element, head.wanted, status=answer.status)
            refusal = answer
        if refusal is not None:
            return refusal
        raise Problem(
            ProblemType.NO_ELEMENT_AVAILABLE,
            "No storage element can be reached now; try again in a few seconds.",
        )

    def _candidates(self, wanted: Wanted) -> list[RegisteredElement]:
        try:
            fitting = place(self.elements(), wanted, self._needs(wanted.mode), self.settings.placement)
        except CannotPlace as error:
            _log.warning("no element for an upload", obstacle=error.obstacle.value, reason=error.detail)
            raise Problem(_PROBLEM_OF[error.obstacle], error.detail) from error
        return sorted(fitting, key=lambda e: self._unreachable.get(e.element_id) == e.announced_at)

    def _needs(self, mode: Mode) -> Needs:
        """What the settings require of an element; the mode stands for the retention policy."""
        if mode is not Mode.RW:
            return Needs(self.settings.temporary_labels)
        days = self.settings.permanent_days
        kept_until = None if days is None else datetime.now(UTC) + timedelta(days=days)
        return Needs(self.settings.permanent_labels, kept_until)


def _headers(request: Request, principal: Principal, body: UploadBody, wanted: Wanted) -> dict[str, str]:
    headers = forwarded_headers(request, principal)
    headers["Content-Type"] = body.content_type
    if body.form_bytes is not None:
        headers["Content-Length"] = str(body.form_bytes)
    if digests := request.headers.getlist(REPR_DIGEST):
        headers[REPR_DIGEST] = ", ".join(digests)
    if wanted.at_most is not None:
        headers[EXPECTED_SIZE] = str(wanted.at_most)
    return headers


def _may_fit_elsewhere(answer: ElementAnswer) -> bool:
    """Whether the element refused for its own state (full, busy, another mode), having kept nothing."""
    if answer.status == ProblemType.MODE_FORBIDS.status:
        return ProblemType.MODE_FORBIDS.uri.encode() in answer.content
    return answer.status in (503, ProblemType.INSUFFICIENT_STORAGE.status)


def _lost() -> Problem:
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE,
        "The storage element broke off in the middle of the upload; send it again in a few seconds.",
    )


def _note(result: str, element: RegisteredElement, wanted: Wanted, **facts: object) -> None:
    PLACEMENTS.labels(element.element_id, result).inc()
    log = _log.info if result == "answered" else _log.warning
    log(
        "upload relayed" if result == "answered" else "the element did not take the upload",
        element_id=element.element_id,
        result=result,
        mode=wanted.mode.value,
        at_most_bytes=wanted.at_most,
        free_bytes=element.free_bytes,
        choice="first by priority and id that fits",
        **facts,
    )


def _outcome(status: int) -> str:
    if status < 300:
        return "stored"
    if status == ProblemType.INSUFFICIENT_STORAGE.status:
        return "no_room"
    if status == ProblemType.NO_ELEMENT_AVAILABLE.status:
        return "unavailable"
    return "refused" if status < 500 else "failed"
