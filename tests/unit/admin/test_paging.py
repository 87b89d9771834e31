"""Cursors: what was given out is read again; anything else is refused, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.paging import cursor_after, key_before
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(TEXT)
def test_comes_back(key: str) -> None:
    cursor = cursor_after(key)
    assert cursor.isascii()
    assert "=" not in cursor
    assert key_before(cursor) == key


@given(st.text())
def test_anything_else_is_refused_or_harmless(cursor: str) -> None:
    try:
        key = key_before(cursor)
    except Problem as problem:
        kind = problem.kind
    else:
        kind = ProblemType.INVALID_CURSOR
        key.encode("utf-8")
        assert "\0" not in key
    assert kind is ProblemType.INVALID_CURSOR


@pytest.mark.parametrize("cursor", ["!", "a", "АБВ", "AA", "_w", "a b"])
def test_foreign_cursors(cursor: str) -> None:
    with pytest.raises(Problem, match="next_cursor"):
        key_before(cursor)
