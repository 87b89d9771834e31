"""Terms that no document has any more go, and no others, whatever happens meanwhile."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from artstore.kernel.database import Database
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.changes import NOTHING_KNOWN, DocumentChange
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.suggest.sweeping import Sweeper
from artstore.query.suggest.sweeps import SweepRepository
from artstore.query.suggest.writing import TermWriter
from artstore.wire.documents import Document, DocumentState, ElementDocument, ElementDocumentPage
from tests.support.element_model import document


class Archive:
    """The catalog of one element, whose clock can be put forward."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lsn = 0
        self._documents: dict[int, Document] = {}

    async def put(self, number: int, name: str, *, owner: str = "owner", **fields: object) -> None:
        self._documents[number] = document(UUID(int=number), owner=owner, name=name, **fields)
        await self._apply(number, self._documents[number])

    async def delete(self, number: int) -> None:
        await self._apply(number, None)

    async def _apply(self, number: int, stored: Document | None) -> None:
        self._lsn += 1
        repository = CatalogRepository(terms=TermWriter())
        async with self._database.write() as db:
            await repository.apply(db, "rw-01", [DocumentChange(UUID(int=number), self._lsn, stored)])

    async def wait(self) -> None:
        """Until what was seen is settled, and whoever is doubted is due."""
        async with self._database.write() as db:
            await db.execute(text("UPDATE query.catalog_terms SET seen = seen - 10"))
            await db.execute(text("UPDATE query.catalog_term_owners SET due = due - interval '1 day'"))

    async def sweep(self) -> int:
        """Whoever is due; how many these were."""
        swept = 0
        while await Sweeper(self._database).step():
            swept += 1
        return swept

    async def names(self) -> set[str]:
        return await self._shown("kind = 1")

    async def words(self) -> set[str]:
        return await self._shown("kind = 5")

    async def suggested(self) -> set[str]:
        return await self._shown("kind < 5")

    async def _shown(self, which: str) -> set[str]:
        async with self._database.read() as db:
            rows = await db.execute(text(f"SELECT shown FROM query.catalog_terms WHERE {which}"))
            return {row.shown for row in rows}


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


async def test_terms_of_a_deleted_document(archive: Archive) -> None:
    await archive.put(1, "gone.txt", tags=["shared", "lost"], custom_attributes={"a": "kept", "b": "lost"})
    await archive.put(2, "stays.txt", tags=["shared"], custom_attributes={"a": "kept"})
    await archive.put(3, "others.txt", owner="other", tags=["lost"])
    await archive.delete(1)
    await archive.wait()
    assert await archive.sweep() == 1
    assert await archive.suggested() == {"stays.txt", "shared", "a", "kept", "others.txt", "lost"}


async def test_terms_that_a_change_took_away(archive: Archive) -> None:
    await archive.put(1, "before.txt")
    await archive.put(1, "after.txt")
    await archive.wait()
    await archive.sweep()
    assert await archive.names() == {"after.txt"}


async def test_words_that_nobody_uses_go_after_them(archive: Archive) -> None:
    await archive.put(1, "gone shared.txt")
    await archive.put(2, "stays shared.txt", owner="other")
    await archive.delete(1)
    await archive.wait()
    await archive.sweep()
    assert await archive.words() == {"gone", "shared", "stays", "somebody"}
    await archive.wait()
    await archive.sweep()
    assert await archive.words() == {"shared", "stays", "somebody"}


async def test_nobody_is_swept_without_a_reason(archive: Archive) -> None:
    await archive.put(1, "new.txt")
    await archive.wait()
    assert await archive.sweep() == 0


async def test_not_before_it_is_due(archive: Archive) -> None:
    await archive.put(1, "gone.txt")
    await archive.delete(1)
    assert await archive.sweep() == 0
    assert await archive.names() == {"gone.txt"}


async def test_what_was_seen_lately_stays_and_is_looked_at_again(
    archive: Archive, database: Database
) -> None:
    await archive.put(1, "gone.txt")
    await archive.delete(1)
    await archive.wait()
    await archive.put(2, "gone.txt")
    async with database.write() as db:  # as one that the sweep passed before it came would look to it
        await db.execute(text("DELETE FROM query.catalog_files"))
    assert await archive.sweep() == 1
    assert await archive.names() == {"gone.txt"}
    await archive.wait()
    assert await archive.sweep() == 1
    assert await archive.names() == set()


async def test_a_doubt_that_comes_during_the_sweep_is_not_settled_by_it(
    archive: Archive, database: Database
) -> None:
    await archive.put(1, "one.txt")
    await archive.put(2, "two.txt")
    await archive.delete(1)
    await archive.wait()
    async with database.write() as db:
        doubt = await SweepRepository().claim(db)
    assert doubt is not None
    await archive.delete(2)
    async with database.write() as db:
        await SweepRepository().settle(db, doubt, whole=True, rest=timedelta(days=-1))
        assert await SweepRepository().claim(db) is not None


async def test_one_process_for_each_owner(archive: Archive, database: Database) -> None:
    for owner in ("one", "two"):
        number = 1 + (owner == "two")
        await archive.put(number, "gone.txt", owner=owner)
        await archive.delete(number)
    await archive.wait()
    claims = []
    for _ in range(3):
        async with database.write() as db:
            claims.append(await SweepRepository().claim(db))
    assert {claim and claim.owner for claim in claims} == {"one", "two", None}


async def test_many_documents(catalog: Catalog, archive: Archive, database: Database) -> None:
    """More than fit into one step, half of them gone with the element's old history."""

    def page(numbers: Collection[int]) -> ElementDocumentPage:
        stored = [document(UUID(int=number + 1), name=f"note {number}.txt") for number in numbers]
        items = [
            ElementDocument(lsn=1, state=DocumentState.ACTIVE, file_id=one.file_id, document=one)
            for one in stored
        ]
        return ElementDocumentPage(items=items, last_lsn=1)

    await catalog.take_page("rw-01", NOTHING_KNOWN, page(range(1000)))
    begin = await catalog.forget("rw-01")
    await catalog.take_page("rw-01", begin, page(range(0, 1000, 2)))
    await archive.wait()
    assert await archive.sweep() == 1
    names = await archive.names()
    assert names >= {f"note {number}.txt" for number in range(0, 1000, 2)}
    assert len(names) < 520  # one of a thousand may stay
