"""Names of documents in an archive."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.query.archives.names import ATTRIBUTES, Names, safe_name


class TestSafeName:
    @pytest.mark.parametrize(
        "name", ["a.txt", "отчёт за 2025.pdf", "年度报告2025.pdf", "a b (1).tar.gz", ".profile", "no dot"]
    )
    def test_keeps_what_is_safe(self, name: str) -> None:
        assert safe_name(name) == name

    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("..", "_"),
            (".", "_"),
            ("", "_"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            (r"C:\autoexec.bat", "C__autoexec.bat"),
            ("a\x00b\n", "a_b_"),
            ("trailing. ", "trailing"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("\ud800.txt", "_.txt"),
            ("100% of it, a%20b.txt", "100_ of it, a_20b.txt"),
        ],
    )
    def test_replaces_what_is_not(self, name: str, safe: str) -> None:
        assert safe_name(name) == safe

    def test_is_cut_inside_no_character(self) -> None:
        name = safe_name("я" * 500 + ".pdf")
        assert name == "я" * 98 + ".pdf"


NAMES = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.sampled_from(
            ["a.txt", "A.TXT", "a (2).txt", f"a.txt{ATTRIBUTES}", "..", "é", "e\u0301", "ß", "SS"]
        ),
    ),
    max_size=30,
)


@given(NAMES)
def test_any_names_are_safe_and_unique_wherever_they_are_unpacked(given_names: list[str]) -> None:
    names = Names()
    found = [names.name(name) for name in given_names]
    files = [*found, *(name + ATTRIBUTES for name in found)]
    folded = [unicodedata.normalize("NFC", name).casefold() for name in files]
    assert len(set(folded)) == len(folded)
    for name in files:
        assert not set(name) & set('/\\\x00\n<>:"|?*%')
        assert name not in (".", "..")
        assert len(name.encode()) <= 255


def test_many_with_the_same_name() -> None:
    names = Names()
    found = [names.name("a.txt") for _ in range(10_000)]
    assert (found[0], found[1], found[-1]) == ("a.txt", "a (2).txt", "a (10000).txt")
    assert len(set(found)) == 10_000
