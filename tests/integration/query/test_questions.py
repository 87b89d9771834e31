"""The language of questions in PostgreSQL, beside a judge in plain Python, on random documents in three
scripts."""

import itertools
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from artstore.kernel.database import Database
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search.matching import TRIGRAM
from artstore.query.search.text import fold, term_words
from artstore.wire.search import SearchMode
from tests.support.element_model import document
from tests.support.search_archive import Archive, principal
from tests.support.search_model import STEMS, Asked, judge, plain, questions, texts

owners = (f"owner-{number}" for number in itertools.count())

shared = settings(
    max_examples=40,
    deadline=None,
    # The database is shared by all examples on purpose: each has documents of an owner of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


@given(
    st.lists(st.lists(texts(), min_size=1, max_size=4), min_size=1, max_size=8),
    st.lists(questions(), min_size=1, max_size=6),
    st.sampled_from([SearchMode.FULLTEXT, SearchMode.EXACT]),
)
@shared
async def test_finds_what_the_judge_finds(
    archive: Archive,
    documents: list[list[tuple[list[str], str]]],
    asked: list[tuple[list[list[Asked]], str]],
    mode: SearchMode,
) -> None:
    owner = next(owners)
    ids = [uuid4() for _ in documents]
    await archive.take(
        document(
            file_id,
            owner=owner,
            name=name,
            description=str(number),
            tags=others[:1],
            custom_attributes={"nested": [{"texts": others[1:]}]},
        )
        for number, (file_id, [(_, name), *rest]) in enumerate(zip(ids, documents, strict=True))
        for others in [[written for _, written in rest]]
    )
    for groups, question in asked:
        page = await archive.search.page(archive.question(question, mode=mode), principal(owner))
        found = {int(one.document["description"]) for one in page.found}
        expected = {
            number
            for number, written in enumerate(documents)
            if judge(groups, [words for words, _ in written], mode)
        }
        assert found == expected, question


async def test_stems_of_the_vocabulary_are_those_of_postgresql(database: Database) -> None:
    async with database.read() as db:
        query = text(
            "SELECT word, coalesce(query.stem(word), word) FROM unnest(CAST(:words AS text[])) AS word"
        )
        found = dict(list(await db.execute(query, {"words": [plain(word) for word in STEMS]})))
    assert found == {plain(word): stem for word, stem in STEMS.items()}


SIGNS = '\x00"«»“”„-|,;()*\\'


def is_sign(letter: str) -> bool:
    """Also what folding makes one or a blank of, as of ``（`` and of an accent that stands alone."""
    return any(each in SIGNS or each.isspace() for each in letter + fold(letter))


class TestOperators:
    @pytest.fixture
    async def stored(self, archive: Archive) -> Archive:
        for name in ("annual report 2025.pdf", "report, annual.txt", "draft contract.pdf", "年度报告.pdf"):
            await archive.store(name)
        return archive

    @pytest.mark.parametrize(
        ("question", "count"),
        [
            ('"annual report"', 1),
            ("annual report", 2),
            ("report -pdf", 1),
            ("-pdf", 1),
            ("-pdf -txt", 0),
            ('-"annual report"', 3),
            ("contract or annual", 3),
            ("contract or annual -txt", 2),
            ("pdf or -pdf", 4),
            ("rep*", 2),
            ("reporting", 2),
            ("reporting*", 0),
            ("报告 or contract", 2),
            ("-报告", 3),
            ("somebody", 4),
        ],
    )
    async def test_finds(self, stored: Archive, question: str, count: int) -> None:
        assert len(await stored.names(question)) == count


class TestExact:
    async def test_other_forms_are_others(self, archive: Archive) -> None:
        for name in ("contract.txt", "contracts.txt", "договор.txt", "договоры.txt"):
            await archive.store(name)
        for words in ("contract", "contracts", "ДОГОВОР", "договоры"):
            assert await archive.names(words, mode=SearchMode.EXACT) == [f"{words.lower()}.txt"]
            assert len(await archive.names(words)) == 2
        assert len(await archive.names("-contract", mode=SearchMode.EXACT)) == 3
        assert len(await archive.names("contra*", mode=SearchMode.EXACT)) == 2


class TestPartial:
    @pytest.mark.parametrize(
        "words",
        [
            "чет",
            "т_2025-0",
            "03-17_ОО",
            "ромаш",
            "омашк",
            "сч",
            "«Ром",
            "опис",
            "Ünv",
            "unvöl",
            "年度",
            "度报",
            "告202",
        ],
    )
    async def test_finds(self, archive: Archive, words: str) -> None:
        await archive.store(
            "Счёт_2025-03-17_ООО «Ромашка» ünvollständig 年度报告2025.pdf", description="описание"
        )
        assert len(await archive.names(words, mode=SearchMode.PARTIAL)) == 1

    async def test_finds_short_words_before_a_script_without_blanks(self, archive: Archive) -> None:
        """The first one is the end of a word, which only the name as a whole tells."""
        await archive.store("2025-17年.pdf")
        assert await archive.names("5-17年", mode=SearchMode.PARTIAL) == ["2025-17年.pdf"]

    @pytest.mark.parametrize(
        "words", ["писание", "ет", "чет_2026", "-чет", "чет -2025", "_%_", "年告", "c:\\x"]
    )
    async def test_finds_nothing(self, archive: Archive, words: str) -> None:
        await archive.store("Счёт_2025-03-17_年度报告.pdf", description="описание")
        assert await archive.names(words, mode=SearchMode.PARTIAL) == []

    @given(st.text(min_size=3, max_size=40), st.data())
    @shared
    async def test_any_part_of_a_name_is_found(
        self, archive: Archive, name: str, data: st.DataObject
    ) -> None:
        """But for its signs, of which quotation marks and a minus mean something."""
        name = "".join(" " if is_sign(letter) else letter for letter in name)
        start = data.draw(st.integers(0, len(name) - 1))
        part = name[start : data.draw(st.integers(start + 1, len(name)))]
        owner = next(owners)
        await archive.store(name, owner=owner)
        for piece in part.split():
            folded = fold(piece)
            if len(folded) >= TRIGRAM and term_words(folded).words and folded != "or":
                assert await archive.names(piece, principal(owner), mode=SearchMode.PARTIAL) == [name]
