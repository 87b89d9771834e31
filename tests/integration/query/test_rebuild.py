"""Rebuilding the catalog beside the one that is searched, with real PostgreSQL and Redis. The elements are
models behind real HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Row, text

from artstore.kernel.background import Background
from artstore.kernel.database import Database
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.rebuild import rebuilder as rebuilding
from artstore.query.rebuild.endpoints import CatalogState
from artstore.query.rebuild.rebuilder import CONNECTIONS, Rebuilder
from artstore.query.rebuild.repository import (
    NextCatalogRepository,
    NotTheBuilder,
    RebuildRepository,
)
from artstore.query.suggest.backfill import Backfill
from artstore.wire.events import EventKind
from tests.support.system import eventually

from .following import Following, ServedElement

StartRebuilder = Callable[[], Awaitable[Rebuilder]]


@pytest.fixture
async def start_rebuilder(following: Following, database_url: str) -> AsyncIterator[StartRebuilder]:
    """Starts rebuilders, each with connections of its own as in a process of its own."""
    async with AsyncExitStack() as stack:

        async def start() -> Rebuilder:
            building = Database(database_url, application_name="rebuild", pool_size=CONNECTIONS)
            stack.push_async_callback(building.close)
            rebuilder = Rebuilder(building, following.listing, following.directory)
            background = Background()
            background.start("rebuild", rebuilder.run)
            stack.push_async_callback(background.stop)
            return rebuilder

        yield start


async def last(database: Database) -> "Row[Any]":
    async with database.read() as db:
        row = await RebuildRepository().last(db)
    assert row is not None, "nobody asked for a rebuild"
    return row


async def finished(database: Database) -> "Row[Any]":
    async def is_finished() -> bool:
        return (await last(database)).finished_at is not None

    await eventually(is_finished, "the rebuild does not come to its end")
    return await last(database)


async def spoil(database: Database) -> None:
    """What a catalog can be after years: a document is missing, one is there that no element has."""
    async with database.write() as db:
        await db.execute(
            text("DELETE FROM query.catalog_files WHERE file_id = :file_id"), {"file_id": UUID(int=2)}
        )
        await db.execute(
            text("UPDATE query.catalog_files SET file_id = :wrong WHERE file_id = :file_id"),
            {"wrong": UUID(int=999), "file_id": UUID(int=3)},
        )


INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'catalog_files'"
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attcollation, attnotnull, attstattarget, pg_get_expr(adbin, adrelid)
FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE attrelid = 'query.catalog_files'::regclass AND attnum > 0 AND NOT attisdropped
"""


async def made_of(database: Database) -> set[tuple[object, ...]]:
    """The columns of the catalog, with how they are made, and its indexes."""
    async with database.read() as db:
        statements = (INDEXES, COLUMNS.replace("::", r"\:\:"))
        return {tuple(row) for each in statements for row in await db.execute(text(each))}


