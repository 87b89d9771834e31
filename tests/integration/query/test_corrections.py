"""Searches with typing errors: what is asked instead, and out of whose words."""

import itertools
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from artstore.kernel.access import Principal
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.forgiving import ForgivingSearch
from artstore.query.search.repository import SearchRepository
from artstore.query.search.service import MAX_CHARACTERS, Question, Search
from artstore.query.suggest.corrections import Corrections
from artstore.query.suggest.words import WordRepository
from artstore.wire.documents import DocumentState, ElementDocument, ElementDocumentPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import ROLE_SCOPES, Role
from tests.support.element_model import document


def principal(
    account: str = "owner", role: Role = Role.USER, granted: frozenset[str] = frozenset()
) -> Principal:
    return Principal(
        account, f"client-{account}", account, role.value, ROLE_SCOPES[role], "token", readable_owners=granted
    )


def forgiving_search(reader: CatalogReader) -> ForgivingSearch:
    return ForgivingSearch(Search(reader, SearchRepository()), reader, Corrections(WordRepository()))


class Archive:
    """Documents put into the catalog, and questions to it."""

    def __init__(self, catalog: Catalog, reader: CatalogReader) -> None:
        self._catalog = catalog
        self._search = forgiving_search(reader)
        self._lsn = itertools.count(1)

    async def store(self, name: str, *, owner: str = "owner", **fields: object) -> UUID:
        lsn = next(self._lsn)
        stored = document(uuid4(), owner=owner, name=name, **fields)
        item = ElementDocument(lsn=lsn, state=DocumentState.ACTIVE, file_id=stored.file_id, document=stored)
        since = lsn - 1 if lsn > 1 else NOTHING_KNOWN
        await self._catalog.take_page("rw-01", since, ElementDocumentPage(items=[item], last_lsn=lsn))
        return stored.file_id

    async def ask(self, words: str, who: Principal | None = None) -> tuple[list[str], str | None]:
        answer = await self._search.answer(Question(words, 20), who or principal())
        return [found.document["original_filename"] for found in answer.page.found], answer.corrected

    async def paged(self, words: str, limit: int) -> Iterator[str]:
        names: list[str] = []
        cursor: str | None = None
        while True:
            answer = await self._search.answer(Question(words, limit, cursor), principal())
            assert answer.corrected == "договор"
            names += [found.document["original_filename"] for found in answer.page.found]
            if (cursor := answer.page.next_cursor) is None:
                return iter(names)


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


class TestCorrections:
    @pytest.mark.parametrize("who", [principal(), principal("admin", Role.ADMIN)], ids=["owner", "all"])
    @pytest.mark.parametrize(
        ("words", "names", "corrected"),
        [
            ("догавор", ["договор 2025.pdf"], "договор"),
            ("ДОГВОР 2025", ["договор 2025.pdf"], "договор 2025"),
            ("дoговор", ["договор 2025.pdf"], "договор"),  # with a Latin letter
            ("договр аренды", ["договор 2025.pdf"], "договор аренды"),
            ("сччёт", ["счёт.pdf"], "счет"),
            ("счют", ["счёт.pdf"], "счет"),
            ("recieved", ["Received goods.docx"], "received"),
            ("goods recieved", ["Received goods.docx"], "goods received"),
            ("received", ["Received goods.docx"], None),
            ("receive", ["Received goods.docx"], None),  # another ending is no error
            ("договор received", [], None),  # known both, only not together
            ("договор 2026", [], None),
            ("гжоывалд", [], None),
            ("сче", [], None),
            ("年度报表", [], None),
            ("", ["年度报告.pdf", "Received goods.docx", "договор 2025.pdf", "счёт.pdf"], None),
        ],
    )
    async def test_nearest_known_words(
        self, archive: Archive, who: Principal, words: str, names: list[str], corrected: str | None
    ) -> None:
        await archive.store("счёт.pdf")
        await archive.store("договор 2025.pdf", description="аренда")
        await archive.store("Received goods.docx")
        await archive.store("年度报告.pdf")
        found, asked = await archive.ask(words, who)
        assert (set(found), asked) == (set(names), corrected)

    async def test_nothing_else_is_asked_while_something_is_found(self, archive: Archive) -> None:
        await archive.store("договор.pdf")
        await archive.store("догавор.pdf")
        assert await archive.ask("догавор") == (["догавор.pdf"], None)

    async def test_pages_by_the_words_that_were_typed(self, archive: Archive) -> None:
        stored = {f"договор {number}.pdf" for number in range(7)}
        for name in stored:
            await archive.store(name)
        assert sorted(await archive.paged("догавор", 3)) == sorted(stored)

    async def test_a_cursor_of_nothing(self, archive: Archive, reader: CatalogReader) -> None:
        await archive.store("договор.pdf")
        for words in ("договор", "догавор"):
            with pytest.raises(Problem) as refused:
                await forgiving_search(reader).answer(Question(words, 1, "forged"), principal())
            assert refused.value.kind is ProblemType.INVALID_CURSOR

    async def test_words_of_documents_that_went(self, archive: Archive, database: Database) -> None:
        await archive.store("договор.pdf")
        async with database.write() as db:
            await db.execute(text("DELETE FROM query.catalog_files"))
        assert await archive.ask("догавор") == ([], None)


class TestWhoSeesWhat:
    async def test_own_words_only(self, archive: Archive) -> None:
        await archive.store("secret.pdf", owner="other")
        await archive.store("section.pdf", owner="mine")
        assert await archive.ask("secrit", principal("mine")) == ([], None)
        assert await archive.ask("secrit", principal("other")) == (["secret.pdf"], "secret")
        assert await archive.ask("secrit", principal("third", Role.AUDITOR)) == (["secret.pdf"], "secret")

    async def test_those_of_granted_accounts(self, archive: Archive) -> None:
        await archive.store("secret.pdf", owner="other")
        who = principal("mine", granted=frozenset({"other"}))
        assert await archive.ask("secrit", who) == (["secret.pdf"], "secret")

    async def test_a_nearer_word_of_others_stands_in_nobodys_way(self, archive: Archive) -> None:
        await archive.store("contract.pdf", owner="other")
        await archive.store("contacts.pdf", owner="mine")
        assert await archive.ask("contracts", principal("mine")) == (["contacts.pdf"], "contacts")


@given(st.text(max_size=MAX_CHARACTERS) | st.text("()&|!<->:*'\"\\абвгд \x00\u0301", max_size=60))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_text_is_answered_or_refused(reader: CatalogReader, words: str) -> None:
    refusal: Problem | None = None
    try:
        answer = await forgiving_search(reader).answer(Question(words, 10), principal())
    except Problem as problem:
        refusal = problem
    if refusal is None:
        assert (answer.page.found, answer.corrected) == ([], None)
    else:
        assert refusal.kind is ProblemType.INVALID_PARAMETER
