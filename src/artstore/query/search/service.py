"""One search, from the question to the page."""

import time
from dataclasses import dataclass, field

from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.cursor import read_cursor, write_cursor
from artstore.query.search.grammar import Groups, read_question, word_count
from artstore.query.search.matching import Asked
from artstore.query.search.repository import Found, SearchRepository
from artstore.wire.problems import ProblemType
from artstore.wire.search import AttributeFilter, SearchFilters, SearchMode

MAX_CHARACTERS = 1000
MAX_WORDS = 200
"""Of a question, each pair of letters of a script without blanks counted as one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks. ``text`` is as it came; ``limit`` counts the documents of a page."""

    text: str
    limit: int
    cursor: str | None = None
    mode: SearchMode = SearchMode.FULLTEXT
    filters: SearchFilters = field(default_factory=SearchFilters)
    attributes: tuple[tuple[AttributeFilter, ...], ...] = ()
    """Conditions, of each of which one of the alternatives must be met."""


@dataclass(frozen=True, slots=True)
class Page:
    found: list[Found]
    next_cursor: str | None


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
        sealed = repr((asked, None if owners is None else sorted(owners)))
        after = None if question.cursor is None else read_cursor(question.cursor, question=sealed)
        if not groups and not everything:
            return Page([], None)  # signs alone: no document has such a word
        started = time.perf_counter()
        async with self._catalog.read() as db:
            found = await self._repository.newest(
                db, asked=asked, owners=owners, after=after, limit=question.limit + 1
            )
        metrics.SEARCH_SECONDS.observe(time.perf_counter() - started)
        more = len(found) > question.limit
        shown = found[: question.limit]
        cursor = write_cursor(shown[-1].mark, question=sealed) if more else None
        return Page(shown, cursor)


def _groups(text: str) -> Groups:
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"has {len(text)} characters; {MAX_CHARACTERS} are the most")
    groups = read_question(text)
    if (count := word_count(groups)) > MAX_WORDS:
        raise _refused(f"has {count} words; {MAX_WORDS} are the most")
    return groups


def _refused(reason: str) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, f"The question {reason}.", field="q")
