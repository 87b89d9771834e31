"""Filters as conditions on rows of the catalog. Every value goes as a parameter."""

import json
import operator
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from artstore.query.catalog.tables import Columns, file_size, updated_at
from artstore.query.search.text import fold
from artstore.wire.search_filters import AttributeFilter, SearchFilters

MOMENT = DateTime(timezone=True)
MAX_LABEL = 200
"""Characters of a label; what is longer is compared with the document too."""


def filtered(columns: Columns, asked: SearchFilters) -> list[ColumnElement[bool]]:
    """All of these must hold."""
    found: list[ColumnElement[bool]] = []
    if asked.content_type:
        kinds = [kind.partition(";")[0].strip().lower() for kind in asked.content_type]
        found.append(_labelled(columns, "type", kinds))
    if asked.extension:
        found.append(_labelled(columns, "ext", [fold(name.lstrip(".")) for name in asked.extension]))
    if asked.retention:
        found.append(_labelled(columns, "kept", [policy.value for policy in asked.retention]))
    if asked.account:
        found.append(_labelled(columns, "by", asked.account))
        found.append(columns["document"].op("->>")("created_by_username").in_(asked.account))
    found += [_tagged(columns, tag) for tag in asked.tag]
    if asked.account_id:
        found.append(columns["created_by_id"].in_({*asked.account_id, *map(_as_written, asked.account_id)}))
    if asked.element:
        found.append(columns["element_id"].in_(asked.element))
    created, updated = columns["created_at"], updated_at(columns)
    found += _between(file_size(columns), BigInteger(), asked.size_min, asked.size_max, operator.le)
    found += _between(created, MOMENT, asked.created_from, asked.created_before, operator.lt)
    found += _between(updated, MOMENT, asked.updated_from, asked.updated_before, operator.lt)
    return found


def _between(
    value: ColumnElement[Any], kind: TypeEngine[Any], least: Any, most: Any, below: Callable[[Any, Any], Any]
) -> Iterator[ColumnElement[bool]]:
    if least is not None:
        yield value >= literal(least, kind)
    if most is not None:
        yield below(value, literal(most, kind))


def with_attribute(columns: Columns, asked: AttributeFilter) -> ColumnElement[bool]:
    attributes = columns["document"].op("->")(literal_column("'custom_attributes'"))
    path = literal(asked.path, ARRAY(Text))
    found = attributes.op("#>", return_type=JSONB())(path)
    if asked.has_value:
        return _equal(attributes, found, asked)
    labelled = _labelled(columns, "has", [asked.path[0]])
    bounds = [
        bound
        for bound in (
            _bound(attributes, found, path, asked.min, operator.ge),
            _bound(attributes, found, path, asked.max, operator.le),
        )
        if bound is not None
    ]
    if bounds:
        return and_(labelled, *bounds)
    there = and_(labelled, found.is_not(None))
    return there if asked.exists else not_(there)


def _equal(
    attributes: ColumnElement[Any], found: ColumnElement[Any], asked: AttributeFilter
) -> ColumnElement[bool]:
    def holds(value: Any) -> ColumnElement[bool]:
        for name in reversed(asked.path):
            value = {name: value}
        return attributes.bool_op("@>")(_json(value))

    if isinstance(asked.equals, dict | list):
        return and_(holds(asked.equals), found == _json(asked.equals))
    return or_(holds(asked.equals), holds([asked.equals]))


def _bound(
    attributes: ColumnElement[Any],
    found: ColumnElement[Any],
    path: ColumnElement[Any],
    bound: Any,
    compared: Callable[[Any, Any], ColumnElement[bool]],
) -> ColumnElement[bool] | None:
    """Values of another type than that of the bound are outside.

    As one expression: PostgreSQL would take two conditions for independent and far rarer than they are, and
    choose a plan for a handful of rows.
    """
    if bound is None:
        return None
    if isinstance(bound, str):
        text = attributes.op("#>>", return_type=Text())(path).collate("C")
        kind, within = "string", compared(text, literal(bound, Text))
    else:
        kind, within = "number", compared(found, _json(bound))
    return case((func.jsonb_typeof(found) == kind, within), else_=false())


def _tagged(columns: Columns, tag: str) -> ColumnElement[bool]:
    found = _labelled(columns, "tag", [tag])
    if len(f"tag:{tag}") <= MAX_LABEL:
        return found
    tags = columns["document"].op("->")(literal_column("'tags'"))
    return and_(found, tags.bool_op("@>")(_json([tag])))


def _labelled(columns: Columns, kind: str, values: list[str]) -> ColumnElement[bool]:
    """One of the values is enough."""
    asked = literal([f"{kind}:{value}"[:MAX_LABEL] for value in values], ARRAY(Text))
    return columns["labels"].bool_op("&&")(asked)


def _json(value: Any) -> ColumnElement[Any]:
    return cast(literal(json.dumps(value), Text), JSONB)


def _as_written(account_id: str) -> str:
    """An id as ArtStore writes it. Documents that were adopted may have it in another form."""
    try:
        return str(UUID(account_id))
    except ValueError:
        return account_id
