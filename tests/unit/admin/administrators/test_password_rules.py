"""Which passwords are refused."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.administrators.password_rules import normal_form, weakness


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "fewer"),
        ("elevenchars", "fewer"),
        ("x" * 257, "more"),
        ("1qaz2wsx3edc", "tried first"),
        ("1QAZ2WSX3EDC", "tried first"),
        ("justinbieber", "tried first"),
        ("Password2026!", "tried first"),
        ("P@ssw0rd-2026", "tried first"),
        ("!!!dragon!!!1999", "tried first"),
        ("administrator", "tried first"),
        ("ArtStore-2026", "tried first"),
        ("Manchester1998", "tried first"),
        ("aaaaaaaaaaaa", "pattern"),
        ("abababababab", "pattern"),
        ("kettlekettle", "pattern"),
        ("abcdefghijkl", "pattern"),
        ("zyxwvutsrqpo", "pattern"),
        ("210987654321", "pattern"),
        ("asdfghjklöä#", "pattern"),
        ("йцукенгшщзхъ", "pattern"),
        ("lovelace walks home", "name"),
        ("Countess-Ada.Lovelace", "name"),
        ("ＬＯＶＥＬＡＣＥ-walks", "name"),
    ],
)
def test_weak(password: str, reason: str) -> None:
    found = weakness(normal_form(password), "ada.lovelace", "Ada Lovelace")
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "quiet-otter-lends-ladders",
        "вечером чайник поёт",
        "山の上の小さな茶店で休む",
        "Tr0ub4dor&3-and-more",
        "a dam is no name of hers",  # of names shorter than four letters nothing is held against a password
    ],
)
def test_good(password: str) -> None:
    assert weakness(normal_form(password), "ada", "Ada") is None


@pytest.mark.parametrize("_", range(50))
def test_generated_ones_are_good(_: int) -> None:
    assert weakness(secrets.token_urlsafe(32), "admin") is None


@given(st.text(max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_every_text_has_an_answer(password: str, username: str, full_name: str) -> None:
    found = weakness(normal_form(password), username, full_name)
    assert found is None or found.endswith(".")
    if len(normal_form(password)) < 12:
        assert found is not None
