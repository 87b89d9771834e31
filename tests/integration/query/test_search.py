"""Searches in PostgreSQL: words of three scripts, who sees what, pages, and whatever else may be asked."""

import itertools
from collections.abc import Iterator
from random import Random
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import and_, select

from artstore.kernel.problems import Problem
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.tables import catalog_files
from artstore.query.search.grammar import read_question, word_count
from artstore.query.search.matching import Asked
from artstore.query.search.repository import SearchRepository
from artstore.query.search.service import MAX_CHARACTERS, MAX_WORDS, Question, Search
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Role
from artstore.wire.search import SearchMode
from tests.support.search_archive import Archive, principal


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


class TestWords:
    @pytest.mark.parametrize(
        ("words", "name"),
        [
            ("счет", "счёт_2025-03-17_ООО.pdf"),
            ("счета", "счёт_2025-03-17_ООО.pdf"),
            ("2025-03", "счёт_2025-03-17_ООО.pdf"),
            ("ооо", "счёт_2025-03-17_ООО.pdf"),
            ("ooo pdf", None),
            ("03-2025", None),
            ("reports", "Annual report.docx"),
            ("REPORTING annual", "Annual report.docx"),
            ("the", "The end.txt"),
            ("报告", "年度报告2025.pdf"),
            ("报告2025", "年度报告2025.pdf"),
            ("告报", None),
            ("nano", None),
        ],
    )
    async def test_in_file_names(self, archive: Archive, words: str, name: str | None) -> None:
        for each in ("счёт_2025-03-17_ООО.pdf", "Annual report.docx", "年度报告2025.pdf", "The end.txt"):
            await archive.store(each)
        assert await archive.names(words) == ([] if name is None else [name])

    @pytest.mark.parametrize(
        "words",
        ["scanned", "договоров", "urgent", "поставщик", "42", "3.5", "deep", "мария", "everything 42"],
    )
    async def test_in_every_field(self, archive: Archive, words: str) -> None:
        await archive.store("other.txt")
        await archive.store(
            "a.txt",
            description="Scanned; договор",
            tags=["urgent", "for everything"],
            custom_attributes={"party": "Поставщик", "n": 42, "nested": [{"a": [3.5, "deep", None, True]}]},
            created_by_fullname="Мария К.",
        )
        assert await archive.names(words) == ["a.txt"]

    async def test_keys_of_attributes_and_ids_are_no_content(self, archive: Archive) -> None:
        file_id = await archive.store("a.txt", custom_attributes={"colour": "red"})
        assert await archive.names("colour") == []
        assert await archive.names(str(file_id)) == []

    async def test_all_must_match(self, archive: Archive) -> None:
        await archive.store("kiln street invoice.txt")
        assert await archive.names("invoice kiln") == ["kiln street invoice.txt"]
        assert await archive.names("kiln elephants") == []

    async def test_update_and_deletion(self, archive: Archive) -> None:
        file_id = await archive.store("a.txt", description="before")
        await archive.store("a.txt", file_id=file_id, description="after")
        assert await archive.names("before") == []
        assert await archive.names("after") == ["a.txt"]

    async def test_nothing_asked_gives_all_and_signs_give_nothing(self, archive: Archive) -> None:
        await archive.store("a.txt")
        assert await archive.names("") == await archive.names("  ") == ["a.txt"]
        assert await archive.names("-") == await archive.names("\x00") == []


class TestWhoSeesWhat:
    async def test_own_documents_only(self, archive: Archive) -> None:
        await archive.store("mine.txt", owner="me")
        await archive.store("theirs.txt", owner="other", description="mine, txt")
        for words in ("txt", "mine", ""):
            assert await archive.names(words, principal("me")) == ["mine.txt"]
        assert await archive.names("txt", principal("nobody")) == []

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.AUDITOR, Role.READONLY])
    async def test_all_with_the_scope(self, archive: Archive, role: Role) -> None:
        await archive.store("a.txt", owner="one")
        await archive.store("b.txt", owner="two")
        assert set(await archive.names("txt", principal("three", role))) == {"a.txt", "b.txt"}

    async def test_cursor_of_another_account(self, archive: Archive) -> None:
        for number in range(3):
            await archive.store(f"{number}.txt", owner="me")
            await archive.store(f"x{number}.txt", owner="other")
        _, cursor = await archive.ask("txt", principal("me"), limit=1)
        with pytest.raises(Problem) as refused:
            await archive.ask("txt", principal("other"), limit=1, cursor=cursor)
        assert refused.value.kind is ProblemType.INVALID_CURSOR


