"""What of a question is asked of the database."""

from typing import Any

import pytest
from sqlalchemy import and_

from artstore.query.catalog.tables import catalog_files
from artstore.query.search.grammar import read_question
from artstore.query.search.matching import Asked
from artstore.wire.search import SearchMode


def statement(condition: Any) -> tuple[str, dict[str, Any]]:
    compiled = condition.compile()
    return str(compiled), dict(compiled.params)


def conditions(text: str, mode: SearchMode) -> tuple[str, dict[str, Any]]:
    return statement(and_(*Asked(read_question(text), mode).conditions(catalog_files.c)))


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize(
    ("asked", "once"),
    [
        ("договор " * 100, "договор"),
        ("Счёт счет СЧЕТ", "счет"),
        ("a -b c -b a", "a -b c"),
        ('"a b" "a b" 2025-03 2025-03', '"a b" 2025-03'),
        ("a or b or a", "a or b"),
        ("a or b b or a c", "a or b c"),
        ("a or a", "a"),
        ("報告 報告", "報告"),
    ],
)
def test_the_same_is_asked_once(asked: str, once: str, mode: SearchMode) -> None:
    assert conditions(asked, mode) == conditions(once, mode)


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize(
    ("asked", "another"),
    [
        ("a -a", "a"),
        ("a -a", "-a"),
        ('"a a"', "a"),
        ("a-a", "a"),
        ("a or b", "a b"),
        ("a a or b", "a"),
        ("a or b a or c", "a or b or c"),
        ("a or -a", "a"),
        ("abc ab", "abc"),
    ],
)
def test_what_is_not_the_same_is_asked_too(asked: str, another: str, mode: SearchMode) -> None:
    assert conditions(asked, mode) != conditions(another, mode)


@pytest.mark.parametrize("mode", [SearchMode.FULLTEXT, SearchMode.EXACT])
def test_a_beginning_is_not_the_word(mode: SearchMode) -> None:
    assert conditions("a a*", mode) != conditions("a", mode) != conditions("a*", mode)


def test_the_rank_is_of_all_that_was_asked() -> None:
    rank = statement(Asked(read_question("договор договор")).rank(catalog_files.c))
    assert ["договор", "договор"] in rank[1].values()
