"""The queries of the index. Each runs on the caller's transaction, which raises DatabaseDown."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UndefinedTable
from sqlalchemy import (
    BigInteger,
    DateTime,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.sql.dml import Insert

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.storage.index.batch import Batch
from artstore.storage.index.tables import IndexTables


@dataclass(frozen=True)
class IndexState:
    """Where the index of one element stands. See the columns of the state table."""

    element_id: str
    root_created_at: datetime
    position: int
    deletions_since: int
    generation: int
    rebuilding_from: int | None


@dataclass(frozen=True)
class IndexedDocument:
    """A row of the index. ``attributes`` is absent in a deletion."""

    file_id: UUID
    lsn: int
    created_at: datetime | None
    attributes: dict[str, Any] | None


class TablesMissing(Exception):
    """The tables are not there: never made, or dropped with their database."""


class PositionMoved(Exception):
    """Somebody else moved the position of this index: two processes write it at once."""


@contextmanager
def translated_absence() -> Iterator[None]:
    """The one place where PostgreSQL's word for missing tables becomes TablesMissing."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, UndefinedTable):
            raise TablesMissing from error
        raise


class IndexRepository:
    def __init__(self, tables: IndexTables) -> None:
        self._files = tables.files
        self._state = tables.state
        self._apply = self._upsert(only_newer=True)
        self._overwrite = self._upsert(only_newer=False)

    # What readers ask

    async def states(self, db: ReadConnection) -> list[IndexState]:
        """All rows of the state table: one, unless two elements were given the same table prefix."""
        rows = await db.execute(select(self._state))
        return [IndexState(**row._mapping) for row in rows]

    async def storage_path(self, db: ReadConnection, file_id: UUID) -> str | None:
        query = select(self._files.c.storage_path).where(self._files.c.file_id == file_id)
        path: str | None = await db.scalar(query)
        return path

    async def documents(
        self, db: ReadConnection, *, owner: str | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[IndexedDocument]:
        """Existing documents, oldest first, of ``owner`` or of all."""
        files = self._files
        query = (
            select(files.c.file_id, files.c.lsn, files.c.created_at, files.c.attributes)
            .where(files.c.attributes.is_not(None))
            .order_by(files.c.created_at, files.c.file_id)
            .limit(limit)
        )
        if owner is not None:
            query = query.where(files.c.created_by_id == owner)
        if after is not None:
            query = query.where(tuple_(files.c.created_at, files.c.file_id) > after)
        return [IndexedDocument(**row._mapping) for row in await db.execute(query)]

    async def changed(
        self, db: ReadConnection, *, owner: str | None, after: tuple[int, UUID], limit: int
    ) -> list[IndexedDocument]:
        """Documents and deletions in the order of their last change, those after (LSN, file_id)."""
        files = self._files
        query = (
            select(files.c.file_id, files.c.lsn, files.c.created_at, files.c.attributes)
            .where(tuple_(files.c.lsn, files.c.file_id) > after)
            .order_by(files.c.lsn, files.c.file_id)
            .limit(limit)
        )
        if owner is not None:
            query = query.where(files.c.created_by_id == owner)
        return [IndexedDocument(**row._mapping) for row in await db.execute(query)]

    # What the follower writes

    async def create_state(self, db: WriteConnection, state: IndexState) -> None:
        await db.execute(plain_insert(self._state).values(**vars(state)))

    async def apply(
        self, db: WriteConnection, batch: Batch, state: IndexState, *, position: int
    ) -> IndexState:
        """Take a batch and move the position from ``state.position``, in the caller's transaction.

        Raises PositionMoved where the position is not the expected one any more.
        """
        if batch.rows:
            await db.execute(self._apply, {"rows": batch.to_json(), "generation": state.generation})
        moved = await db.execute(
            update(self._state)
            .where(self._state.c.element_id == state.element_id, self._state.c.position == state.position)
            .values(position=position)
        )
        if moved.rowcount != 1:
            raise PositionMoved
        return IndexState(**{**vars(state), "position": position})

    # What a rebuild writes

    async def begin_rebuild(
        self, db: WriteConnection, state: IndexState, *, root_created_at: datetime, from_lsn: int
    ) -> IndexState:
        """A new generation of rows begins; until the end the index answers no listing."""
        begun = IndexState(
            element_id=state.element_id,
            root_created_at=root_created_at,
            position=from_lsn,
            deletions_since=from_lsn,
            generation=(state.generation + 1) % 1_000_000_000,
            rebuilding_from=from_lsn,
        )
        await self._save(db, begun)
        return begun

    async def overwrite(self, db: WriteConnection, batch: Batch, generation: int) -> None:
        """Put rows that a walk over the files found in place of whatever was known of the documents."""
        await db.execute(self._overwrite, {"rows": batch.to_json(), "generation": generation})

    async def finish_rebuild(self, db: WriteConnection, state: IndexState) -> IndexState:
        """What the walk did not see is gone: it becomes a deletion, so that whoever follows learns of it."""
        files = self._files
        await db.execute(
            update(files)
            .where(
                files.c.generation != state.generation,
                or_(files.c.attributes.is_not(None), files.c.lsn > state.position),
            )
            .values(
                lsn=state.position,
                generation=state.generation,
                storage_path=None,
                created_at=None,
                attributes=None,
            )
        )
        finished = IndexState(**{**vars(state), "rebuilding_from": None})
        await self._save(db, finished)
        return finished

    async def forget_all(self, db: WriteConnection) -> None:
        """Drop every row: they describe another root."""
        await db.execute(delete(self._files))

    async def _save(self, db: WriteConnection, state: IndexState) -> None:
        values = {name: value for name, value in vars(state).items() if name != "element_id"}
        await db.execute(
            update(self._state).where(self._state.c.element_id == state.element_id).values(**values)
        )

    def _upsert(self, *, only_newer: bool) -> Insert:
        """One statement for a whole batch: the JSON of Batch.to_json in, typed rows out."""
        # One JSON text: an array of texts full of quotation marks costs psycopg 0.1 ms a row to quote.
        given = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON)).table_valued(
            column("file_id", Uuid),
            column("lsn", BigInteger),
            column("storage_path", Text),
            column("created_at", DateTime(timezone=True)),
            column("created_by_id", Text),
            column("attributes", JSON),
        )
        given = given.render_derived(name="given", with_types=True)
        names = ["file_id", "lsn", "generation", "storage_path", "created_at", "created_by_id", "attributes"]
        statement = insert(self._files).from_select(
            names,
            select(
                given.c.file_id,
                given.c.lsn,
                bindparam("generation", type_=BigInteger),
                given.c.storage_path,
                given.c.created_at,
                given.c.created_by_id,
                given.c.attributes,
            ),
        )
        new = statement.excluded
        return statement.on_conflict_do_update(
            index_elements=[self._files.c.file_id],
            set_={
                "lsn": new.lsn,
                "generation": new.generation,
                "storage_path": new.storage_path,
                "created_at": new.created_at,
                # A deletion does not know the owner, who must still see it in the listing.
                "created_by_id": func.coalesce(new.created_by_id, self._files.c.created_by_id),
                "attributes": new.attributes,
            },
            where=new.lsn >= self._files.c.lsn if only_newer else None,
        )
