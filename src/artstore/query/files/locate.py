"""Finding a document by its id: in the catalog, and where it is not there, by asking the elements."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from artstore.attributes import RetentionPolicy
from artstore.attributes.ids import created_at_of
from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory, ElementSilent
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.reading import CatalogReader
from artstore.query.files.cache import DocumentCache
from artstore.query.files.elements import ElementFiles
from artstore.query.files.repository import FilesRepository
from artstore.wire.elements import ElementAnnouncement, ElementHealth
from artstore.wire.headers import FILE_ID_BEHIND_SECONDS
from artstore.wire.problems import ProblemType

Copies = Mapping[str, dict[str, Any]]
"""A document by the id of each element that has it."""

_UPLOADS_LAST = timedelta(seconds=FILE_ID_BEHIND_SECONDS)
"""An id carries the time at which its upload began: one that is tried again, or resumed, may be stored a day
later."""
_log = get_logger(__name__)


class Locator:
    """Says where a document is, to those who may see it; to others, that there is none."""

    def __init__(
        self,
        catalog: CatalogReader,
        repository: FilesRepository,
        directory: ElementDirectory,
        elements: ElementFiles,
        follower: CatalogFollower,
        cache: DocumentCache,
    ) -> None:
        self._catalog = catalog
        self._repository = repository
        self._directory = directory
        self._elements = elements
        self._follower = follower
        self._cache = cache

    async def find(self, file_id: UUID, principal: Principal, headers: Mapping[str, str]) -> Copies:
        """At least one copy. Raises Problem NOT_FOUND, or ELEMENT_UNAVAILABLE where that is uncertain."""
        copies = await self.in_catalog(file_id, principal)
        if copies:
            return copies
        return await self.in_elements(file_id, headers, catalog_lacks_it=copies is not None)

    async def in_catalog(self, file_id: UUID, principal: Principal) -> Copies | None:
        """What the catalog knows, which may be nothing yet; None while it cannot be read."""
        owners = principal.visible_owners()

        async def load() -> dict[str, dict[str, Any]]:
            async with self._catalog.read() as db:
                return await self._repository.copies(db, file_id, owners=owners)

        try:
            copies = await self._cache.get(file_id, owners, load)
        except DatabaseDown as error:
            _log.warning("the catalog cannot be read", reason=error.reason)
            return None
        if copies:
            metrics.LOOKUPS.labels("catalog").inc()
        return copies

    async def in_elements(
        self, file_id: UUID, headers: Mapping[str, str], *, catalog_lacks_it: bool = True
    ) -> Copies:
        """What the elements say, all asked at once: an upload is acknowledged before the catalog knows of it.

        ``catalog_lacks_it``: it was read, and has no copy of the document. One that it has where there is
        none any more may have moved to an element that does not answer.

        Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE where an element that may have it does not answer.
        """
        known = [element for element in self._directory.elements() if element.may_have_documents]
        answers = await asyncio.gather(*(self._ask(element, file_id, headers) for element in known))
        copies = {
            element.element_id: answer
            for element, answer in zip(known, answers, strict=True)
            if isinstance(answer, dict)
        }
        if copies:
            metrics.LOOKUPS.labels("elements").inc()
            # The copy first that stays, where the document moves from one element to another.
            return dict(sorted(copies.items(), key=lambda copy: (not _stays(copy[1]), _is_held(copy[1]))))
        metrics.LOOKUPS.labels("nowhere").inc()
        silent = [e for e, answer in zip(known, answers, strict=True) if isinstance(answer, ElementSilent)]
        is_certain = known and self._directory.is_up_to_date
        if not is_certain or any(
            not catalog_lacks_it or self._may_have(element, file_id) for element in silent
        ):
            raise unavailable()
        raise not_found()

    async def _ask(
        self, element: ElementAnnouncement, file_id: UUID, headers: Mapping[str, str]
    ) -> dict[str, Any] | ElementSilent | None:
        if element.health is ElementHealth.AWAY:
            return ElementSilent("it announces itself no longer")
        try:
            return await self._elements.document(element.url, file_id, headers)
        except ElementSilent as silent:
            return silent

    def _may_have(self, element: ElementAnnouncement, file_id: UUID) -> bool:
        """Whether an element may have a document of which the catalog does not know.

        It cannot where the catalog has all that it last announced, and the upload of the document was over
        by then.
        """
        position = self._follower.position(element.element_id)
        if position is None or position < element.last_lsn:
            return True
        created_at = created_at_of(file_id)
        return created_at is not None and created_at >= element.announced_at - _UPLOADS_LAST


class Whereabouts:
    """Where one document is, as far as the one who asks may see it."""

    def __init__(
        self,
        locator: Locator,
        file_id: UUID,
        principal: Principal,
        headers: Mapping[str, str],
        known: Sequence[str] | None = None,
    ) -> None:
        """``known``: what the catalog says, where it was asked already."""
        self._known = known
        self._catalog_lacks_it = False
        self._locator = locator
        self._file_id = file_id
        self._principal = principal
        self._headers = headers

    async def known(self) -> Iterable[str]:
        """The elements that should have it; none where that is not known."""
        if self._known is not None:
            return self._known
        found = await self._locator.in_catalog(self._file_id, self._principal)
        self._catalog_lacks_it = found is not None and not found
        return found or ()

    async def asked(self) -> Iterable[str]:
        """The elements that say that they have it, which costs a request to each; never none.

        Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE where an element that may have it is silent.
        """
        return await self._locator.in_elements(
            self._file_id, self._headers, catalog_lacks_it=self._catalog_lacks_it
        )


def _stays(document: Mapping[str, Any]) -> bool:
    return document.get("retention_policy") == RetentionPolicy.PERMANENT


def _is_held(document: Mapping[str, Any]) -> bool:
    return "transfer_id" in document


def not_found() -> Problem:
    """One sentence for what is not there and for what is another's: it must not tell them apart."""
    return Problem(ProblemType.NOT_FOUND, "There is no document with this id, or it is not yours to see.")


def unavailable() -> Problem:
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE,
        "The storage element that keeps the document does not answer. Try again in a few seconds.",
    )
