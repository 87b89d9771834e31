"""The language of questions: words, ``"phrases"``, ``-not``, ``or`` and ``prefix*``. Pure; any text has a
meaning.

A *term* is what must be found as a whole: a word, words in one piece (``2025-03``), or a phrase. Terms
that are joined by ``or`` form a *group*, of which one must be found; of all groups one each. Signs that
mean nothing where they stand part words, as they do in documents.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from artstore.query.search.text import fold, is_word_character, term_words

_TOKEN = re.compile(
    r"""
    (?P<minus>(?:(?<=[\s(])|^)-(?!-))?
    (?:
        "(?P<straight>[^"]*)" | «(?P<angled>[^»]*)» | [“„](?P<curved>[^”“]*)[”“]
      | (?P<piece>[^\s,;|"()«»“”„]+)
    )
    """,
    re.VERBOSE,
)

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes into no text. No document has it."""


@dataclass(frozen=True, slots=True)
class Term:
    """Words with their distances from the word before: 0 for the first one."""

    words: tuple[str, ...]
    gaps: tuple[int, ...]
    text: str
    """What was asked, folded, without the signs that have a meaning."""
    negated: bool = False
    prefix: bool = False
    """Of its last word only the beginning was given."""
    unspaced: bool = False
    """It ends in a script without blanks, in which every run of characters is found anyway."""


Groups = tuple[tuple[Term, ...], ...]
"""What must be found: of each group one term. A negated term is found where it is not."""


@dataclass(slots=True)
class _Reading:
    groups: list[list[Term]] = field(default_factory=list)
    or_word: Term | None = None
    """An ``or`` behind a term: it joins if another one follows, and is a word like others if none does."""

    def take(self, term: Term) -> None:
        if self.or_word is not None:
            self.groups[-1].append(term)
            self.or_word = None
        else:
            self.groups.append([term])

    def take_or(self, word: Term) -> None:
        if self.groups and self.or_word is None:
            self.or_word = word
        elif not self.groups:
            self.take(word)

    def end(self) -> Groups:
        if self.or_word is not None:
            self.groups.append([self.or_word])
        return tuple(map(tuple, self.groups))


def read_question(text: str) -> Groups:
    """The groups of a question; none where it has no words."""
    reading = _Reading()
    for negated, quoted, piece in _pieces(fold(_NO_TEXT.sub(" ", text))):
        term = _term(piece, negated=negated)
        if term is None:
            continue
        if piece == "or" and not quoted and not negated:
            reading.take_or(term)
        else:
            reading.take(term)
    return reading.end()


def word_count(groups: Groups) -> int:
    return sum(len(term.words) for group in groups for term in group)


def _pieces(folded: str) -> Iterator[tuple[bool, bool, str]]:
    """Whether each is negated, and whether it is a phrase."""
    for token in _TOKEN.finditer(folded):
        minus, *phrases, piece = token.groups()
        phrase = next((phrase for phrase in phrases if phrase is not None), None)
        yield minus is not None, phrase is not None, piece if phrase is None else phrase


def _term(piece: str, *, negated: bool) -> Term | None:
    text = piece.rstrip("*")
    found = term_words(text)
    if not found.words:
        return None
    return Term(
        tuple(found.words),
        tuple(found.gaps),
        text.strip(),
        negated=negated,
        prefix=text != piece and is_word_character(text[-1]) and not found.unspaced,
        unspaced=found.unspaced,
    )
