"""Suggestions from PostgreSQL: what is completed, who sees what, and whatever else may be typed."""

import itertools
from uuid import uuid4

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
from artstore.query.suggest.repository import TermRepository
from artstore.query.suggest.service import MAX_CHARACTERS, Suggester
from artstore.query.suggest.terms import Kind
from artstore.wire.documents import DocumentState, ElementDocument, ElementDocumentPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import ROLE_SCOPES, Role
from artstore.wire.suggestions import SuggestionKind
from tests.support.element_model import document

ALL = list(SuggestionKind)
NAME, TAG, ATTRIBUTE, VALUE = ALL


def principal(
    account: str = "owner", role: Role = Role.USER, *, granted: frozenset[str] = frozenset()
) -> Principal:
    return Principal(
        account, f"client-{account}", account, role.value, ROLE_SCOPES[role], "token", readable_owners=granted
    )


class Archive:
    """Documents put into the catalog, and beginnings to complete."""

    def __init__(self, catalog: Catalog, reader: CatalogReader) -> None:
        self._catalog = catalog
        self._suggester = Suggester(reader, TermRepository())
        self._lsn = itertools.count(1)

    async def store(self, name: str, *, owner: str = "owner", **fields: object) -> None:
        lsn = next(self._lsn)
        stored = document(uuid4(), owner=owner, name=name, **fields)
        item = ElementDocument(lsn=lsn, state=DocumentState.ACTIVE, file_id=stored.file_id, document=stored)
        since = lsn - 1 if lsn > 1 else NOTHING_KNOWN
        await self._catalog.take_page("rw-01", since, ElementDocumentPage(items=[item], last_lsn=lsn))

    async def suggested(
        self, typed: str, who: Principal | None = None, *, kinds: list[SuggestionKind] = ALL, limit: int = 10
    ) -> list[tuple[str, str]]:
        found = await self._suggester.suggest(typed, who or principal(), kinds=kinds, limit=limit)
        return [(one.kind.value, one.text) for one in found]


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


class TestCompletion:
    @pytest.mark.parametrize("who", [principal(), principal("admin", Role.ADMIN)], ids=["owner", "all"])
    @pytest.mark.parametrize(
        ("typed", "suggested"),
        [
            ("сч", [("name", "счёт_2025-03-17_ООО Ромашка.pdf")]),
            ("СЧЁТ 2025", [("name", "счёт_2025-03-17_ООО Ромашка.pdf")]),
            ("ромаш", [("value", "ООО «Ромашка»"), ("name", "счёт_2025-03-17_ООО Ромашка.pdf")]),
            ("报告", [("name", "年度报告2025.pdf")]),
            ("年度", [("name", "年度报告2025.pdf")]),
            ("an", [("tag", "annual"), ("name", "Annual report.docx")]),
            (
                "REP",
                [("attribute", "reports"), ("attribute", "reports.city"), ("name", "Annual report.docx")],
            ),
            ("cit", [("attribute", "reports.city")]),
            ("mal", [("value", "Malmö")]),
            ("malmo", [("value", "Malmö")]),
            ("c+", [("tag", "C++")]),
            ("100", []),  # numbers are no texts
            ("pd", []),
            ("ort", []),
            ("some", []),  # words of other fields are known, but not suggested
            ("r", []),
            ("", []),
            (" 报告", [("name", "年度报告2025.pdf")]),
        ],
    )
    async def test_of_three_scripts(
        self, archive: Archive, who: Principal, typed: str, suggested: list[tuple[str, str]]
    ) -> None:
        await archive.store(
            "счёт_2025-03-17_ООО Ромашка.pdf",
            custom_attributes={"party": "ООО «Ромашка»", "number": 10042, "reports": {"city": "Malmö"}},
        )
        await archive.store("Annual report.docx", tags=["annual", "C++", "C#"])
        await archive.store("年度报告2025.pdf", description="something")
        assert await archive.suggested(typed, who) == suggested

    async def test_kinds_that_are_asked_for(self, archive: Archive) -> None:
        await archive.store("blue.txt", tags=["blue"], custom_attributes={"blue": "blue"})
        assert await archive.suggested("bl") == [
            ("tag", "blue"),
            ("attribute", "blue"),
            ("value", "blue"),
            ("name", "blue.txt"),
        ]
        assert await archive.suggested("bl", kinds=[VALUE, TAG]) == [("tag", "blue"), ("value", "blue")]
        assert await archive.suggested("bl", kinds=[]) == []

    async def test_kinds_share_the_room(self, archive: Archive) -> None:
        for number in range(9):
            await archive.store(f"note {number}.txt", tags=[f"note {number}"])
        await archive.store("x.txt", custom_attributes={"note": 1})
        assert await archive.suggested("note", limit=5) == [
            ("tag", "note 0"),
            ("tag", "note 1"),
            ("attribute", "note"),
            ("name", "note 0.txt"),
            ("name", "note 1.txt"),
        ]
        assert len(await archive.suggested("note", kinds=[NAME], limit=8)) == 8

    @pytest.mark.parametrize("who", [principal(), principal("admin", Role.ADMIN)], ids=["owner", "all"])
    async def test_one_text_is_suggested_once(self, archive: Archive, who: Principal) -> None:
        for owner in ("owner", "other", "third"):
            await archive.store("Report report_reports.txt", owner=owner, tags=["Reports", "REPORTS"])
        assert await archive.suggested("rep", who) == [
            ("tag", "Reports"),
            ("name", "Report report_reports.txt"),
        ]


