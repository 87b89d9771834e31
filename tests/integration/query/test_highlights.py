"""Which parts of documents a search found, in PostgreSQL, beside the judge that says what is found."""

import itertools
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.reading import CatalogReader
from artstore.query.search import highlighting
from artstore.query.search.forgiving import ForgivingSearch
from artstore.query.search.highlights import HIGHLIGHTS
from artstore.query.search.text import document_words
from artstore.query.suggest.corrections import Corrections
from artstore.query.suggest.words import WordRepository
from artstore.wire.search import Highlight, SearchMode
from tests.support.element_model import document
from tests.support.search_archive import Archive, principal
from tests.support.search_model import Asked, questions, stands_in, texts

owners = (f"owner-{number}" for number in itertools.count())
shared = settings(
    max_examples=25,
    deadline=None,
    # The database is shared by all examples on purpose: each has documents of an owner of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def archive(catalog: Catalog, reader: CatalogReader) -> Archive:
    return Archive(catalog, reader)


async def highlights(
    archive: Archive, words: str, owner: str = "owner", **more: Any
) -> list[tuple[dict[str, Any], list[Highlight]]]:
    """Each document that is found, with its highlights."""
    page = await archive.search.page(archive.question(words, highlight=True, **more), principal(owner))
    assert page.highlights is not None
    return [
        (one.document, [Highlight.model_validate(each) for each in found])
        for one, found in zip(page.found, page.highlights, strict=True)
    ]


def bracketed(found: Iterable[Highlight]) -> dict[str, list[str]]:
    """By path, the fragments with brackets around what was found."""
    shown: dict[str, list[str]] = {}
    for one in found:
        text = "".join(f"[{part.text}]" if part.match else part.text for part in one.parts)
        shown.setdefault(".".join(map(str, one.path)), []).append(text)
    return shown


async def of_one(archive: Archive, words: str, **more: Any) -> dict[str, list[str]]:
    ((_, found),) = await highlights(archive, words, **more)
    return bracketed(found)


def text_at(document: Any, path: Iterable[str | int]) -> str:
    for step in path:
        document = document[step]
    return str(document)


NAME = "Счёт_2025-03-17_ООО «Ромашка» 年度报告2025.pdf"


class TestWords:
    @pytest.fixture(autouse=True)
    async def stored(self, archive: Archive) -> None:
        await archive.store(
            NAME,
            description="Signed contracts and договоры of the annual café résumé",
            tags=["urgent", "Contract"],
            custom_attributes={"customer": {"names": ["x", "ООО Almaz"]}, "pages": 42, "signed": True},
            created_by_fullname="Мария Contractor",
        )

    @pytest.mark.parametrize(
        ("words", "shown"),
        [
            ("счета", {"original_filename": [NAME.replace("Счёт", "[Счёт]")]}),
            ("2025-03", {"original_filename": [NAME.replace("2025-03", "[2025]-[03]")]}),
            ("报告", {"original_filename": [NAME.replace("报告", "[报告]")]}),
            ("报告2025", {"original_filename": [NAME.replace("报告2025", "[报告2025]")]}),
            ("42", {"custom_attributes.pages": ["[42]"]}),
            ("almaz", {"custom_attributes.customer.names.1": ["ООО [Almaz]"]}),
            ("СОМЕБОДУ or somebody", {"created_by_username": ["[somebody]"]}),
            ("resume -draft", {"description": ["Signed contracts and договоры of the annual café [résumé]"]}),
            (
                '"annual café"',
                {"description": ["Signed contracts and договоры of the [annual] [café] résumé"]},
            ),
            (
                "contra* almaz",
                {
                    "description": ["Signed [contra]cts and договоры of the annual café résumé"],
                    "tags.1": ["[Contra]ct"],
                    "created_by_fullname": ["Мария [Contra]ctor"],
                    "custom_attributes.customer.names.1": ["ООО [Almaz]"],
                },
            ),
            (
                "contract",
                {
                    "description": ["Signed [contracts] and договоры of the annual café résumé"],
                    "tags.1": ["[Contract]"],
                },
            ),
            ("-draft", {}),
            ("", {}),
        ],
    )
    async def test_are_shown(self, archive: Archive, words: str, shown: dict[str, list[str]]) -> None:
        assert await of_one(archive, words) == shown

    async def test_as_they_were_written(self, archive: Archive) -> None:
        assert await of_one(archive, "contract", mode=SearchMode.EXACT) == {"tags.1": ["[Contract]"]}

    @pytest.mark.parametrize(
        ("words", "shown"),
        [
            ("чёт_2025-0", {"original_filename": [NAME.replace("чёт_2025-0", "[чёт_2025-0]")]}),
            ("ромаш -draft", {"original_filename": [NAME.replace("Ромаш", "[Ромаш]")]}),
            ("омашк", {"original_filename": [NAME.replace("омашк", "[омашк]")]}),
            ("告202", {"original_filename": [NAME.replace("告202", "[告202]")]}),
            ("urg", {"tags.0": ["[urg]ent"]}),
        ],
    )
    async def test_in_part(self, archive: Archive, words: str, shown: dict[str, list[str]]) -> None:
        assert await of_one(archive, words, mode=SearchMode.PARTIAL) == shown

    @pytest.mark.parametrize(
        ("words", "mode"),
        [
            ("abcdefgh* re*", SearchMode.FULLTEXT),
            ("abcdefgh* re*", SearchMode.EXACT),
            ("abcdefgh re", SearchMode.PARTIAL),
        ],
    )
    async def test_whose_beginnings_are_of_several_lengths(
        self, archive: Archive, words: str, mode: SearchMode
    ) -> None:
        """A word that is shorter than what was asked for is not the beginning of it."""
        await archive.store("re abcdefgh re", owner="lengths", description=None)
        shown = {"original_filename": ["[re] [abcdefgh] [re]"]}
        assert await of_one(archive, words, owner="lengths", mode=mode) == shown

    async def test_that_were_corrected(self, archive: Archive, reader: CatalogReader) -> None:
        forgiving = ForgivingSearch(archive.search, reader, Corrections(WordRepository()))
        question = archive.question("кантракт or urgnet", highlight=True)
        answer = await forgiving.answer(question, principal("owner"))
        assert answer.corrected == "кантракт or urgent"
        assert answer.page.highlights is not None
        ((found,),) = answer.page.highlights
        assert bracketed([Highlight.model_validate(found)]) == {"tags.0": ["[urgent]"]}

    async def test_are_not_told_unasked(self, archive: Archive) -> None:
        page = await archive.search.page(archive.question("contract"), principal("owner"))
        assert page.highlights is None


@given(
    st.lists(st.lists(texts(), min_size=1, max_size=4), min_size=1, max_size=8),
    st.lists(questions(), min_size=1, max_size=6),
    st.sampled_from([SearchMode.FULLTEXT, SearchMode.EXACT]),
)
@shared
async def test_are_where_the_judge_finds_the_words(
    archive: Archive,
    documents: list[list[tuple[list[str], str]]],
    asked: list[tuple[list[list[Asked]], str]],
    mode: SearchMode,
) -> None:
    """In every text in which one of the terms stands that were asked for, and in no other."""
    owner = next(owners)
    await archive.take(
        document(
            uuid4(),
            owner=owner,
            name=f"{number}.x",
            custom_attributes={"texts": [written for _, written in each]},
        )
        for number, each in enumerate(documents)
    )
    for groups, question in asked:
        wanted = [term for group in groups for term in group if not term.negated]
        for found, shown in await highlights(archive, question, owner, mode=mode):
            given_ = documents[int(found["original_filename"].removesuffix(".x"))]
            assert {one.path[2] for one in shown if one.path[0] == "custom_attributes"} == {
                place
                for place, (words, _) in enumerate(given_)
                if any(stands_in(term, words, mode) for term in wanted)
            }, question
            for one in shown:
                written = text_at(found, one.path)
                assert "".join(part.text for part in one.parts) == written


@given(st.text(max_size=300), st.data(), st.sampled_from(list(SearchMode)))
@shared
async def test_any_text_is_shown_as_it_is(
    archive: Archive, text: str, data: st.DataObject, mode: SearchMode
) -> None:
    """Whatever stands in a text and whatever is asked: the parts are those of the text, and something is
    marked where a word of it was asked for."""
    text = text.replace("\x00", "\x01")
    owner = next(owners)
    await archive.store("name", owner=owner, description=text, custom_attributes={text[:50]: [text]})
    words = document_words([text]).words
    asked = data.draw(st.sampled_from(words)) if words else "name"
    for found, shown in await highlights(archive, asked, owner, mode=mode):
        assert shown, asked
        for one in shown:
            written = text_at(found, one.path)
            whole = "".join(part.text for part in one.parts)
            assert whole in written
            assert one.cut_before or written.startswith(whole)
            assert one.cut_after or written.endswith(whole)
            assert any(part.match for part in one.parts)


@given(st.text(min_size=3, max_size=60), st.data())
@shared
async def test_the_part_of_a_name_is_shown(archive: Archive, name: str, data: st.DataObject) -> None:
    """Whatever part it is that found it, as it is written there."""
    name = name.replace("\x00", "\x01")
    owner = next(owners)
    await archive.store(name, owner=owner, description=None)
    start = data.draw(st.integers(0, len(name) - 1))
    part = name[start : data.draw(st.integers(start + 1, len(name)))]
    if document_words([part]).words and "-" not in part:
        for found, shown in await highlights(archive, part, owner, mode=SearchMode.PARTIAL):
            assert found["original_filename"] == name
            assert any(piece.match for one in shown for piece in one.parts), (name, part)


async def test_hostile_texts(archive: Archive) -> None:
    hostile = [
        "<script>alert('contract')</script>",
        "\x01\x02contract\x02\x01 [contract] \x1b[31m",
        "\u202econtract\u202c \u2066עברית contract\u2069",
        "contr\u0301\u0301\u0301act contract" + "\u0301" * 300,
        "𝐜𝐨𝐧𝐭𝐫𝐚𝐜𝐭 👩🏽‍🚀 contract",
        "contract" + "x" * 3000,
        "contract " * 400,
    ]
    for number, text in enumerate(hostile):
        await archive.store("a", owner=f"hostile-{number}", description=text)
        for mode in SearchMode:
            for words in ("contract", "contr*", "contract*"):
                for found, shown in await highlights(archive, words, f"hostile-{number}", mode=mode):
                    for one in shown:
                        assert "".join(part.text for part in one.parts) in text_at(found, one.path)
    assert await of_one(archive, "contract", owner="hostile-0") == {
        "description": ["<script>alert('[contract]')</script>"]
    }
    assert await of_one(archive, "contract", owner="hostile-4") == {
        "description": ["[𝐜𝐨𝐧𝐭𝐫𝐚𝐜𝐭] 👩🏽‍🚀 [contract]"]
    }


async def test_are_bounded(archive: Archive) -> None:
    await archive.store("a", description="word " * 500, tags=[f"word {number}" for number in range(40)])
    ((_, found),) = await highlights(archive, "word")
    assert len(found) == HIGHLIGHTS
    assert sum(len(part.text) for one in found for part in one.parts) < 1000


async def test_a_large_page_is_looked_through_in_steps(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(highlighting, "AT_ONCE", 3)
    await archive.take(document(UUID(int=number + 1), name=f"contracts {number}") for number in range(10))
    found = await highlights(archive, "contract")
    assert [bracketed(shown) for _, shown in found] == [
        {"original_filename": [one["original_filename"].replace("contracts", "[contracts]")]}
        for one, _ in found
    ]
    assert len(found) == 10
