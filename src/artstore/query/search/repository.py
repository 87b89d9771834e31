"""The queries of a search. Who may see what is part of each query, so that nothing else can leak."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Text,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
)

from artstore.kernel.database import ReadConnection
from artstore.query.catalog.tables import catalog_files, has_moved
from artstore.query.search.cursor import Key, Mark, Place
from artstore.query.search.matching import Asked
from artstore.query.search.ordering import NEWEST, Order, mark_columns, mark_values

RANKED = 2000
"""Documents that are compared by relevance at once, the newest ones; the next ones follow as a whole. So a
word that is in every document costs no more than this."""
COUNTED = 10_000
"""Documents that are counted one by one; what is more is estimated."""
SAMPLED = 20_000
"""Rows of the catalog that an estimate looks at, about."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the catalog."""

    mark: Mark
    document: dict[str, Any]
    key: Key = None
    """Of the order in which it was found."""


@dataclass(frozen=True, slots=True)
class Window:
    """The documents that were compared by relevance."""

    newest: Mark
    oldest: Mark
    number: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents a search is about: ``owners`` are the accounts whose documents exist for the caller;
    None: all accounts."""

    asked: Asked
    owners: frozenset[str] | None

    def conditions(self, files: FromClause = catalog_files) -> list[ColumnElement[bool]]:
        """Of the rows of the catalog, or of a sample of them."""
        visible = [] if self.owners is None else [files.c.created_by_id.in_(sorted(self.owners))]
        return [*visible, *self.asked.conditions(files.c), or_(files.c.stays, ~has_moved(files))]


class SearchRepository:
    async def page(
        self, db: ReadConnection, scope: Scope, *, order: Order, after: Place | None, limit: int
    ) -> list[Found]:
        """Documents in their order. ``after`` is the place where the page before ended."""
        files = catalog_files.c
        columns = [*mark_columns(files), files.document, *([order.key(files)] if order.key else [])]
        query: Select[Any] = (
            select(*columns).where(*scope.conditions()).order_by(*order.sorting(files)).limit(limit)
        )
        if after is not None:
            query = query.where(order.behind(files, after))
        return [_found(row) for row in await db.execute(query)]

    async def ranked(
        self,
        db: ReadConnection,
        scope: Scope,
        *,
        upto: Mark | None,
        until: Mark | None,
        after: Place | None,
        limit: int,
    ) -> tuple[list[Found], Window | None]:
        """Documents by relevance, and which were compared; None: there is none.

        They are the `RANKED` newest ones, of which ``upto`` is the newest that counts, or all to ``until``:
        where some are gone, no others take their places, and where some came late, none falls out.
        """
        rank = scope.asked.rank(catalog_files.c).label("rank")
        files = self._candidates(scope, upto).add_columns(rank, catalog_files.c.document)
        if until is None:
            files = files.limit(RANKED)
        else:
            files = files.where(tuple_(*mark_columns(catalog_files.c)) >= tuple_(*mark_values(until)))
        candidates = files.cte("candidates")
        ends = self._window(candidates)
        order = Order(descending=True, key=lambda rows: rows["rank"], kind=candidates.c.rank.type)
        page = select(*mark_columns(candidates.c), candidates.c.document, candidates.c.rank)
        if after is not None:
            page = page.where(order.behind(candidates.c, after))
        shown = page.order_by(*order.sorting(candidates.c)).limit(limit).subquery("shown")
        # One query, so that the window is that of the documents that were compared, whatever comes meanwhile.
        query = select(ends, shown).select_from(ends.outerjoin(shown, true()))
        rows = (await db.execute(query.order_by(*order.sorting(shown.c)))).all()
        if not rows:
            return [], None
        window = Window(Mark(*rows[0][:3]), Mark(*rows[0][3:6]), rows[0][6])
        return [_found(row[7:]) for row in rows if row[7] is not None], window

    async def before(self, db: ReadConnection, scope: Scope, mark: Mark) -> Mark | None:
        """The newest document that is older than this one; None if there is none."""
        query = self._candidates(scope, None)
        query = query.where(tuple_(*mark_columns(catalog_files.c)) < tuple_(*mark_values(mark)))
        row = (await db.execute(query.limit(1))).first()
        return None if row is None else Mark(*row)

    async def count(self, db: ReadConnection, scope: Scope) -> tuple[int, bool]:
        """How many documents there are, and whether that is exact.

        An estimate looks at a part of the catalog through the same conditions: of what the caller may not
        see it tells nothing.
        """
        first = select(literal(1)).select_from(catalog_files).where(*scope.conditions()).limit(COUNTED + 1)
        counted: int = await db.scalar(select(func.count()).select_from(first.subquery()))
        if counted <= COUNTED:
            return counted, True
        rows = await db.scalar(text(_ROWS))
        percent = min(100.0, 100.0 * SAMPLED / max(rows, 1))
        sample = catalog_files.tablesample(func.system(percent), name="sample", seed=literal(1))
        seen: int = await db.scalar(select(func.count()).select_from(sample).where(*scope.conditions(sample)))
        return max(counted, round(seen * 100 / percent)), False

    async def stems(self, db: ReadConnection, words: Collection[str]) -> dict[str, str]:
        """The stems of words, of those that have one."""
        # One text, because a driver looks at every character of an array of texts. Words hold no blanks.
        word = func.unnest(func.string_to_array(" ".join(words), " ")).column_valued("word")
        stem = func.query.stem(word, type_=Text)
        return {asked: found for asked, found in await db.execute(select(word, stem)) if found is not None}

    def _window(self, candidates: CTE) -> Subquery:
        """The marks of the newest and the oldest, and how many they are."""
        first = select(*mark_columns(candidates.c)).limit(1)
        newest = first.order_by(*NEWEST.sorting(candidates.c)).subquery("newest")
        oldest = first.order_by(*Order(descending=False).sorting(candidates.c)).subquery("oldest")
        number = select(func.count()).select_from(candidates).scalar_subquery()
        columns = [column.label(f"{end.name}_{column.name}") for end in (newest, oldest) for column in end.c]
        both = select(*columns, number.label("number")).select_from(newest.join(oldest, true()))
        return both.subquery("ends")

    def _candidates(self, scope: Scope, upto: Mark | None) -> Select[Any]:
        files = catalog_files.c
        query = select(*mark_columns(files)).where(*scope.conditions()).order_by(*NEWEST.sorting(files))
        if upto is not None:
            query = query.where(tuple_(*mark_columns(files)) <= tuple_(*mark_values(upto)))
        return query


_ROWS = r"SELECT reltuples FROM pg_class WHERE oid = 'query.catalog_files'\:\:regclass"


def _found(row: Any) -> Found:
    created_at, file_id, element_id, document, *key = row
    return Found(Mark(created_at, file_id, element_id), document, key[0] if key else None)
