"""The queries of a sweep. Each runs on the caller's transaction, and none looks at more than a few rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, case, func, select, text, true, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.query.catalog.tables import catalog_files
from artstore.query.suggest.tables import catalog_term_owners, catalog_terms, this_slot

DOCUMENTS_AT_ONCE = 200
TERMS_AT_ONCE = 500
_LEASE = timedelta(hours=1)
Place = tuple[Any, ...]
"""The last row of a step: created_at, file_id and element_id."""

_REMOVE = text("""
    DELETE FROM query.catalog_terms AS terms USING (
        SELECT terms.owner, terms.kind, terms.key
        FROM query.catalog_terms AS terms
        JOIN unnest(cast(:kinds AS smallint[]), cast(:keys AS text[])) AS given(kind, key)
            ON terms.owner = :owner AND terms.kind = given.kind AND terms.key = given.key
        WHERE terms.seen < :before
        FOR UPDATE OF terms SKIP LOCKED
    ) AS gone
    WHERE terms.owner = gone.owner AND terms.kind = gone.kind AND terms.key = gone.key
""")
# Words of letters alone need no escaping.
_IN_USE = text("""
    SELECT asked.word FROM unnest(cast(:words AS text[])) AS asked(word)
    WHERE EXISTS (
        SELECT FROM query.catalog_files AS files
        WHERE files.search @@ cast('''' || asked.word || '''' AS tsquery)
    )
""")


@dataclass(frozen=True, slots=True)
class Doubt:
    """An owner of whom terms may have gone, as it was in the slot when this was asked."""

    owner: str
    doubts: int
    slot: int


class SweepRepository:
    async def claim(self, db: WriteConnection) -> Doubt | None:
        """The owner that has been due for longest, which nobody else gets for an hour."""
        owners = catalog_term_owners.c
        due = (
            select(owners.owner)
            .where(owners.doubts > owners.swept, owners.due <= func.now())
            .order_by(owners.due)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        claimed = (
            update(catalog_term_owners)
            .where(owners.owner == due.scalar_subquery())
            .values(due=func.now() + _LEASE)
            .returning(owners.owner, owners.doubts, this_slot)
        )
        row = (await db.execute(claimed)).first()
        return None if row is None else Doubt(*row)

    async def settle(self, db: WriteConnection, doubt: Doubt, *, whole: bool, rest: timedelta) -> None:
        """The owner is swept, and left alone for a while; where not ``whole``, it is swept again after it."""
        owners = catalog_term_owners.c
        await db.execute(
            update(catalog_term_owners)
            .where(owners.owner == doubt.owner)
            .values(swept=case((true() if whole else ~true(), doubt.doubts), else_=owners.swept))
            .values(due=func.now() + rest)
        )

    async def doubt_words(self, db: WriteConnection, rest: timedelta) -> None:
        """Words, which have no owner, may have gone with terms of somebody."""
        owners = catalog_term_owners.c
        first = insert(catalog_term_owners).values(owner="", doubts=1, swept=0, due=func.now() + rest)
        await db.execute(
            first.on_conflict_do_update(index_elements=[owners.owner], set_={"doubts": owners.doubts + 1})
        )

    async def count(self, db: ReadConnection, owner: str) -> int:
        """How many terms an owner has. Reads a part of an index."""
        counted = select(func.count()).where(catalog_terms.c.owner == owner)
        return int(await db.scalar(counted))

    async def documents(
        self, db: ReadConnection, owner: str, after: Place | None
    ) -> tuple[list[dict[str, Any]], Place | None]:
        """Some documents of the owner, in a fixed order, and the place of the last one."""
        files = catalog_files.c
        order = (files.created_at, files.file_id, files.element_id)
        query = (
            select(*order, files.document)
            .where(files.created_by_id == owner, true() if after is None else tuple_(*order) > after)
            .order_by(*order)
            .limit(DOCUMENTS_AT_ONCE)
        )
        rows = (await db.execute(query)).all()
        return [row.document for row in rows], (tuple(rows[-1][:3]) if rows else None)

    async def terms(
        self, db: ReadConnection, owner: str, after: tuple[int, str] | None
    ) -> Sequence[Row[Any]]:
        """Some terms of the owner, in the order of kind and key."""
        terms = catalog_terms.c
        order = (terms.kind, terms.key)
        query = (
            select(*order)
            .where(terms.owner == owner, true() if after is None else tuple_(*order) > after)
            .order_by(*order)
            .limit(TERMS_AT_ONCE)
        )
        return (await db.execute(query)).all()

    async def words_in_use(self, db: ReadConnection, words: Collection[str]) -> set[str]:
        """Those of the words that some document has."""
        if not words:
            return set()
        return {row.word for row in await db.execute(_IN_USE, {"words": list(words)})}

    async def remove(
        self, db: WriteConnection, owner: str, gone: Collection[tuple[int, str]], before: int
    ) -> int:
        """Remove those of the terms that were not seen in the slot ``before`` or later; their number."""
        if not gone:
            return 0
        given = {"kinds": [int(kind) for kind, _ in gone], "keys": [key for _, key in gone]}
        removed = await db.execute(_REMOVE, {**given, "owner": owner, "before": before})
        return removed.rowcount
