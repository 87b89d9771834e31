"""Marks between pages."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.problems import Problem
from artstore.query.search.cursor import Mark, read_cursor, write_cursor
from artstore.wire.problems import ProblemType

MARK = Mark(datetime(2026, 11, 23, 12, 1, 2, 345678, tzinfo=UTC), UUID(int=7), "rw-01")

marks = st.builds(
    Mark, st.datetimes(timezones=st.just(UTC)), st.uuids(), st.text(st.characters(codec="ascii"), max_size=63)
)


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
