"""Codes of the second factor: the examples of the standards, and what is used up."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.administrators import totp

SECRET = b"12345678901234567890"
"""Of RFC 4226 appendix D and RFC 6238 appendix B."""
HOTP = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("count", "expected"), list(enumerate(HOTP)))
def test_the_examples_of_rfc_4226(count: int, expected: str) -> None:
    assert totp.code(SECRET, count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_examples_of_rfc_6238(seconds: int, expected: str) -> None:
    """They have eight digits; the last six are those of six."""
    assert totp.code(SECRET, totp.step_at(seconds)) == expected[2:]


@given(st.integers(10, 10**9), st.integers(-5, 5), st.floats(0, 29.9))
def test_a_clock_may_be_one_step_off(step: int, off: int, within: float) -> None:
    given_code = totp.code(SECRET, step + off)
    found = totp.step_of(given_code, SECRET, step * 30 + within, last_step=0)
    if abs(off) <= 1:
        assert found is not None
        assert totp.code(SECRET, found) == given_code
    else:
        assert found is None or totp.code(SECRET, found) == given_code


@given(st.integers(10, 10**9), st.integers(-1, 1), st.integers(-3, 3))
def test_no_step_up_to_the_last_one_is_good(step: int, off: int, last: int) -> None:
    found = totp.step_of(totp.code(SECRET, step + off), SECRET, step * 30, last_step=step + last)
    assert found is None or found > step + last


@pytest.mark.parametrize("given_code", ["", "12345", "1234567", "abcdef", "Ы" * 6, "\0"])
def test_what_is_no_code(given_code: str) -> None:
    assert totp.step_of(given_code, SECRET, 59, last_step=0) is None


def test_what_an_authenticator_reads() -> None:
    uri = urlsplit(totp.otpauth_uri(SECRET, issuer="ArtStore", username="ada+1@example.org"))
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/ArtStore:ada%2B1%40example.org")
    assert parse_qs(uri.query) == {
        "secret": [base64.b32encode(SECRET).decode()],
        "issuer": ["ArtStore"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_secrets_are_long_and_differ() -> None:
    assert len({totp.new_secret() for _ in range(10)}) == 10
    assert len(totp.new_secret()) == 20
