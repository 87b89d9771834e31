"""The highlights of a page."""

import asyncio
from collections.abc import Sequence
from typing import Any

from artstore.kernel.database import ReadConnection
from artstore.query.search.highlights import Highlighter, cut
from artstore.query.search.matching import Asked
from artstore.query.search.repository import Found, SearchRepository

AT_ONCE = 100
"""Documents that are looked through with one query; what is held in memory and asked of PostgreSQL stays
bounded by them."""


async def highlighted(
    db: ReadConnection, repository: SearchRepository, asked: Asked, found: Sequence[Found]
) -> list[list[dict[str, Any]]]:
    """The highlights of each document, as JSON. Others' requests are served between documents."""
    highlighter = Highlighter(asked.groups, asked.mode)
    highlights: list[list[dict[str, Any]]] = []
    for first in range(0, len(found), AT_ONCE):
        documents = []
        needed: set[str] = set()
        for one in found[first : first + AT_ONCE]:
            documents.append(cut(one.document))
            needed |= highlighter.stems_needed(documents[-1])
            await asyncio.sleep(0)
        stems = await repository.stems(db, needed) if needed else {}
        for texts in documents:
            highlights.append(highlighter.highlights(texts, stems))
            await asyncio.sleep(0)
    return highlights
