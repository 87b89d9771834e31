"""Folded texts that know where each of their characters comes from."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.search.placing import fold_name, joins, placed, placed_name
from artstore.query.search.text import fold, word_spans

awkward = st.text(
    st.sampled_from(
        "aAéÉeßẞиИйЙёſﬁĲΣς\u0301\u0306\u0308\u0345\u200d\u00ad\u202e\ufe0f각가ᄀ\u1161\u11a8ｶﾞ報告กำ👩🏽 -_.\n\x1b<&\U0010ffff"
    ),
    max_size=30,
)
texts = st.text(max_size=60) | awkward


@given(texts)
def test_is_what_folding_gives_and_every_character_has_a_place(text: str) -> None:
    for found, folded in ((placed(text), fold(text)), (placed_name(text), fold_name(text))):
        assert found.text == text
        assert found.folded == folded
        assert len(found.starts) == len(found.ends) == len(folded)
        assert all(0 <= start < end <= len(text) for start, end in zip(found.starts, found.ends, strict=True))
        assert list(found.starts) == sorted(found.starts)
        assert list(found.ends) == sorted(found.ends)


@given(texts)
def test_no_place_parts_what_belongs_together(text: str) -> None:
    found = placed(text)
    for place in {*found.starts, *found.ends} - {0, len(text)}:
        assert not joins(text[place])
        assert not unicodedata.combining(text[place])


@given(st.text(max_size=60))
def test_a_word_stands_where_it_is_said_to(text: str) -> None:
    """What stands there folds to the word, and perhaps to letters of its neighbours that are one with it."""
    found = placed(text)
    for start, end, _ in word_spans(found.folded):
        first, last = found.span(start, end)
        assert found.folded[start:end] in fold(text[first:last])


@pytest.mark.parametrize(
    ("text", "word", "there"),
    [
        ("ein Straße-Name", "strasse", "Straße"),
        ("cafe\u0301 noir", "cafe", "cafe\u0301"),
        ("Счёт", "счет", "Счёт"),
        ("И\u0306од, ио", "йод", "И\u0306од"),
        ("the ﬁnal", "final", "ﬁnal"),
        ("x\u00adyz z", "xyz", "x\u00adyz"),
        ("👩🏽 ｶﾞ報", "ガ報", "ｶﾞ報"),
        ("\u1100\u1161\u11a8 b", "각", "\u1100\u1161\u11a8"),
        ("\U0001d400bc d", "abc", "\U0001d400bc"),
        ("<b>ABC</b>", "abc", "ABC"),
    ],
)
def test_words(text: str, word: str, there: str) -> None:
    found = placed(text)
    start = found.folded.index(word)
    first, last = found.span(start, start + len(word))
    assert text[first:last] == there


def test_long_texts_are_placed_character_by_character() -> None:
    """Not as a whole, which would mark all of them."""
    text = "Счёт № 17 от 5 мая, Übersicht und résumé. " * 100
    found = placed(text)
    assert max(end - start for start, end in zip(found.starts, found.ends, strict=True)) == 1