class TestPages:
    @pytest.fixture
    def ids(self) -> Iterator[UUID]:
        """Ids whose documents are stored in any order, several at each moment."""
        return iter(UUID(int=number * 7919 % 23 + number // 5 * 10_000 + 1) for number in range(1000))

    @pytest.mark.parametrize("words", ["ledger", ""])
    async def test_each_document_once_newest_first(
        self, archive: Archive, ids: Iterator[UUID], words: str
    ) -> None:
        for number in range(23):
            await archive.store(f"ledger {number}.txt", file_id=next(ids))
        in_one = await archive.names(words)
        assert len(set(in_one)) == 23
        paged: list[str] = []
        cursor: str | None = None
        while True:
            names, cursor = await archive.ask(words, limit=4, cursor=cursor)
            paged += names
            if cursor is None:
                break
        assert paged == in_one

    async def test_documents_that_arrive_meanwhile_move_nothing(self, archive: Archive) -> None:
        for number in range(6):
            await archive.store(f"ledger {number}.txt", file_id=UUID(int=100 + number))
        first, cursor = await archive.ask("ledger", limit=3)
        await archive.store("ledger new.txt", file_id=UUID(int=900))
        second, end = await archive.ask("ledger", limit=3, cursor=cursor)
        assert (first + second, end) == ([f"ledger {number}.txt" for number in (5, 4, 3, 2, 1, 0)], None)

    async def test_cursor_of_another_question(self, archive: Archive) -> None:
        for number in range(3):
            await archive.store(f"one two {number}.txt")
        _, cursor = await archive.ask("one", limit=1)
        with pytest.raises(Problem) as refused:
            await archive.ask("two", limit=1, cursor=cursor)
        assert refused.value.kind is ProblemType.INVALID_CURSOR


SCRAPS = [
    *(
        "'",
        '"',
        "\\",
        "%",
        "_",
        "*",
        ":*",
        "-",
        "--",
        "!",
        "&",
        "|",
        "<->",
        "<2>",
        "(",
        ")",
        "[",
        "{",
        "$1",
        ":x",
        "%s",
    ),
    *(
        "'; DROP TABLE x; --",
        "' OR 1=1",
        "or",
        "OR",
        "and",
        "not",
        "NULL",
        "$$",
        "\x00",
        "\ud800",
        "\u202e",
        "\ufeff",
    ),
    *(
        "счёт",
        "年度",
        "报",
        "a",
        "résumé",
        "2025-03",
        "\u0301",
        "ﷺ",
        "🗄️",
        "ไทย",
        "한국",
        "\n",
        "\t",
        " ",
        " ",
        " ",
        "«",
        "»",
    ),
]


def hostile(random: Random) -> str:
    scraps = random.choices(SCRAPS, k=random.randint(1, 12))
    letters = [
        chr(random.choice((random.randrange(128), random.randrange(0x3000), random.randrange(0x110000))))
    ]
    return "".join(random.sample(scraps + letters * random.randint(0, 2), k=len(scraps)))


class TestHostile:
    @given(st.text(max_size=MAX_CHARACTERS) | st.text("()&|!<->:*'\"\\ab漢\x00", max_size=MAX_CHARACTERS))
    @settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_any_text_is_answered_or_refused(self, reader: CatalogReader, words: str) -> None:
        search = Search(reader, SearchRepository())
        refusal: Problem | None = None
        try:
            page = await search.page(Question(words, 10), principal("owner"))
        except Problem as problem:
            refusal = problem
        if refusal is None:
            assert page.found == []
        else:
            assert refusal.kind is ProblemType.INVALID_PARAMETER

    async def test_ten_thousand_strings(self, archive: Archive, reader: CatalogReader) -> None:
        """Made of what means something to the language, to tsquery, to SQL, to JSON and to LIKE, and of any
        text, in every mode. Many questions in one, so that it takes seconds: `matching` makes one condition
        of each."""
        await archive.store("Счёт 2025 年度报告 résumé.pdf", tags=["a"], custom_attributes={"a": {"b": 1}})
        random = Random(20250317)
        for mode, many in ((SearchMode.FULLTEXT, 6000), (SearchMode.EXACT, 3000), (SearchMode.PARTIAL, 1000)):
            read = (read_question(hostile(random)) for _ in itertools.count())
            asked = (Asked(groups, mode) for groups in read if 0 < word_count(groups) <= MAX_WORDS)
            for _ in range(many // 50):
                # As many in each, so that SQLAlchemy need not make the statement anew.
                columns = [and_(*next(asked).conditions(catalog_files.c)) for _ in range(50)]
                async with reader.read() as db:
                    rows = (await db.execute(select(*columns).select_from(catalog_files))).all()
                assert [len(row) for row in rows] == [50]

    @pytest.mark.parametrize("words", ["x" * 10_000, "a " * 5_000, "漢" * 900, "a " * 400, "1" * 1001])
    async def test_too_long_or_too_many(self, archive: Archive, words: str) -> None:
        with pytest.raises(Problem) as refused:
            await archive.ask(words)
        assert (refused.value.kind, refused.value.field) == (ProblemType.INVALID_PARAMETER, "q")

    async def test_any_name_finds_itself(self, archive: Archive) -> None:
        names = [
            "Ünïcödé ½ №5.txt",
            "O'Neil; DROP TABLE--.sql",
            "a\\b 'c' \"d\" & | ! <->.x",
            "x" * 600 + ".txt",
        ]
        for name in names:
            await archive.store(name)
        for name in names:
            assert await archive.names(name) == [name]
