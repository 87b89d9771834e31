"""What the catalog knows of one document."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, or_, select, true, tuple_

from artstore.kernel.database import ReadConnection
from artstore.query.catalog.tables import catalog_files, document_id, has_moved
from artstore.query.search.cursor import Mark
from artstore.query.search.repository import Found


class FilesRepository:
    """``owners``: the accounts whose documents are looked at; None: all."""

    async def copies(
        self, db: ReadConnection, file_id: UUID, *, owners: frozenset[str] | None
    ) -> dict[str, dict[str, Any]]:
        """A document by element: in several while it moves, the copy first that stays."""
        asked: dict[str, object] = {"file_id": file_id}
        if owners is not None:
            asked["owners"] = sorted(owners)
        rows = await db.execute(_COPIES if owners is None else _COPIES_OF_OWNERS, asked)
        return {row.element_id: row.document for row in rows}

    async def document_of(
        self, db: ReadConnection, either_id: UUID, *, owners: frozenset[str] | None
    ) -> UUID | None:
        """The id that all versions of a document share, by it or by the id of one of them."""
        files = catalog_files.c
        query = select(document_id(files)).where(files.file_id == either_id, _of(owners)).limit(1)
        if (row := (await db.execute(query)).first()) is not None:
            return UUID(row[0]) if row[0] is not None else either_id
        query = select(document_id(files)).where(document_id(files) == str(either_id), _of(owners)).limit(1)
        return either_id if (await db.execute(query)).first() is not None else None

    async def versions(
        self,
        db: ReadConnection,
        of_document: UUID,
        *,
        owners: frozenset[str] | None,
        after: Mark | None,
        limit: int,
    ) -> list[Found]:
        """Newest first. ``after`` is the last one of the page before."""
        files = catalog_files.c
        order = (files.created_at, files.file_id, files.element_id)
        query: Select[Any] = (
            select(*order, files.document)
            .where(_of(owners), or_(files.stays, ~has_moved()))
            .order_by(*(column.desc() for column in order))
            .limit(limit)
        )
        if after is not None:
            query = query.where(tuple_(*order) < (after.created_at, after.file_id, after.element_id))
        following = document_id(files) == str(of_document)
        # Apart, so that each has its index: the first version does not say that it is one.
        first = and_(files.file_id == of_document, document_id(files).is_(None))
        found = [
            Found(Mark(created_at, file_id, element_id), document)
            for which in (following, first)
            for created_at, file_id, element_id, document in await db.execute(query.where(which))
        ]
        return sorted(found, key=lambda one: one.mark, reverse=True)[:limit]


_COPIES = (
    select(catalog_files.c.element_id, catalog_files.c.document)
    .where(catalog_files.c.file_id == bindparam("file_id", type_=Uuid))
    .order_by(catalog_files.c.stays.desc(), catalog_files.c.element_id)
)
"""Made once: for each download anew it would take longer than PostgreSQL does."""
_COPIES_OF_OWNERS = _COPIES.where(catalog_files.c.created_by_id.in_(bindparam("owners", expanding=True)))


def _of(owners: frozenset[str] | None) -> ColumnElement[bool]:
    return true() if owners is None else catalog_files.c.created_by_id.in_(sorted(owners))
