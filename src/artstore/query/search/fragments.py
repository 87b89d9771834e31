"""What stands in a text around what was found there, split into what was found and what was not. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from artstore.query.search.placing import Span, joins

FRAGMENT = 200
"""Characters of a fragment; a text that has no more is shown whole."""
FRAGMENTS = 3
"""Of one text, at most."""
_BEFORE = 60
"""Characters before the first match of a fragment, at most."""
_SLACK = 20
"""Characters that are given up for cutting between words rather than within one."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order; those that overlap or touch are one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def fragments(text: str, spans: list[Span]) -> Iterator[dict[str, Any]]:
    """The JSON of ``wire.search.Highlight`` but for the path; ``spans`` is what `merged` gives."""
    for start, end in _windows(text, spans):
        yield {
            "parts": list(_parts(text, start, end, spans)),
            "cut_before": start > 0,
            "cut_after": end < len(text),
        }


def _windows(text: str, spans: list[Span]) -> list[Span]:
    if len(text) <= FRAGMENT:
        return [(0, len(text))]
    found: list[Span] = []
    free = 0
    for start, end in spans:
        if start < free:
            continue  # it is in the fragment before, or begins there
        if len(found) == FRAGMENTS:
            break
        least = max(free, start - _BEFORE)
        begin = 0 if free == 0 and least <= _SLACK else _begin(text, least, start)
        free = _end(text, begin + FRAGMENT, min(end, begin + FRAGMENT))
        found.append((begin, free))
    return found


def _begin(text: str, least: int, most: int) -> int:
    """A place between these where a fragment may begin."""
    for place in range(least, min(most, least + _SLACK) + 1):
        if text[place - 1].isspace():
            return place
    while least < most and joins(text[least]):
        least += 1
    return least


def _end(text: str, most: int, least: int) -> int:
    """A place between these where a fragment may end."""
    if most >= len(text):
        return len(text)
    for place in range(most, max(least, most - _SLACK) - 1, -1):
        if text[place].isspace():
            return place
    place = most
    while place > least and joins(text[place]):
        place -= 1
    return place if not joins(text[place]) else most


def _parts(text: str, start: int, end: int, spans: list[Span]) -> Iterator[dict[str, Any]]:
    """All of the text between these places, in order."""
    for span in spans:
        found, until = max(span[0], start), min(span[1], end)
        if found >= until:
            continue
        if start < found:
            yield {"text": text[start:found], "match": False}
        yield {"text": text[found:until], "match": True}
        start = until
    if start < end:
        yield {"text": text[start:end], "match": False}
