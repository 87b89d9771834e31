"""Which documents come into an archive."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.query.archives.repository import ArchiveRepository, Known
from artstore.query.catalog.reading import CatalogReader
from artstore.query.files.locate import Locator
from artstore.query.search.questions import basis
from artstore.query.search.service import Question, Search
from artstore.wire.archives import MAX_DOCUMENTS, NewArchive
from artstore.wire.problems import ProblemType

AT_ONCE = 100
"""Documents whose attributes are in memory at a time."""
_CHECKED_AT_ONCE = 1000
_PAGE = 1000
_MOST_UNKNOWN = 100
"""So many of an archive that the catalog does not know are looked for in the elements, all of which are asked
for each."""
_ASKED_AT_ONCE = 8
_MOST_NAMED = 100


class Selection:
    """For one archive. Raises Problem, among them DatabaseDown."""

    def __init__(
        self,
        catalog: CatalogReader,
        repository: ArchiveRepository,
        search: Search,
        locator: Locator,
        principal: Principal,
        caller: Mapping[str, str],
    ) -> None:
        self._catalog = catalog
        self._repository = repository
        self._search = search
        self._locator = locator
        self._principal = principal
        self._owners = principal.visible_owners()
        self._caller = caller
        self._new: dict[UUID, Known] = {}
        """Found in elements, before the catalog knew of them."""
        self._left = _MOST_UNKNOWN
        self._partial = False
        self._uncertain: dict[UUID, str] = {}

    def why_missing(self, file_id: UUID) -> str:
        """Of one that `known` did not find."""
        return self._uncertain.get(file_id, "it is not there, or not yours to see")

    async def chosen(self, new: NewArchive) -> list[UUID]:
        """The ids of the documents, each once. Those that the caller names are there, or may be left out.

        Raises Problem NOT_FOUND with ids of those that are not there, or not the caller's to see.
        """
        self._partial = new.partial
        if new.ids is None:
            return await self._found(basis(new))
        ids = list(dict.fromkeys(new.ids))
        if not new.partial and (missing := await self._missing(ids)):
            raise Problem(
                ProblemType.NOT_FOUND,
                f"{len(missing)} of the documents are not there, or not yours to see. Leave them out of ids,"
                " or ask with partial for those that are there.",
                field="ids",
                file_ids=[str(file_id) for file_id in missing[:_MOST_NAMED]],
            )
        return ids

    async def known(self, file_ids: Sequence[UUID]) -> dict[UUID, Known]:
        """What is known of these; those that are missing are not there for the caller (any more)."""
        async with self._catalog.read() as db:
            found = await self._repository.documents(db, file_ids, owners=self._owners)
        found |= {file_id: self._new[file_id] for file_id in file_ids if file_id in self._new}
        unknown = [file_id for file_id in file_ids if file_id not in found]
        for file_id in unknown[self._left :]:
            self._uncertain[file_id] = "the catalog does not know it, and too many others were looked for"
        return found | await self._in_elements(unknown[: self._left])

    async def _found(self, question: Question) -> list[UUID]:
        found: dict[UUID, None] = {}
        cursor: str | None = None
        while True:
            page = await self._search.page(replace(question, limit=_PAGE, cursor=cursor), self._principal)
            found |= {UUID(one.document["file_id"]): None for one in page.found}
            if len(found) > MAX_DOCUMENTS:
                raise _refused(
                    f"The search finds more than {MAX_DOCUMENTS} documents; say more words, or filters."
                )
            if (cursor := page.next_cursor) is None:
                break
        if not found:
            raise _refused("The search finds nothing.")
        return list(found)

    async def _missing(self, ids: Sequence[UUID]) -> list[UUID]:
        """Those that are certainly not there, as far as they were looked for. Raises Problem
        DEPENDENCY_UNAVAILABLE where the catalog is too far behind to tell of any.
        """
        unknown: list[UUID] = []
        for some in parts(ids, _CHECKED_AT_ONCE):
            async with self._catalog.read() as db:
                existing = await self._repository.existing(db, some, owners=self._owners)
            unknown += [file_id for file_id in some if file_id not in existing]
        looked_for = unknown[: self._left]
        self._new = await self._in_elements(looked_for)
        missing = [file_id for file_id in looked_for if file_id not in self._new]
        if not missing and len(looked_for) < len(unknown):
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                f"The catalog does not know {len(unknown)} of the documents yet, which are too many to be"
                " looked for in the elements. Try again in a few seconds.",
            )
        return missing

    async def _in_elements(self, ids: Sequence[UUID]) -> dict[UUID, Known]:
        """Those that the catalog does not know yet. Where an element is silent, it is not certain that they
        are missing, which Problem ELEMENT_UNAVAILABLE says.
        """
        found: dict[UUID, Known] = {}
        self._left -= len(ids)
        for some in parts(ids, _ASKED_AT_ONCE):
            asked = zip(some, await asyncio.gather(*map(self._ask, some)), strict=True)
            found |= {file_id: known for file_id, known in asked if known is not None}
        return found

    async def _ask(self, file_id: UUID) -> Known | None:
        try:
            copies = await self._locator.in_elements(file_id, self._caller)
        except Problem as problem:
            if problem.kind is ProblemType.NOT_FOUND:
                return None
            if problem.kind is ProblemType.ELEMENT_UNAVAILABLE and self._partial:
                self._uncertain[file_id] = "an element that may have it does not answer"
                return None
            raise
        return Known(next(iter(copies.values())), tuple(copies))


def parts(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _refused(detail: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, detail, field="q")
