"""What the catalog knows of one document."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from artstore.kernel.database import ReadConnection
from artstore.query.catalog.tables import catalog_files, stays


class FilesRepository:
    async def copies(
        self, db: ReadConnection, file_id: UUID, *, owners: frozenset[str] | None
    ) -> dict[str, dict[str, Any]]:
        """A document of one of ``owners`` (of any, where None) by element: in several while it moves,
        the copy first that stays.
        """
        files = catalog_files.c
        query = (
            select(files.element_id, files.document)
            .where(files.file_id == file_id)
            .order_by(stays(files).desc(), files.element_id)
        )
        if owners is not None:
            query = query.where(files.created_by_id.in_(sorted(owners)))
        return {row.element_id: row.document for row in await db.execute(query)}
