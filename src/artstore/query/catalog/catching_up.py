"""Taking the listing of an element, page by page."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from artstore.query.catalog.changes import Advance
from artstore.query.catalog.rows import Rows
from artstore.wire.documents import ElementDocumentPage


class ListingUnavailable(Exception):
    """The element cannot be asked now, or answered nothing useful. Asking again later is right."""


class TakesPages(Protocol):
    """What catching up needs of the catalog: see ``Catalog``."""

    async def prepare(self, page: ElementDocumentPage) -> Rows: ...

    async def take_page(
        self, element_id: str, since: int, page: ElementDocumentPage, rows: Rows
    ) -> Advance: ...

    async def forget(self, element_id: str) -> int: ...


async def catch_up(
    catalog: TakesPages,
    element_id: str,
    since: int,
    fetch: Callable[[int, str | None], Awaitable[ElementDocumentPage]],
) -> int:
    """Take all that ``fetch(since, cursor)`` gives of an element, and return the position that was reached.

    Where the element no longer knows all deletions after ``since``, what is known of it is forgotten first,
    also what came of a listing that was not finished. Raises ListingUnavailable; the position is then the
    old one, or below 0.
    """
    page = await fetch(since, None)
    if max(since, 0) < page.deletions_since:
        since = await catalog.forget(element_id)
        page = await fetch(since, None)
    deletions_since = page.deletions_since

    async def fetch_next(cursor: str) -> tuple[ElementDocumentPage, Rows]:
        page = await fetch(since, cursor)
        return page, await catalog.prepare(page)

    rows = await catalog.prepare(page)
    while True:
        # The next page comes while this one is written.
        cursor = page.next_cursor
        following = None if cursor is None else asyncio.ensure_future(fetch_next(cursor))
        try:
            advance = await catalog.take_page(element_id, since, page, rows)
            if advance.gap or following is None:
                return advance.position
            page, rows = await following
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        if page.deletions_since != deletions_since:
            # LSNs were given out anew, so that documents may have passed from behind the cursor to before it.
            raise ListingUnavailable("its index was rebuilt in the middle of the listing")
