"""Where the words of a question stand in a document: what PostgreSQL takes for a match, and where it stands.

Texts are cut into words as the catalog cuts them (``text``), and a word is compared by itself and by its
stem, which PostgreSQL says. ``ts_headline`` would read texts with PostgreSQL's own parser, which finds other
words, and mark them with signs that a document may hold itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any

from artstore.query.catalog.rows import Path, searchable
from artstore.query.search.fragments import fragments, merged
from artstore.query.search.grammar import Groups, Term
from artstore.query.search.matching import beginning, is_part_of_names
from artstore.query.search.placing import Span, fold_name, placed, placed_name
from artstore.query.search.text import fold, placed_words
from artstore.wire.search import SearchMode

HIGHLIGHTS = 20
"""Fragments of one document, at most."""
_NAME: Path = ("original_filename",)

Stems = Mapping[str, str]
_Sought = tuple[str, bool]
"""A word, and whether it is only the beginning of one."""


@dataclass(frozen=True, slots=True)
class CutText:
    """A text of a document, with its words: position, word, and where it stands in the folded text."""

    path: Path
    text: str
    words: list[tuple[int, str, int, int]]


def cut(document: Mapping[str, Any]) -> list[CutText]:
    """The texts that the document is found by."""
    return [
        CutText(path, text, list(placed_words(fold(text)))) for path, text in searchable(document) if text
    ]


@dataclass(slots=True)
class _Term:
    words: list[_Sought]
    offsets: list[int]
    """Of their positions from that of the first one."""


@dataclass(slots=True)
class Highlighter:
    """Finds what a question means. Of terms that must not be there nothing is found."""

    groups: Groups
    mode: SearchMode
    _terms: list[_Term] = field(init=False)
    _parts: list[str] = field(init=False)
    _words: set[_Sought] = field(init=False)

    def __post_init__(self) -> None:
        wanted = list(dict.fromkeys(term for group in self.groups for term in group if not term.negated))
        in_part = self.mode is SearchMode.PARTIAL
        self._parts = [fold_name(term.text) for term in wanted if in_part and is_part_of_names(term)]
        self._terms = [_sought(beginning(term) if in_part else term) for term in wanted]
        self._words = {word for term in self._terms for word in term.words}

    def stems_needed(self, texts: Iterable[CutText]) -> set[str]:
        """The words whose stems must be known: a stem begins with the letter that its word begins with."""
        if self.mode is not SearchMode.FULLTEXT:
            return set()
        first = {word[0] for word, _ in self._words if _may_have_stem(word)}
        found = {word for text in texts for _, word, _, _ in text.words if word[0] in first}
        return found | {word for word, _ in self._words if word[0] in first}

    def highlights(self, texts: Iterable[CutText], stems: Stems) -> list[dict[str, Any]]:
        """The JSON of ``wire.search.Highlight``, in the order of the texts."""
        return list(islice(self._highlights(texts, stems), HIGHLIGHTS))

    def _highlights(self, texts: Iterable[CutText], stems: Stems) -> Iterator[dict[str, Any]]:
        forms = self._by_form(stems)
        for text in texts:
            spans = [*self._spans_in_name(text)]
            if of_folded := list(self._spans(text, forms, stems)):
                # Only now: most texts have nothing of what was asked.
                folded = placed(text.text)
                spans += (folded.span(*span) for span in of_folded)
            if spans:
                for fragment in fragments(text.text, merged(spans)):
                    yield {"path": list(text.path), **fragment}

    def _by_form(self, stems: Stems) -> Mapping[str, list[_Sought]]:
        """Whole words by what a word of a document may be that is the same, or whose stem is."""
        found: dict[str, list[_Sought]] = defaultdict(list)
        for word, is_beginning in self._words:
            if not is_beginning:
                for form in {word, stems.get(word, word)}:
                    found[form].append((word, False))
        return found

    def _spans(self, text: CutText, forms: Mapping[str, list[_Sought]], stems: Stems) -> Iterator[Span]:
        """In the folded text."""
        lengths = {len(word) for word, is_beginning in self._words if is_beginning}
        places: dict[_Sought, dict[int, Span]] = defaultdict(dict)
        for position, word, start, end in text.words:
            for form in (word, stems[word]) if word in stems else (word,):
                for sought in forms.get(form, ()):
                    places[sought][position] = start, end
                for length in lengths:
                    if length > len(form):
                        continue
                    sought = form[:length], True
                    if sought in self._words:
                        until = start + length if form is word else end
                        places[sought].setdefault(position, (start, until))
        for term in self._terms:
            if all(sought in places for sought in term.words):
                yield from _spans_of([places[sought] for sought in term.words], term.offsets)

    def _spans_in_name(self, text: CutText) -> Iterator[Span]:
        if not self._parts or text.path != _NAME:
            return
        name = placed_name(text.text)
        for part in self._parts:
            start = name.folded.find(part) if part else -1
            while start >= 0:
                yield name.span(start, start + len(part))
                start = name.folded.find(part, start + len(part))


def _sought(term: Term) -> _Term:
    last = len(term.words) - 1
    words = [(word, term.prefix and place == last) for place, word in enumerate(term.words)]
    return _Term(words, list(accumulate(term.gaps)))


def _spans_of(places: list[dict[int, Span]], offsets: list[int]) -> Iterator[Span]:
    """Of the words of a term wherever they stand together, in their order."""
    starts = set(places[0])
    for here, offset in zip(places[1:], offsets[1:], strict=True):
        starts &= {position - offset for position in here}
    for start in starts:
        for here, offset in zip(places, offsets, strict=True):
            yield here[start + offset]


def _may_have_stem(word: str) -> bool:
    """Letters that ``query.stem`` looks at."""
    return "a" <= word[0] <= "z" or "а" <= word[0] <= "ӿ"
