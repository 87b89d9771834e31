"""A page of documents out of the index and of what the log has beyond it. Pure.

The index stands at some LSN and may show more, row by row. The changes behind that LSN, up to the last one
acknowledged before the page was asked for, are laid over its rows; of two states of a document the later
counts. So a page has what was acknowledged, however far the index is behind.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from artstore.engine import Change, ChangeKind
from artstore.storage.documents import document_json, public_fields
from artstore.storage.index.filters import Filters
from artstore.storage.index.repository import IndexedDocument

Place = tuple[datetime, UUID]
"""In the order of creation."""


@dataclass(frozen=True)
class Page:
    items: list[dict[str, Any]]
    """Documents as clients see them."""
    next_place: Place | None
    """What follows comes behind it; None where nothing follows."""


def merged_page(
    rows: Sequence[IndexedDocument],
    changes: Iterable[Change],
    filters: Filters,
    after: Place | None,
    limit: int,
) -> Page:
    """At most ``limit`` documents behind ``after``; fewer, with more to follow, where some were just deleted.

    ``rows``: the first ``limit + 1`` of the index that pass the filters, or all there are.
    """
    later: dict[UUID, Change] = {each.file_id: each for each in changes if each.file_id is not None}
    end = _place(rows[-1]) if len(rows) > limit else None
    """Behind it the index may have more that was not read."""
    found: dict[Place, IndexedDocument | Change] = {}
    for row in rows:
        change = later.get(row.file_id)
        if change is None or change.lsn < row.lsn:
            found[_place(row)] = row
            later.pop(row.file_id, None)
    for change in later.values():
        document = change.attributes
        if change.kind is ChangeKind.DELETE or document is None or not filters.let_through(document):
            continue
        place = (document.created_at, document.file_id)
        if (after is None or place > after) and (end is None or place <= end):
            found[place] = change
    places = sorted(found)
    return Page([_document(found[place]) for place in places[:limit]], _next(places, limit, end))


def _next(places: Sequence[Place], limit: int, end: Place | None) -> Place | None:
    return places[limit - 1] if len(places) > limit else end


def _place(row: IndexedDocument) -> Place:
    assert row.created_at is not None, "a row that exists has a time"
    return row.created_at, row.file_id


def _document(found: IndexedDocument | Change) -> dict[str, Any]:
    if isinstance(found, IndexedDocument):
        return public_fields(found.attributes or {})
    assert found.attributes is not None, "only documents that exist are found"
    document: dict[str, Any] = json.loads(document_json(found.attributes))
    return document
