"""The orders of results. In each of them a document has a place of its own, which marks where a page ends."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, DateTime, Text, Uuid, literal, tuple_
from sqlalchemy.types import TypeEngine

from artstore.query.catalog.tables import Columns, file_size, name_key, updated_at
from artstore.query.search.cursor import Mark, Place
from artstore.wire.search import SearchSort


@dataclass(frozen=True, slots=True)
class Order:
    """By a key, if there is one, and by the time of storing where keys are the same; all in one direction."""

    descending: bool
    key: Callable[[Columns], ColumnElement[Any]] | None = None
    kind: TypeEngine[Any] | None = None
    python: type = NoneType
    """Of the key in a cursor."""

    def columns(self, rows: Columns) -> list[ColumnElement[Any]]:
        return [*([self.key(rows)] if self.key is not None else []), *mark_columns(rows)]

    def sorting(self, rows: Columns) -> list[ColumnElement[Any]]:
        return [column.desc() if self.descending else column.asc() for column in self.columns(rows)]

    def behind(self, rows: Columns, place: Place) -> ColumnElement[bool]:
        values = [
            *([literal(place.key, self.kind)] if self.kind is not None else []),
            *mark_values(place.mark),
        ]
        here, there = tuple_(*self.columns(rows)), tuple_(*values)
        return here < there if self.descending else here > there


def mark_columns(rows: Columns) -> list[ColumnElement[Any]]:
    return [rows["created_at"], rows["file_id"], rows["element_id"]]


def mark_values(mark: Mark) -> list[ColumnElement[Any]]:
    return [
        literal(mark.created_at, DateTime(timezone=True)),
        literal(mark.file_id, Uuid()),
        literal(mark.element_id, Text()),
    ]


NEWEST = Order(descending=True)
_MOMENT = DateTime(timezone=True)
ORDERS = {
    SearchSort.NEWEST: NEWEST,
    SearchSort.OLDEST: Order(descending=False),
    SearchSort.NAME: Order(False, name_key, Text(), str),
    SearchSort.NAME_DOWN: Order(True, name_key, Text(), str),
    SearchSort.SMALLEST: Order(False, file_size, BigInteger(), int),
    SearchSort.LARGEST: Order(True, file_size, BigInteger(), int),
    SearchSort.CHANGED_FIRST: Order(False, updated_at, _MOMENT, datetime),
    SearchSort.CHANGED_LAST: Order(True, updated_at, _MOMENT, datetime),
}
"""All but that by relevance, which is not of the document alone."""
