"""A page is what the log says, wherever the index stands and however the rows were cut into pages."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Change, ChangeKind, Lsn
from artstore.storage.documents import document_json
from artstore.storage.files.merging import Place, merged_page
from artstore.storage.index.batch import batch_of
from artstore.storage.index.filters import Filters
from artstore.storage.index.repository import IndexedDocument

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def attributes(number: int, description: str) -> FileAttributes:
    """Document ``number`` of one of two owners; several share a moment of creation."""
    return FileAttributes.of(
        {
            "file_id": UUID(int=number),
            "original_filename": "a.txt",
            "storage_filename": "s.txt",
            "storage_path": "files/s.txt",
            "file_size": 1,
            "content_type": "text/plain",
            "created_at": START + timedelta(seconds=number // 3),
            "updated_at": START,
            "created_by_id": "even" if number % 2 == 0 else "odd",
            "created_by_username": "n",
            "checksum": "0" * 64,
            "description": description,
        }
    )


@st.composite
def logs(draw: st.DrawFn) -> list[Change]:
    """Any sensible sequence of changes: put once, then updates, at last perhaps a deletion."""
    changes: list[Change] = []
    existing: set[int] = set()
    unused = draw(st.permutations(range(12)))
    for lsn in range(1, draw(st.integers(0, 40)) + 1):
        kind = draw(st.sampled_from([ChangeKind.PUT, ChangeKind.UPDATE, ChangeKind.DELETE]))
        if kind is ChangeKind.PUT and unused:
            number = unused.pop()
            existing.add(number)
        elif existing:
            kind = ChangeKind.UPDATE if kind is ChangeKind.PUT else kind
            number = draw(st.sampled_from(sorted(existing)))
        else:
            kind, number = ChangeKind.MODE, 0
        document = attributes(number, str(lsn)) if kind in (ChangeKind.PUT, ChangeKind.UPDATE) else None
        file_id = None if kind is ChangeKind.MODE else FileId(UUID(int=number))
        changes.append(Change(Lsn(lsn), kind, START, file_id, document))
        if kind is ChangeKind.DELETE:
            existing.discard(number)
    return changes


def existing_after(changes: list[Change]) -> dict[UUID, Change]:
    found: dict[UUID, Change] = {}
    for change in changes:
        if change.kind is ChangeKind.DELETE and change.file_id is not None:
            del found[change.file_id]
        elif change.attributes is not None:
            found[change.attributes.file_id] = change
    return found


def rows(changes: list[Change], filters: Filters, after: Place | None, limit: int) -> list[IndexedDocument]:
    """What the index answers that has taken these changes."""
    found = []
    for file_id, change in existing_after(changes).items():
        document = change.attributes
        assert document is not None
        place = (document.created_at, file_id)
        if filters.let_through(document) and (after is None or place > after):
            found.append(IndexedDocument(file_id, change.lsn, document.created_at, {"told": change.lsn}))
    found.sort(key=lambda row: (row.created_at, row.file_id))
    return found[:limit]


def pages(log: list[Change], indexed: int, filters: Filters, limit: int) -> Iterator[list[dict[str, Any]]]:
    after: Place | None = None
    while True:
        row_page = rows(log[:indexed], filters, after, limit + 1)
        page = merged_page(row_page, log[min(indexed, 3) :], filters, after, limit)
        assert len(page.items) <= limit
        yield page.items
        if page.next_place is None:
            return
        assert after is None or page.next_place > after
        after = page.next_place


OWNERS = st.sampled_from([None, frozenset({"even"}), frozenset({"odd"}), frozenset({"even", "odd"})])


@given(log=logs(), data=st.data(), owners=OWNERS, limit=st.integers(1, 5))
def test_all_pages_together_are_what_the_log_says(
    log: list[Change], data: st.DataObject, owners: frozenset[str] | None, limit: int
) -> None:
    indexed = data.draw(st.integers(0, len(log)))
    seconds = st.none() | st.integers(0, 5).map(lambda number: START + timedelta(seconds=number))
    filters = Filters(owners, data.draw(seconds), data.draw(seconds))
    listed = [item for page in pages(log, indexed, filters, limit) for item in page]

    expected = []
    for change in existing_after(log).values():
        assert change.attributes is not None
        if filters.let_through(change.attributes):
            expected.append((change.attributes.created_at, change.attributes.file_id, change))
    expected.sort(key=lambda each: each[:2])
    # Rows tell their LSN, what comes from the log is a whole document.
    told = [item.get("told") or int(item["description"]) for item in listed]
    assert told == [change.lsn for _, _, change in expected]


def test_what_is_asked_of_the_log_is_what_the_index_will_say() -> None:
    document = attributes(1, "d")
    change = Change(Lsn(1), ChangeKind.PUT, START, FileId(document.file_id), document)
    page = merged_page([], [change], Filters(), None, 10)
    row = batch_of([change]).rows[document.file_id]
    assert row.attributes is not None
    assert FileAttributes.model_validate_json(row.attributes) == document
    assert page.items[0] == json.loads(document_json(document))
