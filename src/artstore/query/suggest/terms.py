"""The terms of a document: pure.

A term is found by the beginning of its *key*: the text, folded as search folds, with its words turned round
so that each of the first few stands in front once. ``Annual report 2025.pdf`` has the keys ``annual report
2025 pdf``, ``report 2025 pdf⏎annual`` and ``2025 pdf⏎annual report``. So one range of an index answers
"begins with" and "has a word that begins with" alike, and each key belongs to one text. In keys of file
names whatever parts words is a blank, for nobody remembers where the underscores were; those of other texts
keep their signs (``c++``, ``c#``).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from artstore.query.search.text import fold, word_spans
from artstore.wire.documents import Document

MAX_KEY_CHARACTERS = 200
"""What is alike so far is one term. In UTF-8 this and an owner fit into a page of an index three times."""
MAX_TEXT_CHARACTERS = 200
"""A longer tag, value or name of an attribute is prose, which nobody completes."""
MAX_LATER_WORDS = 4
"""How many words beside the first a term is found by."""
WORD_CHARACTERS = range(4, 65)
"""The lengths of words that are known and corrected: shorter ones have too many neighbours."""
END = "\n"
"""Parts the end of a text from what was turned round, in a key."""

_MIN_LATER_CHARACTERS = 3
_EXTENSION_CHARACTERS = 5
_BLANKS = re.compile(r"\s+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


Span = tuple[int, int, bool]


class Kind(IntEnum):
    """As kept in the table: numbers are never given to something else."""

    NAME = 1
    TAG = 2
    ATTRIBUTE = 3
    VALUE = 4
    WORD = 5
    """A word of any text that search looks at, and of no owner. Not suggested: it is what misspelt words are
    compared with, and whether somebody may see it is asked of the catalog (``corrections``)."""


class Term(NamedTuple):
    owner: str
    kind: Kind
    key: str
    shown: str
    spelling: str | None = None
    """Of words."""


class _Spelling(dict[int, str]):
    def __missing__(self, code: int) -> str:
        letter = chr(code)
        self[code] = letter if "a" <= letter <= "z" else _LETTERS[code % len(_LETTERS)]
        return self[code]


_SPELLING = _Spelling()
Source = tuple[str, Kind, str]
"""Owner, kind and text (of words: the word) from which terms come."""


def terms_of(document: Document, words: Iterable[str], is_new: Callable[[Source], bool]) -> Iterator[Term]:
    """The terms of a document whose sources are new, some of them perhaps twice.

    ``words``: those that search finds it by (``search.text.document_words``).
    """
    owner = document.created_by_id
    for kind, text in suggested_texts(document):
        if is_new((owner, kind, text)):
            for key in keys(kind, text):
                yield Term(owner, kind, key, text)
    for word in known_words(words):
        if is_new(("", Kind.WORD, word)):
            yield Term("", Kind.WORD, word, word, spelling(word))


def suggested_texts(document: Document) -> Iterator[tuple[Kind, str]]:
    """What is suggested because of a document, some of it perhaps twice."""
    yield Kind.NAME, document.original_filename
    for tag in document.tags or ():
        if len(tag) <= MAX_TEXT_CHARACTERS:
            yield Kind.TAG, tag
    yield from _attributes(document.custom_attributes, "")


def keys(kind: Kind, shown: str) -> list[str]:
    """By what a text is found; nothing where it has no letter, digit or sign at all."""
    folded = fold(shown)
    if kind is Kind.NAME:
        spans = list(word_spans(folded))
        # Who types "pdf" does not want just any names.
        named = spans[:-1] if len(spans) > 1 and _is_extension(folded, *spans[-1][:2]) else spans
        whole = _joined(folded, spans)
        starts = _later_starts(whole, _spans_of_joined(named))
    else:
        whole = _collapsed(folded).rstrip()
        starts = [start for start in _later_starts(whole, word_spans(whole)) if not whole[start].isnumeric()]
    if whole == "":
        return []
    turned = (f"{whole[start:]}{END}{whole[:start].rstrip()}" for start in starts)
    return [key[:MAX_KEY_CHARACTERS] for key in (whole, *turned)]


def typed(kind: Kind, text: str) -> str:
    """What was typed so far, as the keys of this kind begin. A blank at the end ends a word."""
    folded = fold(text)
    if kind is not Kind.NAME:
        return _collapsed(folded)[:MAX_KEY_CHARACTERS]
    spans = list(word_spans(folded))
    blank = " " if spans and spans[-1][1] < len(folded) else ""
    return (_joined(folded, spans) + blank)[:MAX_KEY_CHARACTERS]


def known_words(words: Iterable[str]) -> Iterator[str]:
    """Those that a misspelt word may have meant: of letters alone, in scripts with blanks."""
    for word in words:
        if len(word) in WORD_CHARACTERS and (word.isalpha() or not any(map(str.isnumeric, word))):
            yield word


def spelling(word: str) -> str:
    """A word letter for letter in the letters that pg_trgm knows in every database.

    What else it takes for a letter depends on the locale: with that of the embedded PostgreSQL no Cyrillic
    one. Two words may have one spelling, so that whoever finds by it compares the words themselves.
    """
    return word.translate(_SPELLING)


def _attributes(value: Any, path: str) -> Iterator[tuple[Kind, str]]:
    """The names of attributes, of nested ones as paths with dots, and their texts."""
    if isinstance(value, dict):
        for name, member in value.items():
            inner = f"{path}.{name}" if path else name
            if len(inner) <= MAX_TEXT_CHARACTERS:
                yield Kind.ATTRIBUTE, inner
            yield from _attributes(member, inner)
    elif isinstance(value, list):
        for member in value:
            yield from _attributes(member, path)
    elif isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS:
        yield Kind.VALUE, value


def _collapsed(folded: str) -> str:
    return _BLANKS.sub(" ", folded).lstrip()


def _joined(folded: str, spans: Iterable[Span]) -> str:
    return " ".join([folded[start:end] for start, end, _ in spans])


def _spans_of_joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Where words are once each stands a blank after the one before."""
    place = 0
    for start, end, unspaced in spans:
        yield place, place + end - start, unspaced
        place += end - start + 1


def _is_extension(folded: str, start: int, end: int) -> bool:
    return folded[start - 1] == "." and end == len(folded) and end - start <= _EXTENSION_CHARACTERS


def _later_starts(whole: str, spans: Iterable[Span]) -> list[int]:
    """Where words begin that somebody may begin with: not the first one, none that are too short, no serials
    of letters and digits mixed. In scripts without blanks each character may begin a word.
    """
    starts: list[int] = []
    for start, end, unspaced in spans:
        if unspaced:
            starts += range(start, min(end, start + MAX_LATER_WORDS + 1))
        elif end - start >= _MIN_LATER_CHARACTERS:
            word = whole[start:end]
            if word.isalpha() or word.isnumeric() or not any(map(str.isnumeric, word)):
                starts.append(start)
        if len(starts) > MAX_LATER_WORDS:
            break
    return [start for start in starts if start > 0][:MAX_LATER_WORDS]
