"""Making terms of documents that came into the catalog without: before there were any, or by a rebuild."""

import asyncio
import time
from typing import Any, NoReturn

from sqlalchemy import delete, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from artstore.kernel.database import Database, DatabaseDown, WriteConnection
from artstore.kernel.logging import get_logger
from artstore.query import metrics
from artstore.query.catalog.rows import searchable_texts
from artstore.query.catalog.tables import catalog_files
from artstore.query.search.text import document_words
from artstore.query.suggest.tables import catalog_term_backfills
from artstore.query.suggest.writing import TermWriter, settled_after
from artstore.wire.documents import Document

BATCH_DOCUMENTS = 200
LOOK_EVERY_SECONDS = 60.0

_log = get_logger(__name__)

# From each owner on to the next one: there may be millions of terms.
_DOUBT_ALL = text("""
    WITH RECURSIVE owners(owner) AS (
        (SELECT owner FROM query.catalog_terms ORDER BY owner LIMIT 1)
        UNION ALL
        SELECT following.owner FROM owners, LATERAL (
            SELECT owner FROM query.catalog_terms AS terms
            WHERE terms.owner > owners.owner ORDER BY owner LIMIT 1
        ) AS following
    )
    INSERT INTO query.catalog_term_owners AS known (owner, doubts, swept, due)
    SELECT owner, 1, 0, now() + :rest FROM owners
    ON CONFLICT (owner) DO UPDATE SET doubts = known.doubts + 1, due = excluded.due
""")


async def make_terms_anew(db: WriteConnection) -> None:
    """The catalog is about to become another one: terms are made of all of it and removed of what is gone.

    Before anything else that locks the catalog, as a step of the backfill has both locks in this order.
    """
    again = insert(catalog_term_backfills).values(number=1)
    await db.execute(
        again.on_conflict_do_update(
            index_elements=[catalog_term_backfills.c.number], set_={"file_id": None, "element_id": None}
        )
    )
    await db.execute(_DOUBT_ALL, {"rest": settled_after()})


class Backfill:
    """Goes through the catalog in the order of its key, and rests half of the time.

    Where it is stands in the database, with the terms: it may be killed at any time, and of several
    processes one is at work.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = TermWriter()

    async def run(self) -> NoReturn:
        """Looks for ever whether there is something to do: another release may be upgraded beside this."""
        while True:
            began = time.monotonic()
            try:
                done = await self.step()
            except DatabaseDown:  # told by others
                done = None
            await asyncio.sleep(time.monotonic() - began if done else LOOK_EVERY_SECONDS)

    async def step(self) -> int | None:
        """A batch: the number of its documents. 0: that was the end; None: there is nothing to do."""
        backfills, files = catalog_term_backfills.c, catalog_files.c
        async with self._database.write() as db:
            mine = select(backfills.file_id, backfills.element_id).with_for_update(skip_locked=True)
            place = (await db.execute(mine)).first()
            if place is None:
                return None
            order = (files.file_id, files.element_id)
            batch = select(*order, files.document).order_by(*order).limit(BATCH_DOCUMENTS)
            if place.file_id is not None:
                batch = batch.where(tuple_(*order) > (place.file_id, place.element_id))
            rows = (await db.execute(batch)).all()
            if rows:
                documents, words = await asyncio.to_thread(_read, [row.document for row in rows])
                written = await self._writer.write(db, documents, words)
                last = {"file_id": rows[-1].file_id, "element_id": rows[-1].element_id}
                await db.execute(update(catalog_term_backfills).values(last))
            else:
                await db.execute(delete(catalog_term_backfills))
        if not rows:
            _log.info("the terms of all documents are there")
            return 0
        self._writer.remember(written)
        metrics.TERMS_BACKFILLED.inc(len(rows))
        return len(rows)


def _read(rows: list[dict[str, Any]]) -> tuple[list[Document], list[list[str]]]:
    documents = [Document.model_validate(row) for row in rows]
    return documents, [document_words(searchable_texts(one)).words for one in documents]
