"""The query of a suggestion. Whose terms may be seen is part of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from artstore.kernel.database import ReadConnection
from artstore.query.suggest.terms import Kind

# All read little more of an index than they answer, however many terms begin so and whoever has them.
_OF_ONE = text("""
    SELECT found.kind, found.key, found.shown
    FROM unnest(cast(:kinds AS smallint[]), cast(:lows AS text[]), cast(:highs AS text[]))
            AS asked(kind, low, high),
        LATERAL (
            SELECT kind, key, shown FROM query.catalog_terms AS terms
            WHERE terms.owner = :owner AND terms.kind = asked.kind
                AND terms.key >= asked.low AND terms.key < asked.high
            ORDER BY terms.key LIMIT :limit
        ) AS found
""")
# The keys are compared first, and of the texts only those fetched that are answered.
_OF_SEVERAL = text("""
    WITH found AS MATERIALIZED (
        SELECT DISTINCT ON (next.kind, next.key) next.owner, next.kind, next.key
        FROM unnest(cast(:kinds AS smallint[]), cast(:lows AS text[]), cast(:highs AS text[]))
                AS asked(kind, low, high),
            unnest(cast(:owners AS text[])) AS whose(owner),
            LATERAL (
                SELECT owner, kind, key FROM query.catalog_terms AS terms
                WHERE terms.owner = whose.owner AND terms.kind = asked.kind
                    AND terms.key >= asked.low AND terms.key < asked.high
                ORDER BY terms.key LIMIT :limit
            ) AS next
        ORDER BY next.kind, next.key, next.owner
    )
    SELECT terms.kind, terms.key, terms.shown
    FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY key) AS place FROM found) AS ranked
    JOIN query.catalog_terms AS terms USING (owner, kind, key)
    WHERE place <= :limit
""")
# From each key on to the next one that is greater: many owners may have the same.
_OF_ALL = text("""
    SELECT asked.kind, found.key, found.shown
    FROM unnest(cast(:kinds AS smallint[]), cast(:lows AS text[]), cast(:highs AS text[]))
            AS asked(kind, low, high),
        LATERAL (
            WITH RECURSIVE next(key, shown, place) AS (
                (
                    SELECT key, shown, 1 FROM query.catalog_terms AS terms
                    WHERE terms.kind = asked.kind AND terms.key >= asked.low AND terms.key < asked.high
                    ORDER BY terms.key LIMIT 1
                )
                UNION ALL
                SELECT following.key, following.shown, place + 1
                FROM next, LATERAL (
                    SELECT key, shown FROM query.catalog_terms AS terms
                    WHERE terms.kind = asked.kind AND terms.key > next.key AND terms.key < asked.high
                    ORDER BY terms.key LIMIT 1
                ) AS following
                WHERE place < :limit
            )
            SELECT key, shown FROM next
        ) AS found
""")
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class FoundTerm:
    kind: Kind
    key: str
    shown: str


class TermRepository:
    async def beginning_with(
        self, db: ReadConnection, typed: Mapping[Kind, str], *, owners: frozenset[str] | None, limit: int
    ) -> list[FoundTerm]:
        """The first ``limit`` terms of each kind that begin with what was typed.

        Of the accounts ``owners``, or of every account where it is None.
        """
        asked: dict[str, object] = {
            "kinds": [int(kind) for kind in typed],
            "lows": list(typed.values()),
            "highs": [beginning + _AFTER_ALL for beginning in typed.values()],
            "limit": limit,
        }
        if owners is None:
            rows = await db.execute(_OF_ALL, asked)
        elif len(owners) == 1:
            rows = await db.execute(_OF_ONE, {**asked, "owner": next(iter(owners))})
        else:
            rows = await db.execute(_OF_SEVERAL, {**asked, "owners": sorted(owners)})
        return [FoundTerm(Kind(kind), key, shown) for kind, key, shown in rows]
