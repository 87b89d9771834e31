"""How near words are, and questions in which some are replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.suggest.corrections import replaced
from artstore.query.suggest.nearness import distance


class TestDistance:
    @pytest.mark.parametrize(
        ("one", "other", "slips"),
        [
            ("договор", "договор", 0),
            ("догавор", "договор", 1),
            ("договр", "договор", 1),
            ("договорр", "договор", 1),
            ("дговоор", "договор", 2),
            ("recieve", "receive", 1),
            ("ab", "ba", 1),
            ("", "ab", 2),
            ("invoice", "receive", 3),
            ("контракт", "договор", 3),
        ],
    )
    def test_slips(self, one: str, other: str, slips: int) -> None:
        assert distance(one, other, 2) == slips

    words = st.text("abc", max_size=8)

    @given(words, words, words)
    def test_is_one(self, one: str, other: str, third: str) -> None:
        assert distance(one, other, 8) == distance(other, one, 8)
        assert (distance(one, other, 8) == 0) == (one == other)
        assert min(distance(one, other, 8), 3) == distance(one, other, 2)

    @given(words, st.integers(0, 8), st.sampled_from("abcx"))
    def test_a_letter_more_is_one_slip(self, word: str, place: int, letter: str) -> None:
        assert distance(word, word[:place] + letter + word[place:], 2) == 1


class TestReplaced:
    @pytest.mark.parametrize(
        ("text", "corrected"),
        [
            ("Догавор", "договор"),
            ("догавор, 2025-03 ДОГАВОР!", "договор, 2025-03 договор!"),
            ('"подписаный догавор" or акт', '"подписаный договор" or акт'),
            ("догавор*", "догавор*"),  # the beginning of a word that is longer
            ("акт -догавор", "акт -догавор"),
            ("не-догавор", "не-договор"),
            ("догавор1 _догавор_", "догавор1 _договор_"),
            ("другое", "другое"),
            ("", ""),
        ],
    )
    def test_words(self, text: str, corrected: str) -> None:
        assert replaced(text, {"догавор": "договор"}) == corrected

    @given(st.text())
    def test_nothing_to_replace(self, text: str) -> None:
        assert replaced(text, {}) == text
