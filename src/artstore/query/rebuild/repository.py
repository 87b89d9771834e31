"""The row of the rebuild, and what is done to the tables beside. Each runs on the caller's transaction."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Row,
    Uuid,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable, DropSchema, DropTable

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.tables import SCHEMA, WORD_STATISTICS, catalog_files, catalog_positions
from artstore.query.migrations import REVISION, VERSION_TABLE
from artstore.query.rebuild.tables import NEXT_SCHEMA, catalog_rebuild, next_files, next_positions
from artstore.query.suggest.backfill import make_terms_anew

DEAD_AFTER = timedelta(seconds=30)
"""A builder that was not heard of for so long is taken for dead."""
_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '3s'")
"""Searches that come meanwhile wait behind whoever waits for the table."""
_row = catalog_rebuild.c


class NotTheBuilder(Exception):
    """Somebody else has taken the rebuild up, having taken this builder for dead."""


class RebuildRepository:
    async def last(self, db: ReadConnection) -> "Row[Any] | None":
        """The row of the rebuild under way, or of the last one."""
        return (await db.execute(select(catalog_rebuild))).first()

    async def ask(self, db: WriteConnection) -> None:
        """Ask for a rebuild. While one is under way this changes nothing."""
        fresh = {"asked_at": datetime.now(UTC), "documents": 0, "expected": 0, "kept": []}
        empty = dict.fromkeys(("builder", "alive_at", "started_at", "finished_at", "waits_for"))
        await db.execute(
            insert(catalog_rebuild)
            .values(id=1, **fresh)
            .on_conflict_do_update(
                index_elements=[_row.id], set_=fresh | empty, where=_row.finished_at.is_not(None)
            )
        )

    async def claim(self, db: WriteConnection, builder: UUID) -> bool:
        """Become the builder of what was asked for and nobody is at, if the tables are those of this code."""
        if await db.scalar(_REVISION) != REVISION:
            return False
        # Not NO KEY: it waits for the step that the builder before is in the middle of.
        waiting = select(_row.id).where(
            _row.finished_at.is_(None),
            or_(_row.builder.is_(None), _row.alive_at < func.now() - DEAD_AFTER),
        )
        if await db.scalar(waiting.with_for_update()) is None:
            return False
        now = func.now()
        await db.execute(
            update(catalog_rebuild).values(
                builder=builder, alive_at=now, started_at=now, documents=0, expected=0, kept=[]
            )
        )
        return True

    async def prepare(self, db: WriteConnection) -> None:
        """Make the empty tables, without the indexes that only searches need."""
        await db.execute(DropSchema(NEXT_SCHEMA, cascade=True, if_exists=True))
        await db.execute(CreateSchema(NEXT_SCHEMA))
        for table in (next_files, next_positions):
            await db.execute(CreateTable(table))

    async def beat(self, db: WriteConnection, builder: UUID, **progress: Any) -> None:
        """Say that the builder lives, and how far it is. Raises NotTheBuilder."""
        alive = update(catalog_rebuild).where(_row.builder == builder)
        if (await db.execute(alive.values(alive_at=func.now(), **progress))).rowcount == 0:
            raise NotTheBuilder

    async def give_back(self, db: WriteConnection, builder: UUID, reason: str) -> None:
        """Leave it to whoever is next."""
        mine = update(catalog_rebuild).where(_row.builder == builder)
        await db.execute(mine.values(builder=None, waits_for=reason))

    async def copy_ahead(
        self, db: WriteConnection, builder: UUID, element_id: str, after: UUID | None, limit: int
    ) -> UUID | None:
        """Copy rows of an element, after the one ``after``, so that `take_over` finds little left to do.

        Returns the last one, or None where there are no more. Raises NotTheBuilder.
        """
        await _check(db, builder)
        rows = (
            select(*(catalog_files.c[name] for name in _COPIED))
            .where(
                catalog_files.c.element_id == element_id,
                true() if after is None else catalog_files.c.file_id > bindparam("after", after, Uuid),
            )
            .order_by(catalog_files.c.file_id)
            .limit(limit)
        )
        last: UUID | None = await db.scalar(
            select(rows.subquery().c.file_id).order_by(text("file_id DESC")).limit(1)
        )
        await db.execute(insert(next_files).from_select(_COPIED, rows).on_conflict_do_nothing())
        return last

    async def take_over(self, db: WriteConnection, element_ids: Collection[str]) -> None:
        """Make what is beside of these elements what the catalog has, while the followers are held off."""
        await db.execute(text("SET LOCAL statement_timeout = 0"))
        files, beside = catalog_files.c, next_files.c
        same_row = and_(beside.file_id == files.file_id, beside.element_id == files.element_id)
        same_change = exists().where(same_row, beside.lsn == files.lsn)
        await db.execute(
            delete(next_files).where(beside.element_id.in_(element_ids), ~same_change.correlate(next_files))
        )
        missing = select(*(files[name] for name in _COPIED)).where(
            files.element_id.in_(element_ids), ~exists().where(same_row).correlate(catalog_files)
        )
        await db.execute(insert(next_files).from_select(_COPIED, missing))
        positions = catalog_positions.c
        kept = select(positions.element_id, positions.lsn).where(positions.element_id.in_(element_ids))
        statement = insert(next_positions).from_select(["element_id", "lsn"], kept)
        await db.execute(
            statement.on_conflict_do_update(
                index_elements=[next_positions.c.element_id], set_={"lsn": statement.excluded.lsn}
            )
        )

    async def make_indexes(self, db: WriteConnection, builder: UUID) -> None:
        """Raises NotTheBuilder."""
        await _check(db, builder)
        await db.execute(text("SET LOCAL statement_timeout = 0"))
        await db.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        for index in sorted(next_files.indexes, key=lambda index: str(index.name)):
            await db.execute(CreateIndex(index))
        beside = f"{NEXT_SCHEMA}.{next_files.name}"
        await db.execute(text(f"ALTER TABLE {beside} ALTER COLUMN search SET STATISTICS {WORD_STATISTICS}"))
        await db.execute(text(f"ANALYZE {beside}"))

    async def hold_followers(self, db: WriteConnection, builder: UUID) -> dict[str, int]:
        """Until this transaction ends, nobody changes the catalog. The positions. Raises NotTheBuilder."""
        await db.execute(_LOCK_TIMEOUT)
        mine = select(_row.id).where(_row.builder == builder).with_for_update(key_share=True)
        if await db.scalar(mine) is None or await db.scalar(_REVISION) != REVISION:
            raise NotTheBuilder
        positions = select(catalog_positions).order_by(catalog_positions.c.element_id)
        rows = await db.execute(positions.with_for_update())
        return {row.element_id: row.lsn for row in rows}

    async def take_place(self, db: WriteConnection, **progress: Any) -> None:
        """Put the tables beside in the place of the catalog's, in the transaction of ``hold_followers``."""
        await make_terms_anew(db)
        await db.execute(DropTable(catalog_files))
        await db.execute(text(f"ALTER TABLE {NEXT_SCHEMA}.{next_files.name} SET SCHEMA {SCHEMA}"))
        # Row by row: followers wait for these rows, and would miss those of another table.
        statement = insert(catalog_positions).from_select(["element_id", "lsn"], select(next_positions))
        await db.execute(
            statement.on_conflict_do_update(
                index_elements=[catalog_positions.c.element_id], set_={"lsn": statement.excluded.lsn}
            )
        )
        await db.execute(DropSchema(NEXT_SCHEMA, cascade=True))
        done = {"builder": None, "finished_at": func.now(), "waits_for": None}
        await db.execute(update(catalog_rebuild).values(progress | done))


class NextCatalogRepository(CatalogRepository):
    """The tables beside, for one builder."""

    def __init__(self, builder: UUID) -> None:
        super().__init__(next_files, next_positions)
        self._builder = builder

    async def locked_position(self, db: WriteConnection, element_id: str) -> int:
        """The first step of every change. Raises NotTheBuilder."""
        await _check(db, self._builder)
        return await super().locked_position(db, element_id)


async def _check(db: WriteConnection, builder: UUID) -> None:
    """Raises NotTheBuilder. Until the transaction ends nobody else becomes it: a builder that was taken for
    dead would otherwise go on in the tables of the next one.
    """
    mine = select(_row.id).where(_row.builder == builder).with_for_update(read=True, key_share=True)
    if await db.scalar(mine) is None:
        raise NotTheBuilder


_COPIED = [column.name for column in catalog_files.c if column.computed is None]
_REVISION = text(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}")  # noqa: S608  names of ours
