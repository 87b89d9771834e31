"""Searches as they are meant: documents of made-up words in three scripts, and a judge in plain Python.

A document's texts are lists of words of a small vocabulary, a question is made of the same words, so that what must be
found is known without cutting or folding anything; how both are written (case, accents, signs between words) is chosen
apart. Stems are given by hand.
"""

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from artstore.wire.search import SearchMode

LATIN = {"report": "report", "reports": "report", "résumé": "resum", "contract": "contract", "pdf": "pdf"}
CYRILLIC = {"счёт": "счет", "договор": "договор", "договоры": "договор", "йод": "йод", "2025": "2025"}
HAN = "年度报告合同"
STEMS = LATIN | CYRILLIC
PLAIN = {"résumé": "resume", "счёт": "счет"}
"""Words without their accents, where they have any."""
PREFIXES = ("re", "resu", "repo", "сч", "догов", "20", "pd", "x")
SEPARATORS = (" ", "_", "-", " - ", ", ", "  ")

Word = str
"""A word of the vocabulary, or a run of Han characters."""


def is_han(word: Word) -> bool:
    return word[0] in HAN


def plain(word: Word) -> str:
    return PLAIN.get(word, word)


words = st.sampled_from(sorted(STEMS)) | st.text(HAN, min_size=1, max_size=3)


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[Word], str]:
    """Words, and a text that has them. Runs of Han stand apart: beside each other they would be one."""
    chosen = draw(st.lists(words, max_size=4))
    written = ""
    for number, word in enumerate(chosen):
        if number:
            written += draw(st.sampled_from(SEPARATORS))
        written += draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    return chosen, written


@dataclass(frozen=True)
class Asked:
    """A term: words that stand together, the last of them perhaps only begun."""

    words: tuple[Word, ...]
    prefix: str = ""
    negated: bool = False

    def written(self, join: str) -> str:
        text = join.join([*self.words, *([self.prefix + "*"] if self.prefix else [])])
        return ("-" if self.negated else "") + (f'"{text}"' if " " in text else text)


@st.composite
def terms(draw: st.DrawFn) -> Asked:
    # A phrase has no run of Han before its end: what stands behind it would be told by characters, not by
    # words.
    several = draw(st.lists(st.sampled_from(sorted(STEMS)), max_size=2))
    kind: Literal["prefix", "word"] = draw(st.sampled_from(["word", "word", "word", "prefix"]))
    negated = draw(st.integers(0, 4)) == 0
    if kind == "prefix":
        return Asked(tuple(several), draw(st.sampled_from(PREFIXES)), negated)
    return Asked((*several, draw(words)), "", negated)


groups = st.lists(st.lists(terms(), min_size=1, max_size=3), min_size=1, max_size=3)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[list[Asked]], str]:
    """What is asked, and how a person would write it."""
    asked = draw(groups)
    join = draw(st.sampled_from([" ", "-", "_"]))
    return asked, " ".join(" OR ".join(term.written(join) for term in group) for group in asked)


def judge(asked: list[list[Asked]], document: list[list[Word]], mode: SearchMode) -> bool:
    """Whether the question finds a document with these texts."""
    return all(
        any(any(stands_in(term, text, mode) for text in document) != term.negated for term in group)
        for group in asked
    )


def stands_in(term: Asked, text: list[Word], mode: SearchMode) -> bool:
    length = len(term.words) + bool(term.prefix)
    return any(
        all(
            same(asked, found, mode, at_start=place > 0, at_end=place < length - 1)
            for place, (asked, found) in enumerate(zip(term.words, text[start:], strict=False))
        )
        and (not term.prefix or begins(term.prefix, text[start + length - 1], mode))
        for start in range(len(text) - length + 1)
    )


def same(asked: Word, found: Word, mode: SearchMode, *, at_start: bool, at_end: bool) -> bool:
    """Of a run of Han any part is found, at its start if another word stands before it in the phrase."""
    if is_han(asked) and is_han(found):
        if at_start:
            return found.startswith(asked)
        return found.endswith(asked) if at_end else asked in found
    if mode is SearchMode.FULLTEXT and not is_han(asked) and not is_han(found):
        return STEMS[asked] == STEMS[found]
    return plain(asked) == plain(found)


def begins(prefix: str, found: Word, mode: SearchMode) -> bool:
    """A stem counts like a word where endings do not matter; none of the vocabulary's is more than its
    word."""
    return not is_han(found) and plain(found).startswith(prefix)