class TestWhoSeesWhat:
    @pytest.fixture
    async def stored(self, archive: Archive) -> Archive:
        for owner in ("mine", "granted", "other"):
            await archive.store(
                f"secret of {owner}.txt",
                owner=owner,
                tags=[f"secret tag of {owner}"],
                custom_attributes={f"secret attribute of {owner}": f"secret value of {owner}"},
            )
        return archive

    async def test_own_terms_only(self, stored: Archive) -> None:
        found = await stored.suggested("secret", principal("mine"), limit=100)
        assert found == [
            ("tag", "secret tag of mine"),
            ("attribute", "secret attribute of mine"),
            ("value", "secret value of mine"),
            ("name", "secret of mine.txt"),
        ]
        assert await stored.suggested("other", principal("mine")) == []
        assert await stored.suggested("secret", principal("nobody")) == []
        assert await stored.suggested("secret", principal("")) == []

    async def test_those_of_granted_accounts(self, stored: Archive) -> None:
        who = principal("mine", granted=frozenset({"granted"}))
        found = await stored.suggested("secret", who, kinds=[NAME, TAG])
        assert found == [
            ("tag", "secret tag of granted"),
            ("tag", "secret tag of mine"),
            ("name", "secret of granted.txt"),
            ("name", "secret of mine.txt"),
        ]

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.AUDITOR, Role.READONLY])
    async def test_all_with_the_scope(self, stored: Archive, role: Role) -> None:
        found = await stored.suggested("secret", principal("nobody", role), kinds=[TAG])
        assert found == [("tag", f"secret tag of {owner}") for owner in ("granted", "mine", "other")]


class TestHostile:
    @given(
        st.text(max_size=MAX_CHARACTERS) | st.text("()&|!<->:*%_'\"\\ab漢\x00\ud800\U0010ffff\n", max_size=50)
    )
    @settings(
        max_examples=100,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_any_text_is_answered(self, reader: CatalogReader, typed: str) -> None:
        suggester = Suggester(reader, TermRepository())
        for who in (principal(), principal(role=Role.ADMIN)):
            assert await suggester.suggest(typed, who, kinds=ALL, limit=10) == []

    async def test_too_long(self, archive: Archive) -> None:
        with pytest.raises(Problem) as refused:
            await archive.suggested("x" * (MAX_CHARACTERS + 1))
        assert (refused.value.kind, refused.value.field) == (ProblemType.INVALID_PARAMETER, "q")

    async def test_signs_of_sql_are_signs(self, archive: Archive) -> None:
        await archive.store("a.txt", tags=["100% sure", "100_000", "x'; DROP TABLE--"])
        assert await archive.suggested("100%") == [("tag", "100% sure")]
        assert await archive.suggested("x'; drop") == [("tag", "x'; DROP TABLE--")]
        assert await archive.suggested("%%") == await archive.suggested("__") == []


async def test_reads_no_more_than_it_answers(database: Database) -> None:
    """However many terms begin so, and whoever has them; also where the plan is made without the values."""
    many = """
        INSERT INTO query.catalog_terms (owner, kind, key, shown, seen)
        SELECT 'owner-' || i % 50, 2, 'term ' || i / 50, 'Term ' || i / 50, 0 FROM generate_series(1, 20000) AS i;
        ANALYZE query.catalog_terms
    """
    async with database.write() as db:
        await db.execute(text(many))
    for owners in (frozenset({"owner-1"}), None):
        async with database.read() as db:
            await db.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
            await db.execute(text("SELECT pg_stat_force_next_flush()"))
            found = await TermRepository().beginning_with(db, {Kind.TAG: "te"}, owners=owners, limit=10)
            assert len({term.key for term in found}) == len(found) == 10
    used = "SELECT seq_scan, seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'catalog_terms'"
    async with database.read() as db:
        await db.execute(text("SELECT pg_stat_force_next_flush()"))
    async with database.read() as db:
        row = (await db.execute(text(used))).one()
    assert row.idx_tup_fetch <= 40
