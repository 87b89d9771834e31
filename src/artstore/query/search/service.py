"""One search, from the question to the page."""

import time
from dataclasses import dataclass, field
from typing import Any

from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown, ReadConnection
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.cursor import Place, read_place, write_place
from artstore.query.search.facets import FacetRepository, Facets
from artstore.query.search.grammar import Groups, read_question, word_count
from artstore.query.search.highlighting import highlighted
from artstore.query.search.matching import Asked
from artstore.query.search.ordering import NEWEST, ORDERS, Order
from artstore.query.search.repository import RANKED, Found, Scope, SearchRepository
from artstore.wire.problems import ProblemType
from artstore.wire.search import Facet, FacetedDocuments, SearchMode, SearchSort, SearchTotal
from artstore.wire.search_filters import AttributeFilter, SearchFilters

_BEFORE_ALL = -1.0
"""A rank that no document has, for the beginning of a window."""
MAX_CHARACTERS = 1000
MAX_WORDS = 200
"""Of a question, each pair of letters of a script without blanks counted as one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks. ``text`` is as it came; ``limit`` counts the documents of a page."""

    text: str
    limit: int
    cursor: str | None = None
    sort: SearchSort = SearchSort.NEWEST
    total: bool = False
    """Say how many there are."""
    highlight: bool = False
    """Say where in each document what was found."""
    facets: Facets = field(default_factory=dict)
    mode: SearchMode = SearchMode.FULLTEXT
    filters: SearchFilters = field(default_factory=SearchFilters)
    attributes: tuple[tuple[AttributeFilter, ...], ...] = ()
    """Conditions, of each of which one of the alternatives must be met."""


@dataclass(frozen=True, slots=True)
class Page:
    found: list[Found]
    next_cursor: str | None
    total: SearchTotal | None = None
    facets: dict[str, Facet] | None = None
    faceted: FacetedDocuments | None = None
    highlights: list[list[dict[str, Any]]] | None = None
    """Of each document that was found, as JSON."""


class Search:
    def __init__(self, catalog: CatalogReader, repository: SearchRepository) -> None:
        self._catalog = catalog
        self._repository = repository

    async def page(self, question: Question, principal: Principal) -> Page:
        """A page of what the caller may see. Raises Problem, among them DatabaseDown."""
        try:
            page = await self._page(question, principal)
        except DatabaseDown:
            metrics.SEARCHES.labels("unavailable").inc()
            raise
        except Problem:
            metrics.SEARCHES.labels("refused").inc()
            raise
        metrics.SEARCHES.labels("found" if page.found else "nothing").inc()
        return page

    async def _page(self, question: Question, principal: Principal) -> Page:
        everything = question.text.strip() == ""
        groups = () if everything else _groups(question.text)
        asked = Asked(groups, question.mode, question.filters, question.attributes)
        owners = principal.visible_owners()
        by_rank = question.sort is SearchSort.RELEVANCE and bool(groups)
        order = NEWEST if by_rank else ORDERS.get(question.sort, NEWEST)
        sealed = repr((asked, question.sort.value, None if owners is None else sorted(owners)))
        after: Place | None = None
        if question.cursor is not None:
            after = read_place(question.cursor, question=sealed, key=float if by_rank else order.python)
        if not groups and not everything:  # signs alone: no document has such a word
            return _nothing(question)
        scope = Scope(asked, owners)
        started = time.perf_counter()
        async with self._catalog.read() as db:
            if by_rank:
                shown, following = await self._by_rank(db, scope, after, question.limit)
            else:
                shown, following = await self._in_order(db, scope, order, after, question.limit)
            total = await self._repository.count(db, scope) if question.total else None
            counted = await FacetRepository().count(db, scope, question.facets) if question.facets else None
            metrics.SEARCH_SECONDS.observe(time.perf_counter() - started)
            marks = await highlighted(db, self._repository, asked, shown) if question.highlight else None
        return Page(
            shown,
            None if following is None else write_place(following, question=sealed),
            None if total is None else SearchTotal(value=total[0], exact=total[1]),
            None if counted is None else counted[0],
            None if counted is None else FacetedDocuments(value=counted[1][0], all=counted[1][1]),
            marks,
        )

    async def _in_order(
        self, db: ReadConnection, scope: Scope, order: Order, after: Place | None, limit: int
    ) -> tuple[list[Found], Place | None]:
        found = await self._repository.page(db, scope, order=order, after=after, limit=limit + 1)
        shown = found[:limit]
        return shown, Place(shown[-1].key, shown[-1].mark) if len(found) > limit else None

    async def _by_rank(
        self, db: ReadConnection, scope: Scope, after: Place | None, limit: int
    ) -> tuple[list[Found], Place | None]:
        """What arrives while pages are read is nearly always newer than the window, and moves nothing in it.
        What arrives late (a batch, a transfer) makes the window larger, and what goes makes it smaller."""
        upto, until = (None, None) if after is None else (after.window, after.until)
        begun = after if after is not None and after.key != _BEFORE_ALL else None
        found, window = await self._repository.ranked(
            db, scope, upto=upto, until=until, after=begun, limit=limit + 1
        )
        shown = found[:limit]
        if window is not None:
            upto, until = upto or window.newest, until or window.oldest
        if len(found) > limit:
            return shown, Place(shown[-1].key, shown[-1].mark, upto, until)
        if until is None or (window is not None and begun is None and window.number < RANKED):
            return shown, None
        following = await self._repository.before(db, scope, until)
        return shown, None if following is None else Place(_BEFORE_ALL, following, following)


def _nothing(question: Question) -> Page:
    return Page(
        [],
        None,
        SearchTotal(value=0, exact=True) if question.total else None,
        {name: Facet(values=[], more=False) for name in question.facets} if question.facets else None,
        FacetedDocuments(value=0, all=True) if question.facets else None,
    )


def _groups(text: str) -> Groups:
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"has {len(text)} characters; {MAX_CHARACTERS} are the most")
    groups = read_question(text)
    if (count := word_count(groups)) > MAX_WORDS:
        raise _refused(f"has {count} words; {MAX_WORDS} are the most")
    return groups


def _refused(reason: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, f"The question {reason}.", field="q")
