"""One suggestion, from what was typed to what it may become."""

import re
import time
from collections.abc import Collection, Sequence

from artstore.kernel.access import Principal
from artstore.kernel.database import DatabaseDown
from artstore.kernel.problems import Problem
from artstore.query import metrics
from artstore.query.catalog.reading import CatalogReader
from artstore.query.suggest.repository import FoundTerm, TermRepository
from artstore.query.suggest.terms import Kind, typed
from artstore.wire.problems import ProblemType
from artstore.wire.suggestions import Suggestion, SuggestionKind

MAX_CHARACTERS = 200
MIN_CHARACTERS = 2
"""After folding. One letter begins too much."""

_UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""What no document holds, and what PostgreSQL cannot even be asked for."""
_KINDS = {
    SuggestionKind.TAG: Kind.TAG,
    SuggestionKind.ATTRIBUTE: Kind.ATTRIBUTE,
    SuggestionKind.VALUE: Kind.VALUE,
    SuggestionKind.NAME: Kind.NAME,
}
"""In the order of answers: names last, of which there are most."""


class Suggester:
    def __init__(self, catalog: CatalogReader, repository: TermRepository) -> None:
        self._catalog = catalog
        self._repository = repository

    async def suggest(
        self, text: str, principal: Principal, *, kinds: Collection[SuggestionKind], limit: int
    ) -> list[Suggestion]:
        """What the caller may see and what begins so. Raises Problem, among them DatabaseDown."""
        try:
            found = await self._suggest(text, principal, kinds, limit)
        except DatabaseDown:
            metrics.SUGGESTIONS.labels("unavailable").inc()
            raise
        except Problem:
            metrics.SUGGESTIONS.labels("refused").inc()
            raise
        metrics.SUGGESTIONS.labels("found" if found else "nothing").inc()
        return found

    async def _suggest(
        self, text: str, principal: Principal, kinds: Collection[SuggestionKind], limit: int
    ) -> list[Suggestion]:
        if len(text) > MAX_CHARACTERS:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                f"The beginning has {len(text)} characters; {MAX_CHARACTERS} are the most.",
                field="q",
            )
        text = _UNKEPT.sub(" ", text)
        asked = {kind: typed(kind, text) for name, kind in _KINDS.items() if name in kinds}
        asked = {kind: beginning for kind, beginning in asked.items() if len(beginning) >= MIN_CHARACTERS}
        if not asked:
            return []
        started = time.perf_counter()
        async with self._catalog.read() as db:
            found = await self._repository.beginning_with(
                db, asked, owners=principal.visible_owners(), limit=limit
            )
        metrics.SUGGEST_SECONDS.observe(time.perf_counter() - started)
        return shared_out(found, limit)


def shared_out(found: Collection[FoundTerm], limit: int) -> list[Suggestion]:
    """At most ``limit``, by kind, each in the order of keys. What has little leaves room to the others."""
    texts: dict[SuggestionKind, Sequence[str]] = {}
    for name, kind in _KINDS.items():
        in_order = sorted((term for term in found if term.kind is kind), key=lambda term: term.key)
        # One key may come from several owners, and one text have several keys that begin alike.
        by_key = {term.key: term.shown for term in reversed(in_order)}
        texts[name] = list(dict.fromkeys(by_key[key] for key in sorted(by_key)))
    room = limit
    suggestions: dict[SuggestionKind, Sequence[str]] = {}
    for place, name in enumerate(sorted(texts, key=lambda name: len(texts[name]))):
        suggestions[name] = texts[name][: room // (len(texts) - place)]
        room -= len(suggestions[name])
    return [Suggestion(kind=name, text=text) for name in _KINDS for text in suggestions[name]]
