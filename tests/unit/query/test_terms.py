"""Terms of documents: what is suggested for which beginning."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.catalog.rows import searchable_texts
from artstore.query.search.text import document_words
from artstore.query.suggest.terms import (
    MAX_KEY_CHARACTERS,
    MAX_LATER_WORDS,
    MAX_TEXT_CHARACTERS,
    Kind,
    Term,
    keys,
    known_words,
    spelling,
    terms_of,
    typed,
)
from artstore.wire.documents import Document
from tests.support.element_model import document


def words_in(text: str) -> list[str]:
    return list(known_words(document_words([text]).words))


def terms_in(stored: Document) -> list[Term]:
    words = document_words(searchable_texts(stored)).words
    return list(terms_of(stored, words, lambda _: True))


def completes(kind: Kind, text: str, beginning: str) -> bool:
    return any(key.startswith(typed(kind, beginning)) for key in keys(kind, text))


class TestKeys:
    @pytest.mark.parametrize(
        ("beginning", "name"),
        [
            ("Сч", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("СЧЕТ 2025", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("счёт_2025-03", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("ром", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("ооо р", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("ромашка.p", "счёт_2025-03-17_ООО Ромашка.pdf"),
            ("repo", "Annual report 2025.docx"),
            ("annual ", "Annual report 2025.docx"),
            ("202", "Annual report 2025.docx"),
            ("年度", "年度报告2025.pdf"),
            ("报告", "年度报告2025.pdf"),
            ("报告2", "年度报告2025.pdf"),
            (".bash", ".bashrc"),
            ("бух", "Résumé – Бухгалтер.odt"),
            ("resume", "Résumé – Бухгалтер.odt"),
        ],
    )
    def test_of_names(self, beginning: str, name: str) -> None:
        assert completes(Kind.NAME, name, beginning)

    @pytest.mark.parametrize(
        ("beginning", "name"),
        [
            ("pdf", "счёт_2025.pdf"),  # nobody asks for just any of them
            ("ort", "Annual report.docx"),
            ("annual r", "Annually reported.docx"),
            ("17", "счёт_2025-03-17.pdf"),
            ("告报", "年度报告2025.pdf"),
            ("a1b", "scan a1b2c3d4.pdf"),  # serials are found from their beginning on, not within a name
        ],
    )
    def test_not_of_names(self, beginning: str, name: str) -> None:
        assert not completes(Kind.NAME, name, beginning)

    def test_signs_matter_in_what_is_no_name(self) -> None:
        assert completes(Kind.TAG, "C++", "c+")
        assert not completes(Kind.TAG, "C#", "c+")
        assert completes(Kind.ATTRIBUTE, "address.city", "addr")
        assert completes(Kind.ATTRIBUTE, "address.city", "city")
        assert completes(Kind.VALUE, "ООО  «Ромашка»", "ром")
        assert completes(Kind.VALUE, "ООО  «Ромашка»", "ооо «")

    def test_each_beginning_of_a_word_once(self) -> None:
        assert list(keys(Kind.NAME, "Annual report 2025.pdf")) == [
            "annual report 2025 pdf",
            "report 2025 pdf\nannual",
            "2025 pdf\nannual report",
        ]

    def test_bounded(self) -> None:
        found = list(keys(Kind.NAME, "слово " * 1000))
        assert len(found) == 1 + MAX_LATER_WORDS
        assert max(map(len, found)) <= MAX_KEY_CHARACTERS

    @pytest.mark.parametrize("text", ["", " ", "\u200b", "\n\t"])
    def test_nothing_to_find_it_by(self, text: str) -> None:
        assert list(keys(Kind.TAG, text)) == list(keys(Kind.NAME, text)) == []

    @given(st.sampled_from([Kind.NAME, Kind.TAG, Kind.VALUE]), st.text(max_size=300), st.integers(0, 300))
    def test_any_text_is_found_by_any_beginning(self, kind: Kind, text: str, length: int) -> None:
        found = list(keys(kind, text))
        assert all(0 < len(key) <= MAX_KEY_CHARACTERS for key in found)
        beginning = typed(kind, text)[:length].rstrip()
        assert not found or found[0].startswith(beginning)
        assert len(found) == len(set(found))


class TestWords:
    def test_letters_alone(self) -> None:
        assert words_in("Счёт-фактура №42 от ООО, a1b2c3 2025 cafés") == ["счет", "фактура", "cafes"]
        assert words_in("年度报告 и x" + "y" * 64) == []

    def test_spelling_in_letters_of_every_database(self) -> None:
        alphabet = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
        assert len(set(map(spelling, alphabet))) == len(alphabet)
        assert spelling("report") == "report"

    @given(st.text(min_size=4, max_size=64))
    def test_letter_for_letter(self, text: str) -> None:
        for word in words_in(text):
            assert len(spelling(word)) == len(word)
            assert spelling(word).isascii()
            assert spelling(word).isalnum()


class TestTerms:
    def test_of_a_document(self) -> None:
        stored = document(
            UUID(int=1),
            owner="me",
            name="note.txt",
            description="Signed",
            tags=["Urgent", "x" * (MAX_TEXT_CHARACTERS + 1)],
            custom_attributes={
                "party": {"name": "Ромашка", "since": 2019, "big": True},
                "lines": [{"no": 7.5}],
            },
        )
        terms = terms_in(stored)
        assert {(term.kind, term.shown) for term in terms if term.kind <= Kind.VALUE} == {
            (Kind.NAME, "note.txt"),
            (Kind.TAG, "Urgent"),
            (Kind.ATTRIBUTE, "party"),
            (Kind.ATTRIBUTE, "party.name"),
            (Kind.ATTRIBUTE, "party.since"),
            (Kind.ATTRIBUTE, "party.big"),
            (Kind.ATTRIBUTE, "lines"),
            (Kind.ATTRIBUTE, "lines.no"),
            (Kind.VALUE, "Ромашка"),
        }
        words = {"note", "signed", "urgent", "ромашка", "somebody"}
        assert {term.key for term in terms if term.kind is Kind.WORD} == words
        assert {term.owner for term in terms if term.kind is not Kind.WORD} == {"me"}
        assert {term.owner for term in terms if term.kind is Kind.WORD} == {""}

    @given(
        st.text(min_size=1),
        st.lists(st.text(), max_size=3),
        st.dictionaries(st.text(), st.text(), max_size=3),
    )
    def test_of_any_document(self, name: str, tags: list[str], attributes: dict[str, str]) -> None:
        stored = document(UUID(int=1), name=name, tags=tags, custom_attributes=attributes)
        for term in terms_in(stored):
            assert 0 < len(term.key) <= MAX_KEY_CHARACTERS
