"""Orders, pages and totals of searches in PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search import repository
from artstore.query.search.cursor import Mark, Place, write_place
from artstore.wire.documents import Document
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Role
from artstore.wire.search import SearchMode, SearchSort
from artstore.wire.search_filters import SearchFilters
from tests.support.element_model import BEGINNING, document
from tests.support.search_archive import Archive, principal

NAMES = (
    "Ёж.txt",
    "ель.txt",
    "Éclair.txt",
    "eclair.txt",
    "Zebra.txt",
    "年.txt",
    "a" * 120 + "b",
    "a" * 120 + "a",
)


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


def made(number: int, **fields: Any) -> Document:
    """Names, sizes and times that come several times each."""
    return document(
        UUID(int=number * 7919 % 101 + 1),
        name=NAMES[number % 8] if number % 16 < 8 else f"ledger {number % 5}.txt",
        file_size=number * 31 % 7 + 1,
        updated_at=BEGINNING + timedelta(days=number * 13 % 5, microseconds=number % 2),
        description="ledger " * (number % 4) + "word " * (number % 3),
        **fields,
    )


def fold(name: str) -> str:
    return name.casefold().replace("ё", "е").replace("é", "e")[:100]


KEYS: dict[SearchSort, Any] = {
    SearchSort.NEWEST: lambda found: (),
    SearchSort.OLDEST: lambda found: (),
    SearchSort.NAME: lambda found: (fold(found.original_filename),),
    SearchSort.NAME_DOWN: lambda found: (fold(found.original_filename),),
    SearchSort.SMALLEST: lambda found: (found.file_size,),
    SearchSort.LARGEST: lambda found: (found.file_size,),
    SearchSort.CHANGED_FIRST: lambda found: (found.updated_at,),
    SearchSort.CHANGED_LAST: lambda found: (found.updated_at,),
}


async def all_pages(archive: Archive, words: str, *, each: int, **more: Any) -> list[UUID]:
    """Meanwhile a document arrives with each page, newer than all."""
    found: list[UUID] = []
    cursor = None
    for number in range(1000):
        question = archive.question(words, cursor=cursor, **{"limit": each, **more})
        page = await archive.search.page(question, principal("owner"))
        assert len(page.found) <= each
        found += [one.mark.file_id for one in page.found]
        cursor = page.next_cursor
        if cursor is None:
            return found
        await archive.store("ledger late.txt", file_id=UUID(int=9_000 + number), file_size=100)
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("sort", KEYS)
async def test_each_document_once_in_its_order(archive: Archive, sort: SearchSort) -> None:
    stored = [made(number) for number in range(40)]
    await archive.take(stored)
    expected = sorted(
        stored,
        key=lambda found: (*KEYS[sort](found), found.created_at, found.file_id),
        reverse=sort.value.startswith("-"),
    )
    before_all = SearchFilters(created_before=BEGINNING + timedelta(seconds=1000))
    found = await all_pages(archive, "", each=7, sort=sort, filters=before_all)
    assert found == [one.file_id for one in expected]


class TestRelevance:
    async def test_what_fits_better_comes_first(self, archive: Archive) -> None:
        await archive.store("contracts and many other words of a long name.txt", file_id=UUID(int=9))
        await archive.store("contract contract.txt", file_id=UUID(int=1))
        await archive.store("contracts.txt", file_id=UUID(int=8))
        await archive.store("other.txt", file_id=UUID(int=7))
        names = await archive.names("contract", sort=SearchSort.RELEVANCE)
        assert [name.partition(".")[0].partition(" ")[0] for name in names] == [
            "contract",
            "contracts",
            "contracts",
        ]
        assert names[2].startswith("contracts and")

    @pytest.mark.parametrize("mode", SearchMode)
    @pytest.mark.parametrize("ranked", [7, 1000])
    async def test_each_document_once(
        self, archive: Archive, mode: SearchMode, ranked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where more are found than are compared at once: then window by window, the newest first."""
        for module in ("repository", "service"):
            monkeypatch.setattr(f"artstore.query.search.{module}.RANKED", ranked)
        stored = [made(number) for number in range(40)]
        await archive.take(stored)
        question = archive.question("ledger", mode=mode)
        everything = {
            one.mark.file_id for one in (await archive.search.page(question, principal("owner"))).found
        }
        assert len(everything) > 20
        for each in (3, 7, 100):
            found = await all_pages(archive, "ledger", each=each, mode=mode, sort=SearchSort.RELEVANCE)
            assert len(found) == len(set(found))
            assert set(found) - {UUID(int=number) for number in range(9_000, 10_000)} == everything

    async def test_what_goes_meanwhile_takes_nothing_else_with_it(
        self, archive: Archive, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("repository", "service"):
            monkeypatch.setattr(f"artstore.query.search.{module}.RANKED", 10)
        await archive.take(made(number) for number in range(40))
        everything = (await archive.search.page(archive.question("ledger"), principal("owner"))).found
        found: list[UUID] = []
        cursor: str | None = None
        while True:
            question = archive.question("ledger", cursor=cursor, limit=3, sort=SearchSort.RELEVANCE)
            page = await archive.search.page(question, principal("owner"))
            found += [one.mark.file_id for one in page.found]
            if (cursor := page.next_cursor) is None:
                break
            async with database.write() as db:
                gone = text("DELETE FROM query.catalog_files WHERE file_id = :file_id")
                await db.execute(gone, {"file_id": page.found[0].mark.file_id})
        assert sorted(found) == sorted(one.mark.file_id for one in everything)

    async def test_what_comes_late_pushes_nothing_out(
        self, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a batch does, or a transfer: its documents are older than when they can be found."""
        for module in ("repository", "service"):
            monkeypatch.setattr(f"artstore.query.search.{module}.RANKED", 10)
        documents = [made(number) for number in range(40)]
        late = documents[30:36]
        await archive.take([one for one in documents if one not in late])
        before = (await archive.search.page(archive.question("ledger"), principal("owner"))).found
        question = archive.question("ledger", limit=3, sort=SearchSort.RELEVANCE)
        page = await archive.search.page(question, principal("owner"))
        found = [one.mark.file_id for one in page.found]
        await archive.take(late)
        while page.next_cursor is not None:
            question = replace(question, cursor=page.next_cursor)
            page = await archive.search.page(question, principal("owner"))
            found += [one.mark.file_id for one in page.found]
        assert {one.mark.file_id for one in before} <= set(found)
        assert len(found) == len(set(found))

    async def test_without_words_the_newest_come_first(self, archive: Archive) -> None:
        await archive.take(made(number) for number in range(20))
        newest = await all_pages(archive, "", each=100)
        assert await all_pages(archive, "", each=100, sort=SearchSort.RELEVANCE) == newest


class TestCursors:
    async def test_of_another_order(self, archive: Archive) -> None:
        await archive.take(made(number) for number in range(5))
        _, cursor = await archive.ask("", limit=2, sort=SearchSort.NAME)
        for sort in set(SearchSort) - {SearchSort.NAME}:
            with pytest.raises(Problem) as refused:
                await archive.ask("", limit=2, sort=sort, cursor=cursor)
            assert refused.value.kind is ProblemType.INVALID_CURSOR

    async def test_of_other_filters(self, archive: Archive) -> None:
        await archive.take(made(number) for number in range(5))
        _, cursor = await archive.ask("", limit=2)
        with pytest.raises(Problem) as refused:
            await archive.ask("", limit=2, cursor=cursor, filters=SearchFilters(extension=["txt"]))
        assert refused.value.kind is ProblemType.INVALID_CURSOR


class TestTotal:
    async def total(
        self, archive: Archive, words: str, owner: str = "owner", **more: Any
    ) -> tuple[int, bool]:
        question = archive.question(words, total=True, limit=1, **more)
        page = await archive.search.page(question, principal(owner))
        assert page.total is not None
        return page.total.value, page.total.exact

    async def test_is_of_what_the_caller_sees(self, archive: Archive) -> None:
        await archive.take(made(number) for number in range(10))
        await archive.take(document(UUID(int=n + 500), owner="other", name="txt") for n in range(30))
        assert await self.total(archive, "") == (10, True)
        assert await self.total(archive, "txt", "other") == (30, True)
        assert await self.total(archive, "!!!") == (0, True)
        page = await archive.search.page(archive.question("", total=True), principal("x", Role.ADMIN))
        assert page.total is not None
        assert page.total.value == 40

    async def test_is_not_said_unasked(self, archive: Archive) -> None:
        page = await archive.search.page(archive.question(""), principal("owner"))
        assert page.total is None

    async def test_copies_of_a_document_that_moves_count_once(self, archive: Archive) -> None:
        temporary = document(UUID(int=1), retention_policy="temporary")
        await archive.take([temporary], element_id="edit-01")
        await archive.take([document(UUID(int=1), retention_policy="permanent")])
        assert await self.total(archive, "") == (1, True)

    async def test_is_estimated_from_what_the_caller_sees(
        self, archive: Archive, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(repository, "COUNTED", 500)
        monkeypatch.setattr(repository, "SAMPLED", 1000)
        for owner, count in (("owner", 1500), ("other", 1500)):
            await archive.take(
                document(UUID(int=(owner == "other") * 100_000 + number), owner=owner, name="x")
                for number in range(count)
            )
        async with database.write() as db:
            await db.execute(text("ANALYZE query.catalog_files"))
        value, exact = await self.total(archive, "x")
        assert not exact
        assert 500 < value < 3000


@pytest.mark.parametrize("key", ["name", 10**30, True, None, [], 1.5])
async def test_a_forged_place_is_refused_or_shows_what_may_be_seen(archive: Archive, key: Any) -> None:
    """Whoever knows how cursors are sealed can make one up."""
    await archive.take(document(UUID(int=n + 500), owner="other") for n in range(3))
    mark = Mark(BEGINNING + timedelta(days=9), UUID(int=0), "rw\x00")
    sealed = []

    def sealing(cursor: str, *, question: str, key: type) -> Place:
        sealed.append(question)
        raise Problem(ProblemType.INVALID_CURSOR, "told")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("artstore.query.search.service.read_place", sealing)
        with pytest.raises(Problem):
            await archive.ask("", cursor="x", sort=SearchSort.LARGEST)
    for place in (Place(key, mark), Place(key, Mark(BEGINNING, UUID(int=0), "rw")), Place(2**62, mark)):
        with pytest.raises(Problem) as refused:
            await archive.ask("", sort=SearchSort.LARGEST, cursor=write_place(place, question=sealed[0]))
        assert refused.value.kind is ProblemType.INVALID_CURSOR
    good = Place(2**62, Mark(BEGINNING, UUID(int=0), "rw"))
    names, _ = await archive.ask("", sort=SearchSort.LARGEST, cursor=write_place(good, question=sealed[0]))
    assert names == []
