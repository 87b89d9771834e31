"""What the catalog knows of many documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from artstore.kernel.database import ReadConnection
from artstore.query.catalog.tables import catalog_files


@dataclass(frozen=True, slots=True)
class Known:
    """A document, and the elements that have it, the copy first that stays."""

    document: dict[str, Any]
    elements: tuple[str, ...]


class ArchiveRepository:
    """``owners``: the accounts whose documents are looked at; None: all."""

    async def existing(
        self, db: ReadConnection, file_ids: Sequence[UUID], *, owners: frozenset[str] | None
    ) -> set[UUID]:
        files = catalog_files.c
        query = select(files.file_id).where(files.file_id.in_(file_ids), _of(owners)).distinct()
        return {row.file_id for row in await db.execute(query)}

    async def documents(
        self, db: ReadConnection, file_ids: Sequence[UUID], *, owners: frozenset[str] | None
    ) -> dict[UUID, Known]:
        files = catalog_files.c
        query = (
            select(files.file_id, files.element_id, files.document)
            .where(files.file_id.in_(file_ids), _of(owners))
            .order_by(files.file_id, files.stays.desc(), files.element_id)
        )
        found: dict[UUID, Known] = {}
        for row in await db.execute(query):
            before = found.get(row.file_id)
            elements = (row.element_id,) if before is None else (*before.elements, row.element_id)
            found[row.file_id] = Known(row.document if before is None else before.document, elements)
        return found


def _of(owners: frozenset[str] | None) -> ColumnElement[bool]:
    return true() if owners is None else catalog_files.c.created_by_id.in_(sorted(owners))
