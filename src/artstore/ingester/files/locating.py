"""Which elements have a document, asked with the client's own token: they decide who may see it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from artstore.attributes import RetentionPolicy
from artstore.ingester.choice import Directory
from artstore.kernel.access import Principal, insufficient
from artstore.kernel.peers import ElementSilent, document_at
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementHealth, RegisteredElement
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope


@dataclass(frozen=True)
class Copy:
    """A document at one element."""

    element: RegisteredElement
    document: dict[str, Any]

    @property
    def owner_id(self) -> str:
        return str(self.document["created_by_id"])

    @property
    def is_permanent(self) -> bool:
        return bool(self.document.get("retention_policy") == RetentionPolicy.PERMANENT)

    @property
    def is_held(self) -> bool:
        return "transfer_id" in self.document


@dataclass(frozen=True)
class Locating:
    session: aiohttp.ClientSession
    directory: Directory

    async def copies(self, file_id: UUID, principal: Principal, headers: Mapping[str, str]) -> list[Copy]:
        """At least one; several while the document moves, the one first that stays: it is permanent, or is
        held no more.

        Raises Problem NOT_FOUND, ELEMENT_UNAVAILABLE where an element that may have it does not answer, and
        INSUFFICIENT_SCOPE for a token with which nothing can be read.
        """
        if not principal.has(Scope.FILES_READ):
            raise insufficient(Scope.FILES_READ)
        return await self.found(file_id, headers)

    async def found(self, file_id: UUID, headers: Mapping[str, str]) -> list[Copy]:
        """The same, for whoever has the token in ``headers``."""
        known = [element for element in self.directory.elements() if element.may_have_documents]
        answers = await asyncio.gather(*(self._ask(element, file_id, headers) for element in known))
        found = [
            Copy(element, answer)
            for element, answer in zip(known, answers, strict=True)
            if isinstance(answer, dict)
        ]
        if found:
            return sorted(found, key=lambda copy: (not copy.is_permanent, copy.is_held))
        is_certain = known and self.directory.is_up_to_date
        if not is_certain or any(isinstance(answer, ElementSilent) for answer in answers):
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE,
                "A storage element that may keep the document does not answer. Try again in a few seconds.",
            )
        raise not_found()

    async def _ask(
        self, element: RegisteredElement, file_id: UUID, headers: Mapping[str, str]
    ) -> dict[str, Any] | ElementSilent | None:
        if element.health is ElementHealth.AWAY:
            return ElementSilent("it announces itself no longer")
        try:
            return await document_at(self.session, element.url, file_id, headers)
        except ElementSilent as silent:
            return silent


def file_id_in(text: str) -> UUID:
    """The id in a path. What is no UUID names no document: raises Problem NOT_FOUND."""
    try:
        return UUID(text)
    except ValueError:
        raise not_found() from None


def not_found() -> Problem:
    """One sentence for what is not there and for what is another's: it must not tell them apart."""
    return Problem(ProblemType.NOT_FOUND, "There is no document with this id, or it is not yours to see.")
