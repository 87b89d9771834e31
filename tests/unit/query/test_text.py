"""Words: what a document is found by, without a database. A small judge stands in for PostgreSQL's ``@@``."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.search.text import (
    MAX_POSITION,
    MAX_WORD_CHARACTERS,
    AskedWords,
    Words,
    document_words,
    fold,
    placed_words,
    term_words,
)


def finds(query: str, *texts: str) -> bool:
    """Whether every piece of the query stands in the texts, without stems."""
    words = document_words(texts)
    return all(holds(term_words(piece), words) for piece in fold(query).split())


def holds(terms: AskedWords, words: Words) -> bool:
    places: dict[str, set[int]] = {}
    if not terms.words:
        return True
    for word, position in zip(words.words, words.positions, strict=True):
        places.setdefault(word, set()).add(position)
    ends: set[int] = set()
    for word, gap in zip(terms.words, terms.gaps, strict=True):
        here = places.get(word, set())
        ends = here if gap == 0 else {place for place in here if place - gap in ends}
        if not ends:
            return False
    return True


class TestFileNames:
    @pytest.mark.parametrize(
        "query",
        ["счет", "счёт", "СЧЁТ", "2025-03", "2025-03-17", "03-17", "ооо", "pdf", "ООО.pdf", "2025 счёт"],
    )
    def test_parts_are_found(self, query: str) -> None:
        assert finds(query, "счёт_2025-03-17_ООО.pdf")

    @pytest.mark.parametrize("query", ["03-2025", "17-03", "2025-04", "сче", "счет акт", "2025-17"])
    def test_what_is_not_there_is_not_found(self, query: str) -> None:
        assert not finds(query, "счёт_2025-03-17_ООО.pdf")

    def test_whole_name_finds_itself(self) -> None:
        name = "O'Neil & Söhne – Angebot №7 (v2.1)_final.DOCX"
        assert finds(name, name)


class TestScripts:
    @pytest.mark.parametrize("query", ["报告", "年度", "年度报告", "年", "报告2025", "2025.pdf", "告"])
    def test_chinese_runs(self, query: str) -> None:
        assert finds(query, "年度报告2025.pdf")

    @pytest.mark.parametrize("query", ["年报", "告报", "度年"])
    def test_chinese_characters_in_another_order(self, query: str) -> None:
        assert not finds(query, "年度报告2025.pdf")

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("ノート", "会議のノート"),
            ("ﾉｰﾄ", "会議のノート"),
            ("합격", "최종합격자"),
            ("ไทย", "ประเทศไทย"),
            ("नमस्ते", "नमस्ते दुनिया"),
            ("Ελλάς", "ΕΛΛΑΣ"),
        ],
    )
    def test_other_scripts(self, query: str, text: str) -> None:
        assert finds(query, text)


class TestFold:
    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("Ёлка", "елка"),
            ("Йод", "йод"),
            ("résumé", "resume"),
            ("Straße", "strasse"),
            ("Øre Łódź Æon", "ore lodz aeon"),
            ("ＡＢＣ", "abc"),
            ("ﬁnal", "final"),
            ("soft\u00adhyphen", "softhyphen"),
            ("İstanbul", "istanbul"),
        ],
    )
    def test_folds(self, text: str, folded: str) -> None:
        assert fold(text) == folded
        assert fold(unicodedata.normalize("NFD", text)) == folded

    @given(st.text())
    def test_twice_is_once(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_finds_itself(text: str, other: str) -> None:
    """Every question that has words finds the document that it was copied from, whatever else stands there."""
    assert finds(text, other, text)


@given(st.text(max_size=60) | st.text("aЖё1 -年度\u0301", max_size=60))
def test_placed_words_are_those_of_the_document(text: str) -> None:
    """At the same positions, and where they stand in the folded text."""
    folded = fold(text)
    found = list(placed_words(folded))
    words = document_words([text])
    assert [word for _, word, _, _ in found] == words.words
    assert [position + 1 for position, _, _, _ in found] == words.positions
    assert all(folded[start:end] == word for _, word, start, end in found)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_words_hold_nothing_that_means_something_to_postgresql(texts: list[str]) -> None:
    for word in [*document_words(texts).words, *term_words(fold(" ".join(texts))).words]:
        assert word
        assert {unicodedata.category(character)[0] for character in word} <= set("LNM")


def test_no_phrase_reaches_from_one_text_into_the_next() -> None:
    assert finds("one-two", "one two")
    assert not finds("one-two", "one", "two")
    assert not finds("一二", "一", "二")


@pytest.mark.parametrize("query", ["", " ", "!!!", "-", "%", "\\", "\u202e", "*:*|&<->", "'\"", "\x00"])
def test_signs_are_no_words(query: str) -> None:
    assert term_words(fold(query)).words == []


def test_long_words_are_cut_on_both_sides() -> None:
    word = "x" * 5000
    assert finds(word, word)
    assert max(map(len, document_words([word]).words)) == MAX_WORD_CHARACTERS


def test_positions_stay_within_what_postgresql_counts() -> None:
    assert max(document_words(["a " * 20_000]).positions) == MAX_POSITION
