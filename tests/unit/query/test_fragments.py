"""Fragments of texts around what was found."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from artstore.query.search.fragments import FRAGMENT, FRAGMENTS, fragments, merged
from artstore.query.search.placing import Span


@st.composite
def found(draw: st.DrawFn) -> tuple[str, list[Span]]:
    unit = draw(
        st.sampled_from(["x", "слово ", "a b c ", "e\u0301\u0301", "<b>", "\x1b[31m ", "👩🏽", "א\u202e "])
    )
    text = draw(st.text(max_size=30)) + unit * draw(st.integers(1, 400)) + draw(st.text(max_size=30))
    place = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(place, place), max_size=30))
    return text, [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]


def of(text: str, spans: list[Span]) -> list[dict[str, Any]]:
    return list(fragments(text, merged(spans)))


@given(found())
def test_are_parts_of_the_text_and_no_more_than_asked(given_: tuple[str, list[Span]]) -> None:
    text, spans = given_
    within = [any(start <= place < end for start, end in spans) for place in range(len(text))]
    shown = of(text, spans)
    assert len(shown) <= FRAGMENTS
    if spans:
        assert shown
    behind = 0
    for number, fragment in enumerate(shown):
        parts = fragment["parts"]
        whole = "".join(part["text"] for part in parts)
        assert 0 < len(whole) <= FRAGMENT
        assert any(part["match"] for part in parts) or not spans
        assert all(part["text"] for part in parts)
        assert all(one["match"] != other["match"] for one, other in itertools.pairwise(parts))
        places = [
            place
            for place in range(behind, len(text) - len(whole) + 1)
            if text.startswith(whole, place) and _marks(parts) == within[place : place + len(whole)]
        ]
        assert places, "it stands in the text, marked as the text is"
        behind = places[0] + 1 if number + 1 < len(shown) else behind
    if shown:
        assert shown[0]["cut_before"] or text.startswith("".join(part["text"] for part in shown[0]["parts"]))
        assert shown[-1]["cut_after"] or text.endswith("".join(part["text"] for part in shown[-1]["parts"]))


def _marks(parts: list[dict[str, Any]]) -> list[bool]:
    return [part["match"] for part in parts for _ in part["text"]]


def test_a_short_text_is_shown_whole() -> None:
    assert of("Signed contract 17.pdf", [(7, 15)]) == [
        {
            "parts": [
                {"text": "Signed ", "match": False},
                {"text": "contract", "match": True},
                {"text": " 17.pdf", "match": False},
            ],
            "cut_before": False,
            "cut_after": False,
        }
    ]


def test_a_long_text_is_cut_between_words() -> None:
    text = "lorem ipsum " * 50 + "CONTRACT" + " dolor sit" * 50
    (fragment,) = of(text, [(600, 608)])
    before, match, after = (part["text"] for part in fragment["parts"])
    assert match == "CONTRACT"
    assert set(before.split()) == {"lorem", "ipsum"}
    assert set(after.split()) == {"dolor", "sit"}
    assert fragment["cut_before"]
    assert fragment["cut_after"]


def test_the_beginning_is_not_cut_off_for_a_few_characters() -> None:
    text = "a contract" + " and more" * 100
    (fragment,) = of(text, [(2, 10)])
    assert not fragment["cut_before"]
    assert fragment["parts"][0]["text"] == "a "


def test_accents_stay_with_their_letters() -> None:
    text = "e\u0301" * 500
    for fragment in of(text, [(400, 402), (900, 902)]):
        for part in fragment["parts"]:
            assert part["text"][0] == "e"
            assert part["text"][-1] == "\u0301"


def test_far_matches_have_fragments_of_their_own_and_near_ones_share_one() -> None:
    text = "word " * 1000
    assert len(of(text, [(0, 4), (50, 54), (2000, 2004)])) == 2
    assert len(of(text, [(500 * n, 500 * n + 4) for n in range(9)])) == FRAGMENTS
