"""What a question may have meant whose words are found nowhere."""

import re
from collections.abc import Iterator, Mapping

from artstore.kernel.database import ReadConnection
from artstore.query.search.text import fold, word_spans
from artstore.query.suggest.nearness import allowed_distance, distance
from artstore.query.suggest.terms import known_words
from artstore.query.suggest.words import WordRepository

MAX_WORDS = 8
"""Of one question, that are corrected."""
MAX_TRIES = 5
"""Known words that are tried for each, the nearest first."""

_EXCLUDED = re.compile(r"(?:^|\s)-$")


class Corrections:
    """Finds for unknown words the nearest known ones: of what the caller may see, and of nothing else.

    Only words of 4 to 64 letters are corrected: no numbers, no scripts without blanks, no beginnings of words
    (``word*``), nothing that is excluded (``-word``).
    """

    def __init__(self, repository: WordRepository) -> None:
        self._repository = repository

    async def question(self, db: ReadConnection, text: str, owners: frozenset[str] | None) -> str | None:
        """The question with known words for unknown ones; None where there is nothing to correct."""
        words = dict.fromkeys(word for _, _, word in _correctable(text))
        if not words or len(words) > MAX_WORDS:
            return None
        unknown = words.keys() - await self._repository.seen(db, words, owners=owners)
        if not unknown:
            return None
        like = await self._repository.like(db, unknown)
        nearest = {word: near for word in unknown if (near := _nearest(word, like[word]))}
        meant: dict[str, str] = {}
        for attempt in range(MAX_TRIES):
            tried = {
                word: near[attempt]
                for word, near in nearest.items()
                if word not in meant and attempt < len(near)
            }
            if not tried:
                break
            seen = await self._repository.seen(db, set(tried.values()), owners=owners)
            meant |= {word: other for word, other in tried.items() if other in seen}
        return replaced(text, meant) if meant else None


def replaced(text: str, meant: Mapping[str, str]) -> str:
    """The text with other words in the places of some; everything else stays as it was typed."""
    parts: list[str] = []
    end_before = 0
    for start, end, word in _correctable(text):
        parts += text[end_before:start], meant.get(word, text[start:end])
        end_before = end
    return "".join([*parts, text[end_before:]])


def _correctable(text: str) -> Iterator[tuple[int, int, str]]:
    """Where words stand that may be corrected, and what they are when folded."""
    for start, end, _ in word_spans(text):
        if text[end : end + 1] != "*" and not _EXCLUDED.search(text, max(0, start - 2), start):
            for word in known_words([fold(text[start:end])]):
                yield start, end, word


def _nearest(word: str, like: list[str]) -> list[str]:
    """Those that are near enough, the nearest first; of equally near ones the likest."""
    most = allowed_distance(word)
    distances = [(distance(word, other, most), place) for place, other in enumerate(like) if other != word]
    return [like[place] for far, place in sorted(distances) if far <= most]
