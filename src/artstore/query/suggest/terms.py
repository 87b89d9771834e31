"""The terms of a document: pure.

A term is found by the beginning of its *key*: the text, folded as search folds, with its words turned round
so that each of the first few stands in front once. ``Annual report 2025.pdf`` has the keys ``annual report
2025 pdf``, ``report 2025 pdf⏎annual`` and ``2025 pdf⏎annual report``. So one range of an index answers
"begins with" and "has a word that begins with" alike, and each key belongs to one text. In keys of file
names whatever parts words is a blank, for nobody remembers where the underscores were; those of other texts
keep their signs (``c++``, ``c#``).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from artstore.query.catalog.rows import searchable_texts
from artstore.query.search.text import fold, word_spans
from artstore.wire.documents import Document

MAX_KEY_CHARACTERS = 200
"""What is alike so far is one term. In UTF-8 this and an owner fit into a page of an index three times."""
MAX_VALUE_CHARACTERS = 200
"""A longer tag, value or name of an attribute is prose, which nobody completes."""
MAX_LATER_WORDS = 5
"""How many words beside the first a term is found by."""
WORD_CHARACTERS = range(4, 65)
"""The lengths of words that are known and corrected: shorter ones have too many neighbours."""
END = "\n"
"""Parts the end of a text from what was turned round, in a key."""

_MIN_LATER_CHARACTERS = 3
_EXTENSION = re.compile(r"\.\w{1,5}$")
_BLANKS = re.compile(r"\s+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Kind(IntEnum):
    """As kept in the table: numbers are never given to something else."""

    NAME = 1
    TAG = 2
    ATTRIBUTE = 3
    VALUE = 4
    WORD = 5
    """A word of any text that search looks at. Not suggested: it is what misspelt words are compared with."""
    ANYONES_WORD = 6
    """The same without an owner, for callers who see everything: else they would have to look at the word
    once for each account that uses it."""


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """In the order in which all write, so that no two transactions wait for each other."""

    owner: str
    kind: Kind
    key: str
    shown: str

    @property
    def spelling(self) -> str | None:
        return spelling(self.key) if self.kind in (Kind.WORD, Kind.ANYONES_WORD) else None


def terms_of(document: Document) -> Iterator[Term]:
    """The terms of a document, some of them perhaps twice."""
    owner = document.created_by_id
    for kind, shown in _suggested(document):
        for key in keys(kind, shown):
            yield Term(owner, kind, key, shown)
    for text in searchable_texts(document):
        for word in known_words(text):
            yield Term(owner, Kind.WORD, word, word)
            yield Term("", Kind.ANYONES_WORD, word, word)


def keys(kind: Kind, shown: str) -> Iterator[str]:
    """By what a text is found; nothing where it has no letter, digit or sign at all."""
    whole = typed(kind, shown).rstrip()
    if whole == "":
        return
    yield whole
    # Who types "pdf" does not want just any names.
    end = len(typed(kind, _EXTENSION.sub("", shown))) if kind is Kind.NAME else len(whole)
    for start in _later_starts(whole[:end]):
        yield f"{whole[start:]}{END}{whole[:start].rstrip()}"


def typed(kind: Kind, text: str) -> str:
    """What was typed so far, as the keys of this kind begin. A blank at the end ends a word."""
    folded = fold(text)
    if kind is not Kind.NAME:
        return _BLANKS.sub(" ", folded).lstrip()[:MAX_KEY_CHARACTERS]
    spans = list(word_spans(folded))
    joined = " ".join(folded[start:end] for start, end, _ in spans)
    blank = " " if spans and spans[-1][1] < len(folded) else ""
    return (joined + blank)[:MAX_KEY_CHARACTERS]


def known_words(text: str) -> Iterator[str]:
    """The words of a text that may be what a misspelt word meant: of letters alone, in scripts with
    blanks."""
    folded = fold(text)
    for start, end, unspaced in word_spans(folded):
        if not unspaced and end - start in WORD_CHARACTERS:
            word = folded[start:end]
            if not any(map(str.isnumeric, word)):
                yield word


def spelling(word: str) -> str:
    """A word letter for letter in the letters that pg_trgm knows in every database.

    What else it takes for a letter depends on the locale: with that of the embedded PostgreSQL no Cyrillic
    one. Two words may have one spelling, so that whoever finds by it compares the words themselves.
    """
    return "".join(
        letter if "a" <= letter <= "z" else _LETTERS[ord(letter) % len(_LETTERS)] for letter in word
    )


def _suggested(document: Document) -> Iterator[tuple[Kind, str]]:
    yield Kind.NAME, document.original_filename
    for tag in document.tags or ():
        yield from _short(Kind.TAG, tag)
    yield from _attributes(document.custom_attributes, "")


def _attributes(value: Any, path: str) -> Iterator[tuple[Kind, str]]:
    """The names of attributes, of nested ones as paths with dots, and their texts and whole numbers."""
    if isinstance(value, dict):
        for name, member in value.items():
            inner = f"{path}.{name}" if path else name
            yield from _short(Kind.ATTRIBUTE, inner)
            yield from _attributes(member, inner)
    elif isinstance(value, list):
        for member in value:
            yield from _attributes(member, path)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield from _short(Kind.VALUE, str(value))


def _short(kind: Kind, text: str) -> Iterator[tuple[Kind, str]]:
    if len(text) <= MAX_VALUE_CHARACTERS:
        yield kind, text


def _later_starts(whole: str) -> Iterator[int]:
    """Where words begin that somebody may begin with: not the first one, none that are too short, no
    serials of letters and digits mixed. In scripts without blanks each character may begin a word.
    """
    found = 0
    for start, end, unspaced in word_spans(whole):
        for begin in range(start, end) if unspaced else (start,):
            word = whole[begin:end]
            digits = sum(map(str.isnumeric, word))
            if begin == 0 or (
                not unspaced and (len(word) < _MIN_LATER_CHARACTERS or digits not in (0, len(word)))
            ):
                continue
            yield begin
            found += 1
            if found == MAX_LATER_WORDS:
                return
