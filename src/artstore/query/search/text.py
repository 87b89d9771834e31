"""Text prepared for search: one pure function for what is stored, one for what is asked.

Both cut text into *words at positions* in the same way, so that they meet. Stems are added by PostgreSQL
(``query.stem``), at the position of the word that they come from.

- Compatibility forms, case and accents are folded (``Счёт``, ``СЧЕТ`` and ``счет`` are one word).
- Everything that is not a letter, a digit or a mark parts words: ``счёт_2025-03-17_ООО.pdf`` has the words
  счет, 2025, 03, 17, ооо and pdf. What is asked in one piece must stand together, in that order, so
  ``2025-03`` finds that name and ``17-03`` does not.
- Scripts that are written without blanks (Chinese, Japanese, Korean, Thai and their neighbours) are cut into
  single characters and overlapping pairs, so that any run of characters is found.

PostgreSQL's own parser is passed by: it reads ``-03`` as a number, ``a.b`` as a host, and letters as its
locale knows them, so a document would be found on one server and not on another.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAX_WORD_CHARACTERS = 255
"""A longer word is cut, on both sides alike: a lexeme of PostgreSQL ends at 2046 bytes."""
MAX_POSITION = 16_000
"""Words beyond are not searched: PostgreSQL counts positions to 16,383. 4096 bytes hold fewer."""

_ACCENT = re.compile(r"(?<!и)[\u0300-\u036f]|(?<=и)[\u0300-\u0305\u0307-\u036f]")
"""Accents of Latin, Greek and Cyrillic, except the breve that makes ``й``, which is a letter of its own."""
_WITHOUT_DECOMPOSITION = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
)
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\ufe00-\ufe0f\ufeff]"
)
"""Soft hyphens, joiners, direction marks and variation selectors: they part no word and are part of none."""
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),  # 々〆〇
    (0x3041, 0x31FF),  # Hiragana, Katakana, Bopomofo
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xAC00, 0xD7A3),  # Hangul
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, extensions B and later
)
_RUN = re.compile("w[wm]*|u[um]*")
_PLAIN = re.compile("[\x00-\x7fА-яЁё]*")
"""English and Russian without accents, which is most of what comes: quickly folded and cut."""
_PLAIN_WORD = re.compile("[0-9a-zа-я]+")


@dataclass(slots=True)
class Words:
    """The words of a document, each with its position; several may share one."""

    words: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)


@dataclass(slots=True)
class AskedWords:
    """Words that are asked in one piece. ``gaps[i]`` is the distance in positions of word i from word i -
    1, which it must follow in the document; 0 for the first one."""

    words: list[str] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    unspaced: bool = False
    """The last one is of a script without blanks."""


def fold(text: str) -> str:
    """The text with compatibility forms, case and accents folded away. Folding twice changes nothing."""
    if _PLAIN.fullmatch(text):
        return text.lower().replace("ё", "е")
    previous = None
    while text != previous:  # twice nearly always: one fold can bring forth what another folds further
        previous = text
        text = unicodedata.normalize("NFKC", text).casefold()
        text = _ACCENT.sub("", unicodedata.normalize("NFD", text))
        text = _INVISIBLE.sub("", text.translate(_WITHOUT_DECOMPOSITION))
        text = unicodedata.normalize("NFC", text)
    return text


def document_words(texts: Iterable[str]) -> Words:
    """The words of the texts of one document. No phrase reaches from one text into the next."""
    found = Words()
    start = 1
    for text in texts:
        folded = fold(text)
        if _PLAIN.fullmatch(folded):
            words = [word[:MAX_WORD_CHARACTERS] for word in _PLAIN_WORD.findall(folded)]
            positions: Iterable[int] = range(start, start + len(words))
            start += len(words)
        else:
            words, positions, start = _words_of_any_script(folded, start)
        found.words += words
        found.positions += positions
        start += 1
    if start > MAX_POSITION:
        kept = bisect_right(found.positions, MAX_POSITION)
        del found.words[kept:], found.positions[kept:]
    return found


def placed_words(folded: str) -> Iterator[tuple[int, str, int, int]]:
    """The words of one folded text: position from 0, word, and where it begins and ends in the text."""
    if _PLAIN.fullmatch(folded):
        for position, match in enumerate(_PLAIN_WORD.finditer(folded)):
            yield position, match.group()[:MAX_WORD_CHARACTERS], *match.span()
        return
    position = 0
    for start, end, unspaced in word_spans(folded):
        if not unspaced:
            yield position, folded[start:end][:MAX_WORD_CHARACTERS], start, end
            position += 1
            continue
        for place in range(start, end):
            yield position, folded[place], place, place + 1
            if place + 1 < end:
                # The pair that it begins.
                yield position, folded[place : place + 2], place, place + 2
            position += 1


def _words_of_any_script(folded: str, start: int) -> tuple[list[str], list[int], int]:
    """The words, the position of each from ``start`` on, and the position behind the last one."""
    words: list[str] = []
    positions: list[int] = []
    for position, word, _, _ in placed_words(folded):
        words.append(word)
        positions.append(start + position)
    return words, positions, positions[-1] + 1 if positions else start


def term_words(folded: str) -> AskedWords:
    """The words of a text that was asked in one piece: all must be found, together and in that order."""
    asked = AskedWords()
    position = 0
    last: int | None = None
    for run, unspaced in _runs(folded):
        pairs = unspaced and len(run) > 1
        for offset in range(len(run) - 1) if pairs else (0,):
            asked.words.append(run[offset : offset + 2] if pairs else run)
            asked.gaps.append(0 if last is None else position + offset - last)
            last = position + offset
        position += len(run) if unspaced else 1
        asked.unspaced = unspaced
    return asked


def is_word_character(character: str) -> bool:
    return _CLASSES[ord(character)] != " "


def word_spans(folded: str) -> Iterator[tuple[int, int, bool]]:
    """Where the words of a folded text begin and end, and whether each is of a script without blanks."""
    classes = folded.translate(_CLASSES)
    for match in _RUN.finditer(classes):
        yield match.start(), match.end(), classes[match.start()] == "u"


def _runs(folded: str) -> Iterator[tuple[str, bool]]:
    """The runs of word characters, and whether each is of a script without blanks."""
    for start, end, unspaced in word_spans(folded):
        yield (folded[start:end] if unspaced else folded[start:end][:MAX_WORD_CHARACTERS]), unspaced


class _CharacterClasses(dict[int, str]):
    """Code point → ``w`` letter or digit, ``u`` one of a script without blanks, ``m`` mark, else blank."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))[0]
        if category in "LN":
            unspaced = any(first <= code <= last for first, last in _UNSPACED)
            found = "u" if unspaced else "w"
        else:
            found = "m" if category == "M" else " "
        self[code] = found
        return found


_CLASSES = _CharacterClasses()
