"""Brings one upload to an element: to the best that can be reached, and to no more than one of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import aiohttp
from starlette.requests import ClientDisconnect

from artstore.attributes import FileId
from artstore.ingester.choice import Directory, fitting
from artstore.ingester.idempotency.once import reused
from artstore.ingester.metrics import PLACEMENTS
from artstore.ingester.placement import Wanted
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads.relay import ElementAnswer, ElementLost, NothingSent, Patience, Relay
from artstore.ingester.uploads.settling import Settling
from artstore.kernel import tracing
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import Attempt, Breakers
from artstore.kernel.problems import Problem
from artstore.wire.elements import RegisteredElement
from artstore.wire.headers import FILE_ID
from artstore.wire.problems import ProblemType

_log = get_logger(__name__)


class Identity(Protocol):
    """Which document an upload makes, and where earlier tries of it went."""

    @property
    def element_id(self) -> str | None:
        """The only element that may take it; None where any may."""

    @property
    def is_new(self) -> bool:
        """Whether it is certain that there was no earlier try."""

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        """Before a try: the element that it must go to instead, or the same, and the id of the document."""

    async def nothing_stored(self) -> None:
        """After a try of which this is known."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """The identity of an upload that is no repetition of any other."""

    file_id: FileId
    element_id: None = None
    is_new: bool = True

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        return element_id, self.file_id

    async def nothing_stored(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class InBatch:
    """The identity of an upload whose document goes where its batch is."""

    upload: Identity
    element_id: str

    @property
    def is_new(self) -> bool:
        return self.upload.is_new

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        """Raises Problem IDEMPOTENCY_KEY_REUSED where an earlier try went to another element."""
        where, file_id = await self.upload.begin(element_id)
        if where != self.element_id:
            raise reused()
        return where, file_id

    async def nothing_stored(self) -> None:
        await self.upload.nothing_stored()


class _Unsettled(Exception):
    """Whether the document is stored cannot be told now."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An element that fails, refuses for its own state, or is left alone by its breaker makes room for the
    next, for as long as it is certain that none has the document and the body can be sent again.
    """

    session: aiohttp.ClientSession
    directory: Directory
    breakers: Breakers
    settings: IngesterSettings
    patience: Patience
    pauses: Sequence[float]

    async def deliver(
        self, relay: Relay, wanted: Wanted, headers: dict[str, str], identity: Identity
    ) -> ElementAnswer:
        """Raises Problem, and ClientDisconnect."""
        refusal: ElementAnswer | None = None
        candidates, choice = self._candidates(wanted, identity.element_id)
        tried: set[str] = set()
        for candidate in candidates:
            element_id, file_id = await identity.begin(candidate.element_id)
            element = candidate if element_id == candidate.element_id else self._known(element_id)
            answer = None
            try:
                if element is not None and element_id not in tried:
                    tried.add(element_id)
                    named = {**headers, FILE_ID: str(file_id)}
                    answer = await self._attempt(relay, element, named, choice, identity.is_new)
            except _Unsettled:
                raise _unsettled() from None
            except (ClientDisconnect, Problem):
                await identity.nothing_stored()
                raise
            if answer is not None and answer.has_document:
                return answer
            await identity.nothing_stored()
            if answer is None:
                continue
            if not (answer.repeatable and answer.is_for_its_own_state):
                return answer
            refusal = answer
        if refusal is not None:
            return refusal
        raise self._none_reached(candidates)

    async def _attempt(
        self,
        relay: Relay,
        element: RegisteredElement,
        headers: dict[str, str],
        choice: dict[str, object],
        is_new: bool,
    ) -> ElementAnswer | None:
        """What the element says; None where it has nothing and the next may be tried.

        Raises _Unsettled, ClientDisconnect, and Problem; after these two nothing is stored.
        """
        attempt = self.breakers.attempt(element)
        if attempt is None:
            return None
        with attempt:
            try:
                answer = await self._send(relay, element, headers, attempt, is_new)
            except NothingSent as error:
                attempt.failed(str(error))
                _note("unreachable", element, choice, reason=str(error))
                return None
            except ClientDisconnect:
                _note("client_gone", element, choice)
                raise
            except ElementLost as error:
                attempt.failed(str(error))
                _note("lost", element, choice, reason=str(error), maybe_stored=error.maybe_stored)
                if error.maybe_stored:
                    return await self._settled(relay, element, headers, choice)
                if relay.repeatable:
                    return None
                raise _lost() from error
            attempt.answered(answer.status, answer.headers.get("Content-Type", ""))
        refused = answer.repeatable and answer.is_for_its_own_state
        _note("refused" if refused else "answered", element, choice, status=answer.status)
        return answer

    async def _send(
        self,
        relay: Relay,
        element: RegisteredElement,
        headers: dict[str, str],
        attempt: Attempt,
        is_new: bool,
    ) -> ElementAnswer:
        answer = await relay.send(element, headers, self.patience, attempt.reached)
        if answer.refuses_the_id and answer.repeatable:
            _log.error("the clocks of this service and an element differ", element_id=element.element_id)
            if not is_new:
                raise _wrong_clock()
            # The element gives an id itself then. Only that the upload can be repeated is lost.
            del headers[FILE_ID]
            answer = await relay.send(element, headers, self.patience, attempt.reached)
        return answer

    async def _settled(
        self, relay: Relay, element: RegisteredElement, headers: dict[str, str], choice: dict[str, object]
    ) -> ElementAnswer:
        answer = None
        if FILE_ID in headers:
            as_announced = partial(self._known, element.element_id)
            settling = Settling(self.session, self.breakers, as_announced, self.pauses)
            answer = await settling.outcome(relay, headers[FILE_ID], headers)
        if answer is None:
            _note("unsettled", element, choice)
            raise _Unsettled
        _note("settled", element, choice, status=answer.status)
        return answer

    def _known(self, element_id: str) -> RegisteredElement | None:
        return next((e for e in self.directory.elements() if e.element_id == element_id), None)

    def _candidates(
        self, wanted: Wanted, element_id: str | None
    ) -> tuple[list[RegisteredElement], dict[str, object]]:
        """The elements, the best first, and why: for the log. Only one where it is known where to go."""
        if element_id is None:
            return fitting(self.directory, wanted, self.settings)
        element = self._known(element_id)
        return [] if element is None else [element], {"strategy": "where an earlier try went"}

    def _none_reached(self, candidates: list[RegisteredElement]) -> Problem:
        seconds = self.breakers.seconds_to_wait(element.element_id for element in candidates)
        return Problem(
            ProblemType.NO_ELEMENT_AVAILABLE,
            "No storage element can be reached now; try again in a few seconds.",
            headers={"Retry-After": str(max(1, math.ceil(seconds)))},
        )


def _lost() -> Problem:
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE,
        "The storage element broke off in the middle of the upload, and nothing is stored; send it again in a"
        " few seconds, or by /api/v1/uploads (tus), where an upload goes on from what arrived.",
    )


def _wrong_clock() -> Problem:
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE,
        "The clock of the storage element is wrong, so that it cannot take an upload with a key; nothing is"
        " stored. Tell an operator.",
    )


def _unsettled() -> Problem:
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE,
        "The storage element failed at the end of the upload, and whether the document is stored cannot be"
        " told now. With an Idempotency-Key send it again; without one look for the document first.",
    )


def _note(result: str, element: RegisteredElement, choice: dict[str, object], **facts: object) -> None:
    PLACEMENTS.labels(element.element_id, result).inc()
    well = result in ("answered", "settled")
    log = _log.info if well else _log.warning
    told = {
        "element_id": element.element_id,
        "result": result,
        "priority": element.registration.priority,
        "free_bytes": element.free_bytes,
        **choice,
        **facts,
    }
    log("upload relayed" if well else "the element did not take the upload", **told)
    tracing.note("placement", told)