async def test_ends_equal_to_the_elements(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    other = await following.with_documents("rw-02", 11, 12, 13, 14)
    before = await made_of(database)
    await spoil(database)
    await (await start_rebuilder()).ask()
    row = await finished(database)
    assert (row.documents, row.expected, row.kept, row.waits_for) == (7, 7, [], None)
    for each in (element, other):
        assert await following.documents(each.element_id) == each.documents()
    assert await made_of(database) == before
    async with database.read() as db:
        assert await db.scalar(text("SELECT to_regnamespace('query_next')")) is None
    # The follower goes on where the rebuild has come to.
    await element.store(4, 5)
    await following.equals(element)


async def test_terms_are_made_of_it_afterwards(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    """And those are looked for that only the old one had."""
    old = """
        TRUNCATE query.catalog_terms;
        INSERT INTO query.catalog_terms (owner, kind, key, shown, seen) VALUES
            ('a', 1, 'one', 'one', 0), ('a', 1, 'two', 'two', 0), ('b', 1, 'one', 'one', 0)
    """
    async with database.write() as db:
        await db.execute(text(old))
    await (await start_rebuilder()).ask()
    await finished(database)
    while await Backfill(database).step() is not None:
        pass
    async with database.read() as db:
        terms = await db.execute(text("SELECT owner, shown FROM query.catalog_terms WHERE kind = 1"))
        doubted = text("SELECT owner FROM query.catalog_term_owners WHERE doubts > swept")
        assert {"a", "b"} <= {row.owner for row in await db.execute(doubted)}
        assert {tuple(row) for row in terms} >= {("owner", "note.txt"), ("b", "one")}


async def test_what_changes_meanwhile_is_in_it(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    """And searches go on, and never see less than before."""
    rebuilder = await start_rebuilder()
    stop = asyncio.Event()

    async def change() -> None:
        number = 100
        while not stop.is_set():
            number += 1
            await element.store(number, number + 10_000)
            before = element.last_lsn
            element.change(EventKind.DELETE, UUID(int=number + 10_000))
            await element.publish(before)
            await element.announce()
            await asyncio.sleep(0.05)

    async def count() -> None:
        seen = 0
        while not stop.is_set():
            async with database.read() as db:
                found = await db.scalar(
                    text("SELECT count(*) FROM query.catalog_files WHERE file_id <= :last"),
                    {"last": UUID(int=10_000)},
                )
            assert found >= seen
            seen = found

    async with asyncio.TaskGroup() as group:
        group.create_task(change())
        group.create_task(count())
        for _ in range(2):
            await rebuilder.ask()
            await finished(database)
        stop.set()
    await following.equals(element)
    await following.reaches(element)


async def test_an_element_that_cannot_be_asked_is_kept(
    following: Following,
    element: ServedElement,
    database: Database,
    start_rebuilder: StartRebuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(rebuilding, "_ROWS_AT_ONCE", 2)
    other = await following.with_documents("rw-02", 11, 12, 13, 14, 15)
    other.away = True
    await spoil(database)
    await (await start_rebuilder()).ask()
    row = await finished(database)
    assert row.kept == ["rw-02"]
    assert await following.documents("rw-01") == element.documents()
    assert await following.documents("rw-02") == other.documents()
    other.away = False
    await other.store(16)
    await following.equals(other)


async def test_an_element_that_fails_in_the_middle_is_kept_as_the_catalog_has_it(
    following: Following,
    element: ServedElement,
    database: Database,
    start_rebuilder: StartRebuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also what is deleted and changed after the page that the rebuild still got, and before the copy."""
    monkeypatch.setattr(rebuilding, "_FIRST_PAUSE_SECONDS", 0.001)
    other = await following.with_documents("rw-02", 11, 12, 13, 14, 15)
    other.only_first_pages = True
    copy_ahead = RebuildRepository.copy_ahead

    async def copied_later(self: RebuildRepository, *arguments: Any) -> UUID | None:
        if other.last_lsn == 5:
            other.change(EventKind.DELETE, UUID(int=11))
            other.change(EventKind.UPDATE, UUID(int=12))
            await other.publish(5)
            await following.reaches(other)
        return await copy_ahead(self, *arguments)

    monkeypatch.setattr(RebuildRepository, "copy_ahead", copied_later)
    await (await start_rebuilder()).ask()
    assert (await finished(database)).kept == ["rw-02"]
    assert await following.documents("rw-02") == other.documents()
    other.only_first_pages = False
    await other.store(16)
    await following.equals(other)


async def test_an_element_that_comes_meanwhile_is_in_it(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    element.answers.clear()
    listings = element.listings
    await (await start_rebuilder()).ask()
    await eventually(lambda: element.listings > listings, "the rebuild does not begin")
    other = await following.with_documents("rw-02", 11, 12, 13)
    element.answers.set()
    await finished(database)
    assert await following.documents("rw-02") == other.documents()
    await other.store(14)
    await following.equals(other)


async def test_an_element_that_hangs_at_the_end_holds_nothing_up(
    following: Following,
    element: ServedElement,
    database: Database,
    start_rebuilder: StartRebuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuilding, "_ELEMENT_SECONDS", 0.2)
    monkeypatch.setattr(rebuilding, "_LAST_CHANGES_SECONDS", 0.2)
    make_indexes = RebuildRepository.make_indexes

    async def then_hangs(self: RebuildRepository, *arguments: Any) -> None:
        await make_indexes(self, *arguments)
        element.answers.clear()
        await element.store(4, 5)
        await following.reaches(element)

    monkeypatch.setattr(RebuildRepository, "make_indexes", then_hangs)
    await (await start_rebuilder()).ask()
    assert (await finished(database)).kept == ["rw-01"]
    assert await following.documents("rw-01") == element.documents()
    element.answers.set()
    await element.store(6)
    await following.equals(element)


async def test_one_is_under_way_at_a_time(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    first, second = await start_rebuilder(), await start_rebuilder()
    element.answers.clear()
    await first.ask()

    async def begun() -> bool:
        return (await last(database)).builder is not None

    await eventually(begun, "nobody takes it up")
    before = await last(database)
    await second.ask()
    assert (await last(database)).builder == before.builder
    element.answers.set()
    assert (await finished(database)).asked_at == before.asked_at


async def test_goes_on_when_its_process_dies(
    following: Following, element: ServedElement, database: Database, start_rebuilder: StartRebuilder
) -> None:
    """A builder that is silent for long is taken for dead, and can do no harm should it live."""
    repository, stalled = RebuildRepository(), uuid4()
    async with database.write() as db:
        await repository.ask(db)
        assert await repository.claim(db, stalled)
        await repository.prepare(db)
    async with database.write() as db:
        await db.execute(text("UPDATE query.catalog_rebuild SET alive_at = alive_at - interval '31 s'"))
    element.answers.clear()
    await start_rebuilder()

    async def taken_up() -> bool:
        return (await last(database)).builder not in (None, stalled)

    await eventually(taken_up, "nobody takes it up")
    beside = Catalog(database, NextCatalogRepository(stalled))
    with pytest.raises(NotTheBuilder):
        await beside.take_events("rw-01", [])
    async with database.write() as db:
        with pytest.raises(NotTheBuilder):
            await repository.beat(db, stalled)
    async with database.write() as db:
        with pytest.raises(NotTheBuilder):
            await repository.hold_followers(db, stalled)
    element.answers.set()
    await finished(database)
    assert await following.documents("rw-01") == element.documents()


async def test_begins_anew_where_it_fails(
    following: Following,
    element: ServedElement,
    database: Database,
    start_rebuilder: StartRebuilder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    make_indexes = RebuildRepository.make_indexes

    async def fails_once(self: RebuildRepository, *arguments: Any) -> None:
        if not told:
            told.append("it failed")
            raise ZeroDivisionError
        told.append("it is made")
        await make_indexes(self, *arguments)

    monkeypatch.setattr(RebuildRepository, "make_indexes", fails_once)
    await (await start_rebuilder()).ask()
    assert (await finished(database)).waits_for is None
    assert len(told) == 2
    assert await following.documents("rw-01") == element.documents()


async def test_tables_of_another_version_are_left_alone(database: Database) -> None:
    repository = RebuildRepository()
    async with database.write() as db:
        await repository.ask(db)
        await db.execute(text("UPDATE query.alembic_version SET version_num = 'of tomorrow'"))
    async with database.write() as db:
        assert not await repository.claim(db, uuid4())


async def test_catalog_repository_counts_what_it_is_given(database: Database) -> None:
    async with database.write() as db:
        await RebuildRepository().prepare(db)
        assert await CatalogRepository().positions(db) == {}
        assert await NextCatalogRepository(uuid4()).document_counts(db) == {}


async def test_an_element_that_the_catalog_has_not_begun_with_is_told_of(
    following: Following, reader: CatalogReader
) -> None:
    """Or a catalog that has nothing yet would seem to have all."""
    state = CatalogState(reader, following.directory)
    silent = await following.element("rw-01")
    silent.away = True
    await silent.store(1, publish=False)
    await silent.announce()
    await eventually(lambda: silent.listings > 0, "it is not asked")
    [told] = (await state.report()).elements
    assert (told.element_id, told.documents, told.lag) == ("rw-01", 0, None)
