"""What searches can be asked, and how: pages, what is told beside them, exports, suggestions."""

import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypedDict
from urllib.parse import urlencode
from uuid import UUID

import anyio
import anyio.to_thread

from artstore.attributes import RetentionPolicy
from artstore.sdk.progress import Progress
from artstore.sdk.sources import unicode_text
from artstore.sdk.targets import followed, is_replaced, opened
from artstore.sdk.transport import Transport
from artstore.wire.search import FoundDocument, SearchAnswer, SearchMode, SearchSort
from artstore.wire.suggestions import Suggestion, SuggestionKind, Suggestions

PAGE_SIZE = 100
Texts = str | Sequence[str]
"""One, or several."""
Moment = datetime | date | str
"""Without a zone, and a day: UTC. A text is as RFC 3339 writes it."""
Pairs = list[tuple[str, str]]


class SearchOptions(TypedDict, total=False):
    """What may be asked beside words, by the names of the parameters of ``GET /api/v1/search``.

    Of several values of one filter one is enough, but tags and attributes must all be there. A condition on
    an attribute is written as in a URL: ``signed`` (it is there), ``!signed``, ``customer.name=Almaz``,
    ``pages>=10``, ``date<=2025-04``.
    """

    mode: SearchMode | str
    """``fulltext`` if not said, ``exact`` or ``partial``."""
    sort: SearchSort | str
    """``-created_at`` if not said, ``name``, ``-size``, ``relevance`` and so on."""
    content_type: Texts
    extension: Texts
    size_min: int
    size_max: int
    created_from: Moment
    created_before: Moment
    updated_from: Moment
    updated_before: Moment
    account: Texts
    account_id: Texts | UUID | Sequence[UUID]
    element: Texts
    retention: RetentionPolicy | str | Sequence[RetentionPolicy | str]
    tag: Texts
    attribute: Texts


_SEVERAL = frozenset(
    ("content_type", "extension", "account", "account_id", "element", "retention", "tag", "attribute")
)
"""Options that a body has as lists."""


class AsyncSearches:
    """What ``AsyncClient`` says of searches, it says by this."""

    def __init__(self, transport: Transport, query_url: str) -> None:
        self._transport = transport
        self._url = f"{query_url}/api/v1"

    async def page(self, q: str, asked: Mapping[str, object], options: Mapping[str, object]) -> SearchAnswer:
        """See ``AsyncClient.search_page``."""
        pairs = [("q", unicode_text(q)), *_pairs(asked), *_pairs(options)]
        return await self._transport.get(f"{self._url}/search?{urlencode(pairs)}", SearchAnswer)

    async def pages(
        self, q: str, limit: int | None, asked: Mapping[str, object], options: Mapping[str, object]
    ) -> AsyncIterator[list[FoundDocument]]:
        """See ``AsyncClient.search_pages``."""
        left = limit
        cursor: str | None = None
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
            here = {**asked, "corrections": False, "limit": size, "cursor": cursor}
            page = await self.page(q, here, options)
            yield page.items
            if left is not None:
                left -= len(page.items)
            if (cursor := page.next_cursor) is None:
                return

    async def export(
        self,
        to: str | os.PathLike[str] | BinaryIO,
        q: str,
        asked: Mapping[str, object],
        progress: Progress | None,
        options: Mapping[str, object],
    ) -> None:
        """See ``AsyncClient.export``."""
        pairs = [("q", unicode_text(q)), *_pairs(asked), *_pairs(options)]
        url = f"{self._url}/search/export?{urlencode(pairs)}"
        if not isinstance(to, str | os.PathLike):
            await self._write(url, to, progress)
            return
        target = await anyio.to_thread.run_sync(followed, Path(to))
        # A folder is refused before anything is asked.
        if await anyio.to_thread.run_sync(is_replaced, target):
            part = target.with_name(f".{secrets.token_hex(8)}.part")
            try:
                with await anyio.to_thread.run_sync(part.open, "xb") as file:
                    await self._write(url, file, progress)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        else:
            with await anyio.to_thread.run_sync(opened, target) as file:
                await self._write(url, file, progress)

    async def suggest(
        self, q: str, kinds: Sequence[SuggestionKind | str], limit: int | None
    ) -> list[Suggestion]:
        """See ``AsyncClient.suggest``."""
        asked = {"kinds": [SuggestionKind(kind) for kind in kinds], "limit": limit}
        pairs = [("q", unicode_text(q)), *_pairs(asked)]
        return (await self._transport.get(f"{self._url}/suggest?{urlencode(pairs)}", Suggestions)).items

    async def _write(self, url: str, file: BinaryIO, progress: Progress | None) -> None:
        done = 0
        async with self._transport.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                await anyio.to_thread.run_sync(partial(file.write, chunk))
                done += len(chunk)
                if progress is not None:
                    progress(done, None)
        await anyio.to_thread.run_sync(file.flush)


def _pairs(asked: Mapping[str, object]) -> Pairs:
    """As parameters of a URL; what is None was not asked for."""
    return [
        (name, _written(one)) for name, value in asked.items() if value is not None for one in _several(value)
    ]


def members(asked: Mapping[str, object]) -> dict[str, object]:
    """As members of a body; what is None was not asked for."""
    return {name: _member(name, value) for name, value in asked.items() if value is not None}


def _member(name: str, value: object) -> object:
    if name in _SEVERAL:
        return [_written(one) for one in _several(value)]
    return value if isinstance(value, int) else _written(value)


def _several(value: object) -> Iterable[object]:
    return value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _written(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return unicode_text(str(value))
