"""The catalog as whoever follows the elements sees it: each step is one transaction."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from artstore.kernel.database import Database
from artstore.query.catalog.changes import Advance, Entry, by_events, by_listing, new_beginning, told_by
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.rows import Row, Rows, rows_of
from artstore.wire.documents import ElementDocumentPage

_SLICE = 8
"""Documents that are made rows of at once: one or two milliseconds of work."""


class Catalog:
    """Takes what elements tell. The rows and the element's position change together or not at all.

    Whatever is given twice, late, or by two processes at once changes nothing the second time: the position
    is read under a lock, in the transaction that moves it. All methods raise DatabaseDown, may be called
    again after it, and are then right whether or not the first call was committed.
    """

    def __init__(self, database: Database, repository: CatalogRepository) -> None:
        self._database = database
        self._repository = repository

    async def positions(self) -> dict[str, int]:
        """By element: every change up to this LSN is in the catalog."""
        async with self._database.read() as db:
            return await self._repository.positions(db)

    async def take_events(self, element_id: str, entries: Sequence[Entry]) -> Advance:
        """Take what follows on the position; the answer says how far that went, and whether to a gap."""
        async with self._database.write() as db:
            position = await self._repository.locked_position(db, element_id)
            advance = by_events(position, entries)
            if advance.position == position:
                return advance
            written = await self._repository.apply(db, element_id, advance.changes)
            await self._repository.move(db, element_id, advance.position)
        self._repository.remember(written)
        return advance

    async def prepare(self, page: ElementDocumentPage) -> Rows:
        """What `take_page` writes of a page, made while the page before is being written.

        In slices between which others run. In a thread it would keep Python's lock for longer than a
        slice takes, each time that PostgreSQL has answered and waits for the next word.
        """
        changes = told_by(page)
        rows: dict[UUID, Row] = {}
        for start in range(0, len(changes), _SLICE):
            rows |= rows_of(changes[start : start + _SLICE])
            await asyncio.sleep(0)
        return rows

    async def take_page(
        self, element_id: str, since: int, page: ElementDocumentPage, rows: Rows | None = None
    ) -> Advance:
        """Take a page of the element's listing after ``since``, each after the one before it.

        ``rows`` are what `prepare` made of it; without them that is done first. A gap says that somebody else
        has begun anew with the element: the pages before are no longer there.
        """
        if rows is None:
            rows = await self.prepare(page)
        async with self._database.write() as db:
            position = await self._repository.locked_position(db, element_id)
            advance = by_listing(position, since, page)
            written = await self._repository.apply(db, element_id, advance.changes, rows)
            if advance.position != position:
                await self._repository.move(db, element_id, advance.position)
        self._repository.remember(written)
        return advance

    async def forget(self, element_id: str) -> int:
        """Start again with an element; the position to begin from, which nobody else has."""
        async with self._database.write() as db:
            await self._repository.locked_position(db, element_id)
            await self._repository.forget(db, element_id)
            await self._repository.move(db, element_id, begin := new_beginning())
        return begin
