"""The queries of a search. Who may see what is part of each query, so that nothing else can leak."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select, tuple_

from artstore.kernel.database import ReadConnection
from artstore.query.catalog.tables import catalog_files, has_moved, stays
from artstore.query.search.cursor import Mark
from artstore.query.search.matching import Asked


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the catalog."""

    mark: Mark
    document: dict[str, Any]


class SearchRepository:
    async def newest(
        self,
        db: ReadConnection,
        *,
        asked: Asked,
        owners: frozenset[str] | None,
        after: Mark | None,
        limit: int,
    ) -> list[Found]:
        """The documents that are asked for, newest first.

        Of the accounts ``owners``, or of every account where it is None. ``after`` is the last one of the
        page before.
        """
        files = catalog_files.c
        order = (files.created_at, files.file_id, files.element_id)
        query: Select[Any] = (
            select(*order, files.document).order_by(*(column.desc() for column in order)).limit(limit)
        )
        if owners is not None:
            query = query.where(files.created_by_id.in_(sorted(owners)))
        query = query.where(*asked.conditions(files), or_(stays(files), ~has_moved()))
        if after is not None:
            query = query.where(tuple_(*order) < (after.created_at, after.file_id, after.element_id))
        return [
            Found(Mark(created_at, file_id, element_id), document)
            for created_at, file_id, element_id, document in await db.execute(query)
        ]
