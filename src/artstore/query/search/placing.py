"""A text that was folded, and which of its parts each folded character comes from.

Folding makes texts longer and shorter (``ß`` is two letters, an accent none), and what becomes of a character
may depend on those behind it. So a text is folded in pieces of a character with all that may join it; where
these together are not what the whole text is, in larger ones.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from artstore.query.search.text import fold

Span = tuple[int, int]
_PIECE = re.compile(r"[.+]\+*")
_CHUNK = re.compile(r"\s*\S*", re.DOTALL)
_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
"""Vowels and finals of Hangul, which join the letter before them to a syllable."""
_ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class Placed:
    """``starts`` and ``ends`` say for each character of ``folded`` where its piece stands in ``text``."""

    text: str
    folded: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Where in the text that stands which is at these places, one character at least, when folded."""
        return self.starts[start], self.ends[end - 1]


def placed(text: str) -> Placed:
    """Folded as the words of documents are."""
    return _placed(text, _fold_piece, fold)


def placed_name(name: str) -> Placed:
    """Folded as PostgreSQL folds names for parts of them (``query.folded``): without any accents, so that
    ``й`` is ``и``."""
    return _placed(name, fold_name, fold_name)


def fold_name(name: str) -> str:
    return _ACCENTS.sub("", unicodedata.normalize("NFD", fold(name)))


def joins(character: str) -> bool:
    """Whether it belongs to what stands before it: a text that is cut here would change."""
    return _JOINING[ord(character)] == "+"


def _placed(text: str, fold_piece: Callable[[str], str], fold_whole: Callable[[str], str]) -> Placed:
    whole = fold_whole(text)
    joining = "" if text.isascii() else text.translate(_JOINING)
    if len(whole) == len(text) and "+" not in joining:
        # What joins nothing is at least one character when folded: here it is one, each in its place.
        return Placed(text, whole, range(len(text)), range(1, len(text) + 1))
    for pieces in (_PIECE.finditer(joining), _CHUNK.finditer(text)):
        found = _in_pieces(text, (piece.span() for piece in pieces), fold_piece)
        if found.folded == whole:
            return found
    return Placed(text, whole, [0] * len(whole), [len(text)] * len(whole))


def _in_pieces(text: str, pieces: Iterable[Span], fold_piece: Callable[[str], str]) -> Placed:
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in pieces:
        made = fold_piece(text[start:end])
        folded.append(made)
        starts += [start] * len(made)
        ends += [end] * len(made)
    return Placed(text, "".join(folded), starts, ends)


def _fold_piece(piece: str) -> str:
    return _FOLDED[piece] if len(piece) == 1 else fold(piece)


class _Folded(dict[str, str]):
    """Single characters, folded."""

    def __missing__(self, character: str) -> str:
        self[character] = found = fold(character)
        return found


class _Joining(dict[int, str]):
    """Code point → ``+`` for what joins the character before it, else a point."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        first = unicodedata.normalize("NFKD", character)[0]
        joins = (
            fold(character) == ""
            or unicodedata.category(character) == "Cf"
            or unicodedata.category(first)[0] == "M"
            or any(low <= ord(first) <= high for low, high in _JAMO)
        )
        self[code] = found = "+" if joins else "."
        return found


_FOLDED = _Folded()
_JOINING = _Joining()
