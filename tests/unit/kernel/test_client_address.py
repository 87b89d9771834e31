"""Whose request it is, where proxies stand between."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.kernel.client_address import client_address, customer, networks

TRUSTED = networks("10.0.0.0/8, ::1")


def scope(client: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode("latin-1", "replace")) for value in forwarded]
    return {"client": (client, 1234) if client else None, "headers": headers}


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # who is not trusted tells nothing
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),  # the first was invented
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        (None, ["198.51.100.7"], "unknown"),
        ("/run/socket", ["198.51.100.7"], "/run/socket"),
    ],
)
def test_address(client: str | None, forwarded: list[str], expected: str) -> None:
    assert client_address(scope(client, *forwarded), TRUSTED) == expected


@given(st.lists(st.text(max_size=30), max_size=4))
def test_nothing_that_is_told_does_harm(forwarded: list[str]) -> None:
    assert client_address(scope("10.0.0.1", *forwarded), TRUSTED)
    assert client_address(scope("192.0.2.1", *forwarded), TRUSTED) == "192.0.2.1"


@pytest.mark.parametrize("text", ["x", "10.0.0.1/33", "10.0.0.1/8", "10.0.0.1 10.0.0.2"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|has host bits"):
        networks(text)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_whom_an_address_counts_for(address: str, expected: str) -> None:
    assert customer(address) == expected
