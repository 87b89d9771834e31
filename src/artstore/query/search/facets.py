"""Facets: how many of the found documents have which value."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Text,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from artstore.kernel.database import ReadConnection
from artstore.kernel.problems import Problem
from artstore.query.catalog.tables import catalog_files
from artstore.query.search.attributes import read_path
from artstore.query.search.ordering import NEWEST
from artstore.query.search.repository import Scope
from artstore.wire.problems import ProblemType
from artstore.wire.search import Facet, FacetValue

COUNTED = 5000
"""Documents whose values are counted, the newest ones: a word that is in every document costs no more than
this."""
SHOWN = 20
"""Values of a facet, the most frequent ones."""
_ATTRIBUTE = "attribute:"

Facets = Mapping[str, tuple[str, ...]]
"""By name as it was asked: the path, of an attribute."""


def read_facets(names: Sequence[str]) -> Facets:
    """Raises Problem INVALID_PARAMETER."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        if name.startswith(_ATTRIBUTE):
            found[name] = read_path(name.removeprefix(_ATTRIBUTE), field="facet")
        elif name in _VALUES:
            found[name] = ()
        else:
            known = ", ".join(_VALUES)
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                f"There is no facet of this name. Ask for {known} or attribute:name.",
                field="facet",
            )
    return found


class FacetRepository:
    async def count(
        self, db: ReadConnection, scope: Scope, facets: Facets
    ) -> tuple[dict[str, Facet], tuple[int, bool]]:
        """The facets by name, and of how many documents they are, and whether these are all."""
        files = catalog_files.c
        found = (
            select(files.document, files.labels, files.element_id, files.created_at)
            .where(*scope.conditions())
            .order_by(*NEWEST.sorting(files))
            .limit(COUNTED + 1)
            .cte("found")
        )
        queries = [_counted(found, name, path) for name, path in facets.items()]
        documents = select(literal("").label("facet"), literal(None, JSONB()).label("value"), func.count())
        rows = await db.execute(union_all(documents.select_from(found), *queries))
        values: dict[str, list[FacetValue]] = {name: [] for name in facets}
        total = 0
        for name, value, count in rows:
            if name == "":
                total = count
            else:
                values[name].append(FacetValue(value=value, count=count))
        return {name: _facet(each) for name, each in values.items()}, (min(total, COUNTED), total <= COUNTED)


def _facet(values: list[FacetValue]) -> Facet:
    ordered = sorted(values, key=lambda one: (-one.count, str(one.value), type(one.value).__name__))
    return Facet(values=ordered[:SHOWN], more=len(ordered) > SHOWN)


def _counted(found: CTE, name: str, path: tuple[str, ...]) -> Select[Any]:
    first = select(found).limit(COUNTED).subquery()
    value = _VALUES[name](first.c) if name in _VALUES else _attribute(first.c, path)
    each = select(value.label("value")).select_from(first).subquery()
    return (
        select(literal(name, Text()).label("facet"), each.c.value, func.count())
        .where(each.c.value.is_not(None), func.jsonb_typeof(each.c.value).not_in(["object", "array", "null"]))
        .group_by(each.c.value)
    )


def _text(name: str) -> Any:
    def value(found: Any) -> ColumnElement[Any]:
        return func.to_jsonb(found.document.op("->>", return_type=Text())(literal_column(f"'{name}'")))

    return value


def _elements(list_or_value: ColumnElement[Any]) -> ColumnElement[Any]:
    as_list = case(
        (func.jsonb_typeof(list_or_value) == "array", list_or_value),
        else_=func.jsonb_build_array(list_or_value),
    )
    return func.jsonb_array_elements(as_list, type_=JSONB())


def _attribute(found: Any, path: tuple[str, ...]) -> ColumnElement[Any]:
    attributes = found.document.op("->", return_type=JSONB())(literal_column("'custom_attributes'"))
    return _elements(attributes.op("#>", return_type=JSONB())(literal(list(path), ARRAY(Text))))


def _extension(found: Any) -> ColumnElement[Any]:
    # Made from the name it would take ten times as long as all else.
    label = func.unnest(found.labels).column_valued("label")
    value = func.substr(label, len(_EXTENSION) + 1)
    named = select(value).where(label.startswith(_EXTENSION)).correlate(found.labels.table)
    return func.to_jsonb(named.scalar_subquery())


_EXTENSION = "ext:"
_VALUES: Mapping[str, Any] = {
    "type": _text("content_type"),
    "extension": _extension,
    "element": lambda found: func.to_jsonb(found.element_id),
    "account": _text("created_by_username"),
    "retention": _text("retention_policy"),
    "tag": lambda found: _elements(found.document.op("->", return_type=JSONB())(literal_column("'tags'"))),
    "year": lambda found: func.to_jsonb(func.date_part("year", found.created_at)),
}
