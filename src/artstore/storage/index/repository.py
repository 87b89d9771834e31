"""The queries of the index. Each runs on the caller's transaction, which raises DatabaseDown."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.errors import UndefinedTable
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.sql.dml import Insert

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.storage.index.batch import Batch
from artstore.storage.index.filters import Filters
from artstore.storage.index.tables import EXPIRES, EXPIRY, UNTOLD, IndexTables
from artstore.wire.documents import DocumentState


@dataclass(frozen=True)
class IndexState:
    """Where the index of one element stands. See the columns of the state table."""

    element_id: str
    root_created_at: datetime
    position: int
    deletions_since: int
    generation: int
    rebuilding_from: int | None
    complete: bool


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
        self._upsert_change = self._upsert(found_by_walk=False)
        self._upsert_found = self._upsert(found_by_walk=True)

    # What readers ask

    async def states(self, db: ReadConnection) -> list[IndexState]:
        """All rows of the state table: one, unless two elements were given the same table prefix."""
        rows = await db.execute(select(self._state))
        return [IndexState(**row._mapping) for row in rows]

    async def storage_path(self, db: ReadConnection, file_id: UUID) -> str | None:
        query = select(self._files.c.storage_path).where(self._files.c.file_id == file_id)
        path: str | None = await db.scalar(query)
        return path

    async def places(
        self, db: ReadConnection, *, after: UUID | None, limit: int
    ) -> list[tuple[UUID, str | None]]:
        """Ids of existing documents and where they lie, in the order of the ids."""
        files = self._files.c
        query = select(files.file_id, files.storage_path).where(files.attributes.is_not(None))
        if after is not None:
            query = query.where(files.file_id > after)
        rows = await db.execute(query.order_by(files.file_id).limit(limit))
        return [(row.file_id, row.storage_path) for row in rows]

    async def has_document(self, db: ReadConnection, file_id: UUID) -> bool:
        files = self._files.c
        query = select(files.file_id).where(files.file_id == file_id, files.attributes.is_not(None))
        return await db.scalar(query) is not None

    async def documents(
        self, db: ReadConnection, *, filters: Filters, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[IndexedDocument]:
        """Existing documents, oldest first."""
        files = self._files
        query = (
            self._listed(filters)
            .where(files.c.attributes.is_not(None))
            .order_by(files.c.created_at, files.c.file_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(files.c.created_at, files.c.file_id) > after)
        return [IndexedDocument(**row._mapping) for row in await db.execute(query)]

    async def changed(
        self, db: ReadConnection, *, filters: Filters, after: tuple[int, UUID], limit: int
    ) -> list[IndexedDocument]:
        """Documents and deletions in the order of their last change, those after (LSN, file_id)."""
        files = self._files
        query = (
            self._listed(filters)
            .where(tuple_(files.c.lsn, files.c.file_id) > after)
            .order_by(files.c.lsn, files.c.file_id)
            .limit(limit)
        )
        return [IndexedDocument(**row._mapping) for row in await db.execute(query)]

    async def expired(
        self, db: ReadConnection, *, until: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> list[tuple[str, UUID]]:
        """What expired at ``until`` or before and is not under a legal hold, the oldest first.

        Gives places in that order, for ``after``, and ids.
        """
        return await self._by_expiry(db, EXPIRES, until, after, limit)

    async def untold(self, db: ReadConnection, *, until: datetime, limit: int) -> list[tuple[str, UUID]]:
        """What expires at ``until`` or before, of which nobody was told; as ``expired``."""
        return await self._by_expiry(db, UNTOLD, until, None, limit)

    async def _by_expiry(
        self,
        db: ReadConnection,
        which: str,
        until: datetime,
        after: tuple[str, UUID] | None,
        limit: int,
    ) -> list[tuple[str, UUID]]:
        expiry: ColumnElement[str] = literal_column(EXPIRY, Text)
        file_id = self._files.c.file_id
        query = select(expiry.label("expiry"), file_id).where(text(which), expiry <= _written(until))
        if after is not None:
            query = query.where(tuple_(expiry, file_id) > after)
        rows = await db.execute(query.order_by(expiry, file_id).limit(limit))
        return [(row.expiry, row.file_id) for row in rows]

    def _listed(self, filters: Filters) -> Select[Any]:
        files = self._files
        query = select(files.c.file_id, files.c.lsn, files.c.created_at, files.c.attributes)
        if filters.owners is not None:
            query = query.where(files.c.created_by_id.in_(sorted(filters.owners)))
        if filters.created_from is not None:
            query = query.where(files.c.created_at >= filters.created_from)
        if filters.created_to is not None:
            query = query.where(files.c.created_at < filters.created_to)
        if filters.state is not None:
            deleted = filters.state is DocumentState.DELETED
            query = query.where(files.c.attributes.is_(None) if deleted else files.c.attributes.is_not(None))
        return query

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
            await db.execute(self._upsert_change, {"rows": batch.to_json(), "generation": state.generation})
        moved = await db.execute(
            update(self._state)
            .where(self._state.c.element_id == state.element_id, self._state.c.position == state.position)
            .values(position=position)
        )
        if moved.rowcount != 1:
            raise PositionMoved
        return replace(state, position=position)

    async def note_told(self, db: WriteConnection, told: Sequence[tuple[str, UUID]]) -> None:
        """Followers were told when these documents expire."""
        files = self._files
        given = bindparam("expiry", type_=Text)
        statement = (
            update(files).where(files.c.file_id == bindparam("id", type_=Uuid)).values(told_expiry=given)
        )
        await db.execute(statement, [{"expiry": expiry, "id": file_id} for expiry, file_id in told])

    # What a rebuild writes

    async def begin_rebuild(
        self, db: WriteConnection, state: IndexState, *, root_created_at: datetime, from_lsn: int
    ) -> IndexState:
        """A new generation begins in place of rows that cannot be trusted; listings wait for its end.

        Following goes on from ``from_lsn``, whatever the position was.
        """
        begun = replace(
            state,
            root_created_at=root_created_at,
            position=from_lsn,
            deletions_since=from_lsn,
            generation=_next(state.generation),
            rebuilding_from=from_lsn,
            complete=False,
        )
        await self._save(db, begun)
        return begun

    async def begin_renewal(self, db: WriteConnection, state: IndexState) -> IndexState:
        """A new generation of rows begins beside those that are there, which stay good until replaced."""
        begun = replace(state, generation=_next(state.generation), rebuilding_from=state.position)
        await self._save(db, begun)
        return begun

    async def put_found(self, db: WriteConnection, batch: Batch, generation: int) -> None:
        """Rows that a walk over the files found, unless the follower has put something newer meanwhile."""
        await db.execute(self._upsert_found, {"rows": batch.to_json(), "generation": generation})

    async def finish_rebuild(self, db: WriteConnection, state: IndexState) -> tuple[IndexState, int]:
        """What the walk did not see is gone: it becomes a deletion, so that whoever follows learns of it.

        Also gives how many those were.
        """
        files = self._files
        gone = await db.execute(
            update(files)
            .where(
                files.c.generation != state.generation,
                or_(files.c.attributes.is_not(None), files.c.lsn > state.position),
            )
            .values(lsn=state.position, generation=state.generation, storage_path=None, attributes=None)
        )
        # The log no longer tells of these deletions: whoever is not so far yet has to read everything.
        since = state.position if gone.rowcount else state.deletions_since
        finished = replace(state, deletions_since=since, rebuilding_from=None, complete=True)
        await self._save(db, finished)
        return finished, gone.rowcount

    async def _save(self, db: WriteConnection, state: IndexState) -> None:
        values = {name: value for name, value in vars(state).items() if name != "element_id"}
        await db.execute(
            update(self._state).where(self._state.c.element_id == state.element_id).values(**values)
        )

    def _upsert(self, *, found_by_walk: bool) -> Insert:
        """One statement for a whole batch: the JSON of Batch.to_json in, typed rows out.

        Rows of an older generation are overwritten whatever they say; of this one, by what is newer.
        """
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
        new, old = statement.excluded, self._files.c
        as_before = and_(
            cast(old.attributes, Text) == cast(new.attributes, Text),
            old.storage_path == new.storage_path,
            old.lsn <= new.lsn,
        )
        return statement.on_conflict_do_update(
            index_elements=[old.file_id],
            set_={
                # What a walk finds unchanged did not change: followers need not hear of it again.
                "lsn": case((as_before, old.lsn), else_=new.lsn) if found_by_walk else new.lsn,
                "generation": new.generation,
                "storage_path": new.storage_path,
                # A deletion knows neither, and must still be found by them.
                "created_at": func.coalesce(new.created_at, old.created_at),
                "created_by_id": func.coalesce(new.created_by_id, old.created_by_id),
                "attributes": new.attributes,
            },
            where=or_(old.generation != new.generation, new.lsn >= old.lsn),
        )


def _written(at: datetime) -> str:
    """As the attributes have it: in UTC, with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _next(generation: int) -> int:
    return (generation + 1) % 1_000_000_000
