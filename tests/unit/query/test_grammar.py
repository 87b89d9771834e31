"""The language of questions. Terms are shown as short texts: ``-`` before what must not be found, ``*``
behind a beginning, words of one term joined by ``_``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.search.grammar import Term, read_question, word_count

SIGNS = "()&|!<->:*'\"«»“”„\\\\ab漢 \x00"


def shown(term: Term) -> str:
    return ("-" if term.negated else "") + "_".join(term.words) + ("*" if term.prefix else "")


def read(text: str) -> list[list[str]]:
    return [[shown(term) for term in group] for group in read_question(text)]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("annual report", [["annual"], ["report"]]),
        ("Счёт 2025-03", [["счет"], ["2025_03"]]),
        ('"annual report" 2025', [["annual_report"], ["2025"]]),
        ("«Рога и копыта»", [["рога_и_копыта"]]),
        ("“annual report”", [["annual_report"]]),
        ('"a, (b) | c"', [["a_b_c"]]),
        ("contract -draft", [["contract"], ["-draft"]]),
        ('-"first draft"', [["-first_draft"]]),
        ("-draft", [["-draft"]]),
        ("(-draft)", [["-draft"]]),
        ("pre-draft", [["pre_draft"]]),
        ("a - b", [["a"], ["b"]]),
        ("a --b", [["a"], ["b"]]),
        ("report -", [["report"]]),
        ("a or b", [["a", "b"]]),
        ("a OR b c Or d or e", [["a", "b"], ["c", "d", "e"]]),
        ("a or -b", [["a", "-b"]]),
        ("or", [["or"]]),
        ("or a", [["or"], ["a"]]),
        ("a or", [["a"], ["or"]]),
        ("a or or b", [["a", "b"]]),
        ("a or !!! b", [["a", "b"]]),
        ('a "or" b', [["a"], ["or"], ["b"]]),
        ("a -or b", [["a"], ["-or"], ["b"]]),
        ("сче*", [["сче*"]]),
        ("-сче*", [["-сче*"]]),
        ('"annual rep*"', [["annual_rep*"]]),
        ("2025-0*", [["2025_0*"]]),
        ("a*b", [["a_b"]]),
        ("a_*", [["a"]]),
        ("*", []),
        ("*a", [["a"]]),
        ("报告*", [["报告"]]),
        ("年度报告", [["年度_度报_报告"]]),
        ('"unclosed phrase', [["unclosed"], ["phrase"]]),
        ('""', []),
        ("a,b;c|d", [["a"], ["b"], ["c"], ["d"]]),
        ("a & !b | (c:*)", [["a"], ["b"], ["c"]]),
        ("", []),
        ("-", []),
        ("\x00", []),
    ],
)
def test_reads(text: str, groups: list[list[str]]) -> None:
    assert read(text) == groups


@given(st.text() | st.text(SIGNS))
def test_any_text_has_a_meaning(text: str) -> None:
    groups = read_question(text)
    assert all(groups)
    assert all(term.words and len(term.words) == len(term.gaps) for group in groups for term in group)
    assert word_count(groups) == sum(len(term.words) for group in groups for term in group)


@given(st.text(), st.text(SIGNS))
def test_a_folded_question_is_the_same_question(text: str, signs: str) -> None:
    assert read_question(text.upper() + signs) == read_question((text.upper() + signs).casefold())
