"""A search that asks for what was perhaps meant, where nothing is found of what was typed."""

from dataclasses import replace
from typing import NamedTuple

from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.service import MAX_CHARACTERS, Page, Question, Search
from artstore.query.suggest.corrections import Corrections
from artstore.wire.problems import ProblemType
from artstore.wire.search import SearchMode


class Answer(NamedTuple):
    """``corrected`` is the question that was really asked; None: that which came."""

    page: Page
    corrected: str | None = None


class ForgivingSearch:
    def __init__(self, search: Search, catalog: CatalogReader, corrections: Corrections) -> None:
        self._search = search
        self._catalog = catalog
        self._corrections = corrections

    async def answer(self, question: Question, principal: Principal) -> Answer:
        """As ``Search.page``. The pages that follow a corrected one may be asked for with the same words."""
        page: Page | None = None
        refusal: Problem | None = None
        try:
            page = await self._search.page(question, principal)
        except Problem as problem:
            if problem.kind is not ProblemType.INVALID_CURSOR:
                raise
            refusal = problem  # unless the cursor is of what was asked instead
        if page is not None and (page.found or question.cursor is not None):
            return Answer(page)
        exact = question.mode is SearchMode.EXACT
        corrected = None if exact else await self._corrected(question.text, principal)
        if corrected is not None:
            other = await self._search.page(replace(question, text=corrected), principal)
            if other.found:
                metrics.CORRECTIONS.inc()
                return Answer(other, corrected)
        if refusal is not None:
            raise refusal
        assert page is not None, "a search answers or is refused"
        return Answer(page)

    async def _corrected(self, text: str, principal: Principal) -> str | None:
        try:
            async with self._catalog.read() as db:
                corrected = await self._corrections.question(db, text, principal.visible_owners())
        except DatabaseDown:  # or too slow: that nothing was found is an answer as well
            return None
        return corrected if corrected is not None and len(corrected) <= MAX_CHARACTERS else None
