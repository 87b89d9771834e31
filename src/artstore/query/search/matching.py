"""What a question means as a condition on rows of the catalog. All that was asked goes as parameters."""

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    REAL,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    not_,
    or_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from artstore.query.catalog.tables import Columns
from artstore.query.search.filters import filtered, with_attribute
from artstore.query.search.grammar import Groups, Term
from artstore.query.search.text import word_spans
from artstore.wire.search import SearchMode
from artstore.wire.search_filters import AttributeFilter, SearchFilters

TRIGRAM = 3
"""Characters that a part of a name must have: fewer make no trigram, and no index knows them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was understood. Its ``repr`` tells it from every other one."""

    groups: Groups = ()
    """Empty: documents need no words."""
    mode: SearchMode = SearchMode.FULLTEXT
    filters: SearchFilters = field(default_factory=SearchFilters)
    attributes: tuple[tuple[AttributeFilter, ...], ...] = ()
    """Of each one must be met."""

    def conditions(self, columns: Columns) -> list[ColumnElement[bool]]:
        """Of the rows that are meant, whoever may see them."""
        words = [_with_words(columns, self.groups, self.mode)] if self.groups else []
        attributes = [or_(*(with_attribute(columns, one) for one in each)) for each in self.attributes]
        return [*words, *filtered(columns, self.filters), *attributes]

    def rank(self, columns: Columns) -> ColumnElement[float]:
        """How well words fit: where they are asked in part, by their beginnings. What is as it was written
        counts more than what has the same stem, and a word of a short text more than one of a long text.
        """
        groups = self.groups
        if self.mode is SearchMode.PARTIAL:
            groups = tuple(tuple(map(beginning, group)) for group in groups)
        query = _tsquery(groups, stems=self.mode is SearchMode.FULLTEXT)
        weights = literal(_WEIGHTS, ARRAY(REAL))
        # Of double precision, so that a cursor holds it as it is.
        return cast(func.ts_rank(weights, columns["search"], query, _BY_LENGTH), Double)


_WEIGHTS = [1.0, 0.0, 0.0, 0.4]
"""Of words (D) and stems (A), in the order D, C, B, A."""
_BY_LENGTH = 1


def beginning(term: Term) -> Term:
    """What is asked in part: the last word is the beginning of one."""
    return replace(term, prefix=not term.unspaced)


def is_part_of_names(term: Term) -> bool:
    """Whether a term that is asked in part is also looked for as any part of file names."""
    return len(term.text) >= TRIGRAM and not _is_one_run(term)


def _with_words(columns: Columns, groups: Groups, mode: SearchMode) -> ColumnElement[bool]:
    """Of the rows in which every group is found. The same is asked once, however often it was written."""
    once: dict[frozenset[Term], tuple[Term, ...]] = {}
    for group in groups:
        once.setdefault(frozenset(group), tuple(dict.fromkeys(group)))
    groups = tuple(once.values())
    if mode is SearchMode.PARTIAL:
        return and_(*(_in_part(columns, group) for group in groups))
    return _found(columns, _tsquery(groups, stems=mode is SearchMode.FULLTEXT))


def _tsquery(groups: Groups, *, stems: bool) -> ColumnElement[Any]:
    words: list[str] = []
    gaps: list[int] = []
    alternatives: list[bool] = []
    negations: list[bool] = []
    prefixes: list[bool] = []
    for group in groups:
        for number, term in enumerate(group):
            last = len(term.words) - 1
            words += term.words
            gaps += term.gaps
            alternatives += [number > 0] * len(term.words)
            negations += [term.negated] * len(term.words)
            prefixes += [term.prefix and place == last for place in range(len(term.words))]
    return func.query.search_query(
        bindparam(None, words, type_=ARRAY(Text)),
        bindparam(None, gaps, type_=ARRAY(Integer)),
        bindparam(None, alternatives, type_=ARRAY(Boolean)),
        bindparam(None, negations, type_=ARRAY(Boolean)),
        bindparam(None, prefixes, type_=ARRAY(Boolean)),
        bindparam(None, stems, type_=Boolean),
        type_=TSQUERY,
    )


def _found(columns: Columns, query: ColumnElement[Any]) -> ColumnElement[bool]:
    return columns["search"].bool_op("@@")(query)


def _in_part(columns: Columns, group: tuple[Term, ...]) -> ColumnElement[bool]:
    """Of the rows in which one of the terms begins a word, or stands in the name."""
    stands = or_(*(_stands(columns, term) for term in group))
    if not any(is_part_of_names(term) and not term.negated for term in group):
        return stands
    # Side by side: what an index has answered is then not asked of each row again. To make the trigrams of a
    # name takes forty times as long as to look for a part in it.
    return and_(or_(*(_may_stand(columns, term) for term in group)), stands)


def _stands(columns: Columns, term: Term) -> ColumnElement[bool]:
    found = _begins_a_word(columns, term)
    if is_part_of_names(term):
        found = or_(found, func.strpos(columns["folded_name"], _folded(term)) > 0)
    return not_(found) if term.negated else found


def _may_stand(columns: Columns, term: Term) -> ColumnElement[bool]:
    """The same or more, as indexes know it."""
    if term.negated or not is_part_of_names(term):
        return _stands(columns, term)
    trigrams = func.query.trigrams(columns["folded_name"], type_=ARRAY(Text))
    return or_(_begins_a_word(columns, term), trigrams.contains(func.query.trigrams(_folded(term))))


def _begins_a_word(columns: Columns, term: Term) -> ColumnElement[bool]:
    return _found(columns, _tsquery(((replace(beginning(term), negated=False),),), stems=False))


def _folded(term: Term) -> ColumnElement[str]:
    return func.query.folded(literal(term.text, Text), type_=Text)


def _is_one_run(term: Term) -> bool:
    """Of a script without blanks alone: whatever part of it is asked is found by its words."""
    return len(spans := list(word_spans(term.text))) == 1 and spans[0][2]
