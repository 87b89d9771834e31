"""Where a document is, as the elements say themselves: the catalog is of another service, and may be
behind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from artstore.kernel.peers import ElementDirectory, ElementSilent, document_at, http_session
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementHealth, RegisteredElement
from artstore.wire.problems import ProblemType


@dataclass(frozen=True)
class Copy:
    """A document at one element."""

    element: RegisteredElement
    document: dict[str, Any]


class Whereabouts:
    """``token`` makes one for the elements, and is asked for each call."""

    def __init__(
        self,
        every: Callable[[], Awaitable[list[RegisteredElement]]],
        token: Callable[[], Awaitable[str]],
        directory: ElementDirectory,
    ) -> None:
        self._every = every
        self._token = token
        self._directory = directory

    async def elements(self) -> list[RegisteredElement]:
        return await self._every()

    async def copies(self, file_id: UUID) -> list[Copy]:
        """At least one; all elements are asked at once.

        Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE where one that may have it does not answer.
        """
        known = [element for element in await self._every() if element.may_have_documents]
        headers = {"Authorization": f"Bearer {await self._token()}"}
        async with http_session() as session:
            answers = await asyncio.gather(*(_ask(session, element, file_id, headers) for element in known))
        found = [
            Copy(element, answer)
            for element, answer in zip(known, answers, strict=True)
            if isinstance(answer, dict)
        ]
        if found:
            return found
        is_certain = self._directory.is_up_to_date
        if not is_certain or any(isinstance(answer, ElementSilent) for answer in answers):
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE,
                "A storage element that may have the document does not answer. Try again in a few seconds.",
            )
        raise Problem(ProblemType.NOT_FOUND, "There is no document with this id.")

    async def lies_in(self, element: RegisteredElement, file_id: UUID) -> bool:
        """Raises Problem ELEMENT_UNAVAILABLE."""
        headers = {"Authorization": f"Bearer {await self._token()}"}
        async with http_session() as session:
            answer = await _ask(session, element, file_id, headers)
        if isinstance(answer, ElementSilent):
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE,
                f"{element.element_id} does not say whether it has the document. Try again in a few seconds.",
            )
        return answer is not None


async def _ask(
    session: aiohttp.ClientSession, element: RegisteredElement, file_id: UUID, headers: dict[str, str]
) -> dict[str, Any] | ElementSilent | None:
    if element.health is ElementHealth.AWAY:
        return ElementSilent("it announces itself no longer")
    try:
        return await document_at(session, element.url, file_id, headers)
    except ElementSilent as silent:
        return silent
