"""The queries that keep the catalog. Each runs on the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.dml import Delete, Insert

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.query.catalog.changes import NOTHING_KNOWN, DocumentChange
from artstore.query.catalog.rows import Rows, batch, rows_of
from artstore.query.catalog.tables import catalog_files, catalog_positions
from artstore.query.suggest.writing import TermWriter, Written


class CatalogRepository:
    """``files`` and ``positions`` are the tables of the catalog, or such as are to take their place.

    ``terms``: what keeps those of the documents in the same transactions; None: nothing does.
    """

    def __init__(
        self,
        files: Table = catalog_files,
        positions: Table = catalog_positions,
        terms: TermWriter | None = None,
    ) -> None:
        self._files = files
        self._positions = positions
        self._upsert = _upsert(files)
        self._delete = _delete(files)
        self._terms = terms

    async def positions(self, db: ReadConnection) -> dict[str, int]:
        """The position of each element that was ever followed."""
        rows = await db.execute(select(self._positions.c.element_id, self._positions.c.lsn))
        return {row.element_id: row.lsn for row in rows}

    async def document_counts(self, db: ReadConnection) -> dict[str, int]:
        """Documents by element. Reads an index from end to end."""
        counted = select(self._files.c.element_id, func.count().label("documents")).group_by(
            self._files.c.element_id
        )
        return {row.element_id: row.documents for row in await db.execute(counted)}

    async def locked_position(self, db: WriteConnection, element_id: str) -> int:
        """The position of an element, which nobody else moves until this transaction ends."""
        positions = self._positions
        position = select(positions.c.lsn).where(positions.c.element_id == element_id).with_for_update()
        found: int | None = await db.scalar(position)
        if found is None:
            first = insert(positions).values(element_id=element_id, lsn=NOTHING_KNOWN)
            await db.execute(first.on_conflict_do_nothing())
            found = await db.scalar(position)
            assert found is not None, "positions are never deleted"
        return found

    async def move(self, db: WriteConnection, element_id: str, position: int) -> None:
        await db.execute(
            update(self._positions).where(self._positions.c.element_id == element_id).values(lsn=position)
        )

    async def apply(
        self,
        db: WriteConnection,
        element_id: str,
        changes: Sequence[DocumentChange],
        rows: Rows | None = None,
    ) -> Written:
        """Take changes, each document at most once. A row that shows the same or a later change stays.

        ``rows``: those of these documents, among others, where they were made before.
        `remember` what this answers once the transaction is committed: it is then written faster again.
        """
        if self._terms is not None and changes:
            await self._terms.doubt_documents(db, element_id, [change.file_id for change in changes])
        if rows is None:
            rows = rows_of(changes)
        documents = [change.document for change in changes if change.document is not None]
        stored = [rows[change.file_id] for change in changes if change.document is not None]
        if stored:
            await db.execute(self._upsert, {"batch": batch(stored), "element_id": element_id})
        deleted = [change for change in changes if change.document is None]
        if deleted:
            await db.execute(
                self._delete,
                {
                    "element_id": element_id,
                    "file_ids": [change.file_id for change in deleted],
                    "lsns": [change.lsn for change in deleted],
                },
            )
        if self._terms is None:
            return Written()
        # Last, as others wait for whoever has just added a term that they add as well.
        return await self._terms.write(db, documents, [row.words for row in stored])

    def remember(self, written: Written) -> None:
        if self._terms is not None:
            self._terms.remember(written)

    async def forget(self, db: WriteConnection, element_id: str) -> None:
        """Drop all rows of an element."""
        if self._terms is not None:
            await self._terms.doubt_element(db, element_id)
        await db.execute(delete(self._files).where(self._files.c.element_id == element_id))


def _upsert(files: Table) -> Insert:
    """One statement for a whole batch: JSON in (as rows.batch makes it), rows out of it."""
    given = (
        func.jsonb_to_recordset(bindparam("batch", type_=Text).cast(JSONB))
        .table_valued(
            column("file_id", Uuid),
            column("lsn", BigInteger),
            column("created_by_id", Text),
            column("created_at", DateTime(timezone=True)),
            column("document", JSONB),
            column("words", Text),
            column("positions", Text),
        )
        .render_derived(name="given", with_types=True)
    )
    words = func.string_to_array(given.c.words, " ")
    positions = cast(func.string_to_array(given.c.positions, " "), ARRAY(Integer))
    names = ["file_id", "element_id", "lsn", "created_by_id", "created_at", "document", "search"]
    statement = insert(files).from_select(
        names,
        select(
            given.c.file_id,
            bindparam("element_id", type_=Text),
            given.c.lsn,
            given.c.created_by_id,
            given.c.created_at,
            given.c.document,
            func.query.search_vector(words, positions),
        ),
    )
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[files.c.file_id, files.c.element_id],
        set_={name: new[name] for name in names[2:]},
        where=new.lsn > files.c.lsn,
    )


def _delete(files: Table) -> Delete:
    given = (
        func.unnest(
            bindparam("file_ids", type_=ARRAY(Uuid)),
            bindparam("lsns", type_=ARRAY(BigInteger)),
        )
        .table_valued("file_id", "lsn")
        .render_derived(name="given")
    )
    return delete(files).where(
        files.c.element_id == bindparam("element_id", type_=Text),
        files.c.file_id == given.c.file_id,
        files.c.lsn <= given.c.lsn,
    )
