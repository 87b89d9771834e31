"""The canonical bytes of an entry."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.audit import SYSTEM, Action, Actor, ActorKind, AuditEntry
from artstore.admin.audit.leaf import NotCanonical, leaf, members

AT = datetime(2026, 11, 26, 7, 5, 9, 12, tzinfo=UTC)


def test_as_the_page_shows_it() -> None:
    actor = Actor(ActorKind.SERVICE_ACCOUNT, "42", "billing", "192.0.2.7", "r-1")
    entry = AuditEntry(
        Action.ACCOUNT_CREATED, actor, "account", "43", details={"name": "Счёт", "a": [1, None]}
    )
    assert leaf(members(entry, 5, AT)).decode() == (
        '{"action":"account.created","actor":{"address":"192.0.2.7","id":"42","kind":"service_account",'
        '"name":"billing","request_id":"r-1"},"at":"2026-11-26T07:05:09.000012Z",'
        '"details":{"a":[1,null],"name":"Счёт"},"index":5,"outcome":"done",'
        '"subject":{"id":"43","kind":"account"}}'
    )


@given(st.text())
def test_any_text_can_be_kept_and_hashed_again(text: str) -> None:
    made = members(AuditEntry(Action.KEY_CREATED, SYSTEM, "key", text, details={"x": text}), 0, AT)
    assert leaf(json.loads(leaf(made))) == leaf(made)
    assert "\0" not in made["subject"]["id"]


@pytest.mark.parametrize(
    "value", [1.5, 2**53, float("nan"), {"ключ": 1}, {1: 2}, (1,), b"x", datetime.now(UTC)]
)
def test_what_no_leaf_holds(value: Any) -> None:
    entry = AuditEntry(Action.KEY_CREATED, SYSTEM, "key", "1", details={"x": value})
    with pytest.raises(NotCanonical):
        leaf(members(entry, 0, AT))


def test_too_large() -> None:
    entry = AuditEntry(Action.KEY_CREATED, SYSTEM, "key", "1", details={"x": "x" * 70_000})
    with pytest.raises(NotCanonical, match="larger than"):
        leaf(members(entry, 0, AT))
