"""Marks between pages."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.problems import Problem
from artstore.query.search.cursor import Mark, Place, read_cursor, read_place, write_cursor, write_place
from artstore.wire.problems import ProblemType

MARK = Mark(datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC), UUID(int=7), "rw-01")

marks = st.builds(
    Mark, st.datetimes(timezones=st.just(UTC)), st.uuids(), st.text(st.characters(codec="ascii"), max_size=63)
)


EARLIEST = MARK.created_at.replace(year=1971, tzinfo=None)
keys = (
    st.none()
    | st.integers(0, 2**63 - 1)
    | st.floats(0, 1, width=32)
    | st.datetimes(EARLIEST, timezones=st.just(UTC))
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=100)
)
elements = st.text("ab-01", max_size=63)
places = st.builds(
    Place,
    keys,
    st.builds(Mark, st.datetimes(timezones=st.just(UTC)), st.uuids(), elements),
    st.none() | st.builds(Mark, st.datetimes(timezones=st.just(UTC)), st.uuids(), elements),
    st.none() | st.builds(Mark, st.datetimes(timezones=st.just(UTC)), st.uuids(), elements),
)


@given(places, st.text())
def test_a_place_comes_back_as_it_was(place: Place, question: str) -> None:
    cursor = write_place(place, question=question)
    assert read_place(cursor, question=question, key=type(place.key)) == place


@given(st.text(max_size=600), st.sampled_from([int, str, float, datetime, type(None)]))
def test_any_text_is_refused_as_a_place(cursor: str, key: type) -> None:
    with pytest.raises(Problem):
        read_place(cursor, question="q", key=key)


@given(marks, st.text())
def test_comes_back_as_it_was(mark: Mark, question: str) -> None:
    assert read_cursor(write_cursor(mark, question=question), question=question) == mark


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", "eyJ4IjoxfQ", "../..", "a" * 3000, "счёт", "====", "A" * 48]
)
def test_forged(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor(cursor, question="q")
    assert refused.value.kind is ProblemType.INVALID_CURSOR
    assert refused.value.field == "cursor"


@given(st.text(max_size=600))
def test_any_text_is_refused_and_nothing_else(cursor: str) -> None:
    with pytest.raises(Problem):
        read_cursor(cursor, question="q")


def test_of_another_question() -> None:
    with pytest.raises(Problem):
        read_cursor(write_cursor(MARK, question="one"), question="another")


@given(st.data())
def test_changed_by_one_character(data: st.DataObject) -> None:
    cursor = write_cursor(MARK, question="q")
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABab01-_").filter(lambda letter: letter != cursor[place]))
    changed = cursor[:place] + other + cursor[place + 1 :]
    try:
        mark = read_cursor(changed, question="q")
    except Problem:
        return
    assert mark == MARK  # only the unused bits of the last letter may differ
