"""Client ids: recognisable, plain ASCII, never twice the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.service_accounts.naming import new_client_id


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("billing", "billing"),
        ("Billing v2.1", "billing-v2-1"),
        ("Überweisung", "uberweisung"),
        ("Бухгалтерия", "account"),
        ("档案", "account"),
        ("a" * 64, "a" * 32),
    ],
)
def test_slug(name: str, slug: str) -> None:
    assert re.fullmatch(rf"sa_{slug}_[0-9a-f]{{12}}", new_client_id(name))


@given(st.text(max_size=64))
def test_every_name_gives_an_id_that_needs_no_encoding(name: str) -> None:
    assert re.fullmatch(r"sa_[a-z0-9-]+_[0-9a-f]{12}", new_client_id(name))


def test_same_name_gives_different_ids() -> None:
    assert new_client_id("billing") != new_client_id("billing")
