"""Terms in PostgreSQL: kept with the documents, whatever is given twice, rolled back or replaced."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text

from artstore.kernel.database import Database
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.changes import NOTHING_KNOWN, DocumentChange
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.rows import searchable_texts
from artstore.query.search.text import document_words
from artstore.query.suggest import writing
from artstore.query.suggest.backfill import Backfill
from artstore.query.suggest.tables import catalog_term_backfills, catalog_terms
from artstore.query.suggest.terms import terms_of
from artstore.query.suggest.writing import TermWriter
from artstore.wire.documents import Document, DocumentState, ElementDocument, ElementDocumentPage
from tests.support.element_model import document

Known = set[tuple[str, int, str]]


def some(number: int, *, file_id: UUID | None = None, **fields: object) -> Document:
    attributes = {"party": f"Поставщик {number % 3}", "number": number}
    return document(
        file_id or UUID(int=number + 1),
        **{
            "name": f"договор {number}.pdf",
            "tags": ["shared", f"tag {number % 5}"],
            "custom_attributes": attributes,
            "owner": f"owner-{number % 2}",
            **fields,
        },  # type: ignore[arg-type]  # names of fields
    )


def changes(documents: Collection[Document], *, lsn: int = 1) -> list[DocumentChange]:
    return [DocumentChange(one.file_id, lsn, one) for one in documents]


async def take(catalog: Catalog, documents: Collection[Document], element_id: str = "rw-01") -> None:
    """Take documents, as the first listing of an element gives them."""
    items = [
        ElementDocument(lsn=1, state=DocumentState.ACTIVE, file_id=one.file_id, document=one)
        for one in documents
    ]
    begin = (await catalog.positions()).get(element_id, NOTHING_KNOWN)
    if begin >= 0:
        begin = await catalog.forget(element_id)
    await catalog.take_page(element_id, begin, ElementDocumentPage(items=items, last_lsn=1))


def expected(documents: Collection[Document]) -> Known:
    return {
        (term.owner, term.kind, term.key)
        for one in documents
        for term in terms_of(one, document_words(searchable_texts(one)).words, lambda _: True)
    }


async def known(database: Database) -> Known:
    columns = catalog_terms.c
    async with database.read() as db:
        rows = await db.execute(select(columns.owner, columns.kind, columns.key))
        return {(row.owner, row.kind, row.key) for row in rows}


async def test_come_with_the_documents(catalog: Catalog, database: Database) -> None:
    documents = [some(number) for number in range(20)]
    await take(catalog, documents[:15])
    await take(catalog, documents[10:], "rw-02")
    assert await known(database) == expected(documents)


async def test_change_with_a_document(catalog: Catalog, database: Database) -> None:
    before = some(1)
    after = some(1, name="счёт.pdf", tags=["New"])
    await take(catalog, [before])
    async with database.write() as db:
        await CatalogRepository(terms=TermWriter()).apply(db, "rw-01", changes([after], lsn=2))
    assert await known(database) >= expected([after])


async def test_what_was_rolled_back_is_written_again(database: Database) -> None:
    repository = CatalogRepository(terms=TermWriter())
    with suppress(ZeroDivisionError):
        async with database.write() as db:
            await repository.apply(db, "rw-01", changes([some(1)]))
            raise ZeroDivisionError
    assert await known(database) == set()
    async with database.write() as db:
        written = await repository.apply(db, "rw-01", changes([some(2)]))
    repository.remember(written)
    assert await known(database) == expected([some(2)])


async def test_are_written_to_a_database_that_was_replaced(catalog: Catalog, database: Database) -> None:
    await take(catalog, [some(1)])
    async with database.write() as db:
        await db.execute(text("TRUNCATE query.catalog_terms, query.catalog_files, query.catalog_positions"))
    await database.close()  # as replacing it does
    await take(catalog, [some(1)])
    assert await known(database) == expected([some(1)])


async def test_what_was_written_lately_is_not_written_again(
    catalog: Catalog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was written in one slot is written again in the next, which may begin at any moment.
    monkeypatch.setattr(writing, "SLOT_SECONDS", 10**10)
    await take(catalog, [some(1)])
    async with database.write() as db:
        await db.execute(text("UPDATE query.catalog_terms SET seen = seen - 1"))
    await take(catalog, [some(1)])
    async with database.read() as db:
        query = text(
            "SELECT DISTINCT kind FROM query.catalog_terms WHERE seen = (SELECT max(seen) FROM query.catalog_terms)"
        )
        assert [row.kind for row in await db.execute(query)] == [1]  # names, which are not remembered


async def test_two_processes_write_the_same_in_any_order(database: Database) -> None:
    """Each waits for the other to end its transaction, and neither in turn."""

    async def write(numbers: Collection[int], element_id: str) -> None:
        catalog = Catalog(database, CatalogRepository(terms=TermWriter()))
        for start in range(0, len(numbers), 20):
            batch = [some(number, file_id=uuid4()) for number in list(numbers)[start : start + 20]]
            await take(catalog, batch, element_id)

    await asyncio.gather(
        write(range(100), "a"), write(range(99, -1, -1), "b"), write([*range(50, 100), *range(50)], "c")
    )
    assert {key for _, _, key in await known(database)} == {
        key for _, _, key in expected([some(n) for n in range(100)])
    }


class TestBackfill:
    async def test_makes_those_of_documents_that_were_there_before(
        self, catalog: Catalog, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("artstore.query.suggest.backfill.BATCH_DOCUMENTS", 4)
        documents = [some(number) for number in range(10)]
        await take(catalog, documents)
        await take(catalog, documents[:3], "rw-02")
        async with database.write() as db:
            await db.execute(text("TRUNCATE query.catalog_terms"))
            await db.execute(insert(catalog_term_backfills).values(number=1))
        # Each step by another process, as if the one before had died.
        steps = [await Backfill(database).step() for _ in range(6)]
        assert steps == [4, 4, 4, 1, 0, None]
        assert await known(database) == expected(documents)

    async def test_nothing_to_do_for_a_new_catalog(self, database: Database) -> None:
        assert await Backfill(database).step() is None

    async def test_one_process_at_a_time(self, catalog: Catalog, database: Database) -> None:
        await take(catalog, [some(number) for number in range(10)])
        async with database.write() as db:
            await db.execute(insert(catalog_term_backfills).values(number=1))
        async with database.write() as db:
            await db.execute(select(catalog_term_backfills).with_for_update())
            assert await Backfill(database).step() is None
        assert await Backfill(database).step() == 10
