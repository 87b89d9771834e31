"""The catalog's rules, tried with every order in which the changes of an element may arrive."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.kernel.database import Database
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.catching_up import catch_up
from artstore.query.catalog.changes import (
    NOTHING_KNOWN,
    Advance,
    Entry,
    by_events,
    by_listing,
    is_readable,
    new_beginning,
    told_by,
)
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.rows import Rows, rows_of
from artstore.wire.documents import Document, ElementDocumentPage
from artstore.wire.events import ElementEvent, EventKind
from tests.support.element_model import BEGINNING, ModelElement
from tests.support.histories import IDS, KINDS, Walk

ELEMENT = "rw-01"

CHANGES = st.lists(st.tuples(KINDS, st.sampled_from(IDS)), max_size=30)


class MemoryCatalog:
    """The rules of the repository without a database, for one element."""

    def __init__(self) -> None:
        self.position = NOTHING_KNOWN
        self.rows: dict[UUID, tuple[int, Document]] = {}

    def documents(self) -> dict[UUID, Document]:
        return {file_id: found for file_id, (_, found) in self.rows.items()}

    async def positions(self) -> dict[str, int]:
        return {ELEMENT: self.position}

    async def take_events(self, element_id: str, entries: Sequence[Entry]) -> Advance:
        return self._take(by_events(self.position, entries))

    async def prepare(self, page: ElementDocumentPage) -> Rows:
        return rows_of(told_by(page))

    async def take_page(
        self, element_id: str, since: int, page: ElementDocumentPage, rows: Rows | None = None
    ) -> Advance:
        advance = by_listing(self.position, since, page)
        if rows is not None:
            assert {change.file_id for change in advance.changes if change.document} <= rows.keys()
        return self._take(advance)

    async def forget(self, element_id: str) -> int:
        self.position = new_beginning()
        self.rows.clear()
        return self.position

    def _take(self, advance: Advance) -> Advance:
        assert advance.position >= self.position
        for change in advance.changes:
            if self.rows.get(change.file_id, (NOTHING_KNOWN,))[0] >= change.lsn:
                continue
            if change.document is None:
                self.rows.pop(change.file_id, None)
            else:
                self.rows[change.file_id] = (change.lsn, change.document)
        self.position = advance.position
        return advance


def page_of(element: ModelElement) -> Callable[[int, str | None], Coroutine[Any, Any, ElementDocumentPage]]:
    async def fetch(since: int, cursor: str | None) -> ElementDocumentPage:
        return element.page(since, cursor, limit=3)

    return fetch


@given(st.data(), st.sets(st.sampled_from(IDS)))
@settings(max_examples=300, deadline=None)
def test_ends_equal_to_the_element_whatever_arrives(data: st.DataObject, adopted: set[UUID]) -> None:
    element, catalog = ModelElement(ELEMENT, adopted), MemoryCatalog()
    walk = Walk(data, element, catalog)
    asyncio.run(walk.go(most_steps=25))
    asyncio.run(walk.list_all(limit=3))
    assert catalog.position == element.last_lsn
    assert catalog.documents() == element.documents()


@given(CHANGES, st.integers(1, 5), st.integers(1, 3))
def test_stream_alone_is_enough_where_it_is_whole(
    changes: list[tuple[EventKind, UUID]], batch: int, overlap: int
) -> None:
    element, position = ModelElement(), 0
    latest: dict[UUID, Document | None] = {}
    for kind, file_id in changes:
        element.change(kind, file_id)
    for begin in range(0, element.last_lsn, batch):
        lsns = range(max(0, begin - overlap) + 1, min(begin + batch, element.last_lsn) + 1)
        advance = by_events(position, element.entries(lsns))
        assert not advance.gap
        latest |= {change.file_id: change.document for change in advance.changes}
        position = advance.position
    assert {file_id: found for file_id, found in latest.items() if found} == element.documents()
    assert position == element.last_lsn


class TestListing:
    def test_what_went_while_a_first_listing_was_broken_off_is_not_kept(self) -> None:
        element, catalog = ModelElement(ELEMENT, IDS[:2]), MemoryCatalog()
        asyncio.run(catalog.take_page(ELEMENT, NOTHING_KNOWN, element.page(NOTHING_KNOWN, None, 1)))
        assert list(catalog.rows) == IDS[:1]
        element.change(EventKind.DELETE, IDS[0])
        element.rebuild_index(element.last_lsn)  # it no longer tells of the deletion
        asyncio.run(catch_up(catalog, ELEMENT, catalog.position, page_of(element)))
        assert catalog.documents() == element.documents()

    def test_one_that_began_before_another_forgot_is_given_up(self) -> None:
        element, catalog = ModelElement(ELEMENT, IDS[:2]), MemoryCatalog()
        asyncio.run(catalog.forget(ELEMENT))
        assert by_listing(catalog.position, NOTHING_KNOWN, element.page(NOTHING_KNOWN, None, 1)).gap


class TestByEvents:
    def test_begins_with_the_listing(self) -> None:
        element = ModelElement()
        element.change(EventKind.PUT, IDS[0])
        assert by_events(NOTHING_KNOWN, element.entries([1])) == Advance(NOTHING_KNOWN, [], gap=True)

    def test_known_events_are_no_gap(self) -> None:
        element = ModelElement()
        for _ in range(3):
            element.change(EventKind.MODE, IDS[0])
        assert by_events(3, element.entries([1, 2, 3])) == Advance(3, [])

    def test_stops_before_what_cannot_be_read(self) -> None:
        element = ModelElement()
        element.change(EventKind.PUT, IDS[0])
        element.change(EventKind.PUT, IDS[1])
        advance = by_events(0, [*element.entries([1]), Entry(2, None), *element.entries([2])])
        assert (advance.position, advance.gap) == (1, True)
        assert [change.file_id for change in advance.changes] == [IDS[0]]

    def test_gives_each_document_once(self) -> None:
        element = ModelElement()
        for kind in (EventKind.PUT, EventKind.UPDATE, EventKind.DELETE):
            element.change(kind, IDS[0])
        [change] = by_events(0, element.entries([1, 2, 3])).changes
        assert (change.lsn, change.document) == (3, None)


@pytest.mark.parametrize(
    ("kind", "given", "readable"),
    [
        ("put", {"file_id": IDS[0]}, False),
        ("update", {}, False),
        ("delete", {}, False),
        ("delete", {"file_id": IDS[0]}, True),
        ("mode", {}, True),
    ],
)
def test_readable(kind: str, given: dict[str, UUID], readable: bool) -> None:
    event = ElementEvent(lsn=1, kind=EventKind(kind), element_id="rw-01", at=BEGINNING, **given)
    assert is_readable(event) is readable


def test_others_run_while_a_page_is_prepared() -> None:
    """Among them whoever waits for PostgreSQL to have written the page before."""
    element = ModelElement(adopted=[UUID(int=n) for n in range(100)])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def prepared() -> Rows:
        running = asyncio.create_task(others())
        try:
            # Nothing is asked of a database.
            return await Catalog(cast(Database, None), CatalogRepository()).prepare(
                element.page(-1, None, 100)
            )
        finally:
            running.cancel()

    assert asyncio.run(prepared()).keys() == element.documents().keys()
    assert turns >= 10
