"""Getting the bytes of a document from whichever element has it."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp

from artstore.kernel.peers import ElementSilent
from artstore.kernel.peers.calls import SILENCE_SECONDS
from artstore.query.files.choice import ElementChoice
from artstore.query.files.elements import ElementFiles, ElementSlow
from artstore.query.files.locate import Whereabouts, not_found, unavailable
from artstore.wire.elements import RegisteredElement
from artstore.wire.problems import PROBLEM_JSON

_LOOKS, _LOOK_SECONDS = 10, 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted. ``caller``: headers that say who asks; ``conditions``: those of RFC 9110."""

    file_id: UUID
    method: str
    caller: Mapping[str, str] = field(repr=False)
    conditions: Mapping[str, str]


class Opened:
    """An element's answer, of which the head was read. Close it."""

    def __init__(self, element_id: str, answer: aiohttp.ClientResponse, count: ExitStack) -> None:
        self.element_id = element_id
        self.answer = answer
        self._count = count

    @property
    def has_document(self) -> bool:
        """False for one that only says why the bytes cannot be had from this element now."""
        return self.answer.status < 500 and self.answer.status != 202

    @property
    def may_answer_soon(self) -> bool:
        """Whether this element cannot just now, because it is closing or has too much to do."""
        return self.answer.status in (429, 503)

    def close(self) -> None:
        """May be called again."""
        self.answer.close()
        self._count.close()


@dataclass
class Tried:
    """What became of asking several elements: an answer with the document, or why there is none."""

    opened: Opened | None = None
    refusal: Opened | None = None
    """Of the first that has the document and cannot give it: damaged, offline, not at work."""
    silent: bool = False
    """One of them did not answer, or is left alone for that; it may have the document."""

    def close(self) -> None:
        for answer in (self.opened, self.refusal):
            if answer is not None:
                answer.close()


class Fetcher:
    """Asks one element after the other, the best one first.

    One that sends nothing for ``hurried_seconds`` is given up where another may have the document, be it
    before its answer or in the middle; else it has a minute.
    """

    def __init__(self, elements: ElementFiles, choice: ElementChoice, hurried_seconds: float) -> None:
        self._elements = elements
        self._choice = choice
        self._hurried_seconds = hurried_seconds

    async def open(self, asked: Asked, where: Whereabouts) -> Opened:
        """An element's answer with the document, or, where none can give it, with the reason.

        Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE where an element that has it does not answer.
        """
        tried = await self._ask_patiently(asked, list(await where.known()))
        if tried.opened is None and tried.refusal is None and not tried.silent:
            # The catalog may be behind: the document is new, or has moved to another element.
            tried = await self._ask_patiently(asked, list(await where.asked()))
        if tried.opened is not None:
            return tried.opened
        if tried.silent:
            # The silent one may have the document whole, where another one has it damaged or offline.
            tried.close()
            raise unavailable()
        if tried.refusal is not None:
            return tried.refusal
        raise not_found()

    async def _ask_patiently(self, asked: Asked, element_ids: Sequence[str]) -> Tried:
        """Where nobody can give it but one that is just being tried, all wait for how that goes."""
        tried = await self.ask(asked, element_ids)
        for _ in range(_LOOKS):
            if tried.opened is not None or not self._choice.is_being_tried(element_ids):
                break
            tried.close()
            await asyncio.sleep(_LOOK_SECONDS * random.uniform(0.5, 1.5))
            tried = await self.ask(asked, element_ids)
        return tried

    async def ask(
        self, asked: Asked, element_ids: Iterable[str], *, hurried: bool = False, patient: bool = False
    ) -> Tried:
        """The caller closes what it says, at once or once the document is read.

        ``hurried``: there are others that will be asked, beside these. ``patient``: of no matter which has
        answered, the bytes are waited for.
        """
        wanted = list(element_ids)
        candidates = self._choice.in_order(wanted)
        tried = Tried(silent=len(candidates) < len(wanted))  # one of them has never announced itself here
        waiting = deque((each, hurried or each is not candidates[-1]) for each in candidates)
        try:
            while waiting:
                element, in_haste = waiting.popleft()
                answer = await self._ask_one(asked, element, in_haste, patient)
                if isinstance(answer, ElementSlow) and in_haste and not hurried:
                    waiting.append((element, False))  # where no other has the document it is waited for
                elif isinstance(answer, ElementSilent):
                    tried.silent = True
                elif answer is not None and answer.has_document:
                    tried.opened = answer
                    break
                elif answer is not None and tried.refusal is None:
                    tried.refusal = answer
                elif answer is not None:
                    answer.close()
        except BaseException:
            tried.close()
            raise
        if tried.opened is not None and tried.refusal is not None:
            tried.refusal.close()
            tried.refusal = None
        return tried

    async def _ask_one(
        self, asked: Asked, element: RegisteredElement, in_haste: bool, patient: bool
    ) -> Opened | ElementSilent | None:
        attempt = self._choice.breakers.attempt(element)
        if attempt is None:
            return ElementSilent("it failed several times and is left alone")
        with attempt:
            try:
                answer = await self._elements.download(
                    element.url,
                    asked.file_id,
                    asked.method,
                    {**asked.caller, **asked.conditions},
                    silence_seconds=self._hurried_seconds if in_haste and not patient else SILENCE_SECONDS,
                    answer_seconds=self._hurried_seconds if in_haste and patient else None,
                )
            except ElementSilent as silent:
                attempt.failed(str(silent))
                return silent
            if answer is None:
                attempt.succeeded()
                return None
            if answer.status == 500 and answer.content_type == PROBLEM_JSON:
                # It is the document that is damaged, not the element.
                attempt.succeeded()
            else:
                attempt.answered(answer.status, answer.content_type)
        count = ExitStack()
        count.enter_context(self._choice.under_way(element.element_id))
        return Opened(element.element_id, answer, count)
