"""How long the access token of a login is good."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from artstore.admin.administrators.answers import login_answer
from artstore.admin.administrators.lockout import Limits
from artstore.admin.administrators.means import Rules
from artstore.admin.administrators.session_repository import StoredSession
from artstore.admin.administrators.sessions import OpenedSession
from artstore.admin.auth.tokens import TokenIssuer
from artstore.wire.scopes import AdministratorRole

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(5, timedelta(minutes=1), timedelta(hours=1))


class Unsigned(TokenIssuer):
    """Signs with no key how long the token would be good."""

    def __init__(self) -> None:
        pass

    def sign(self, claims: Mapping[str, Any], lifetime_seconds: int, *, kind: str = "") -> str:
        return str(lifetime_seconds)


@pytest.mark.parametrize(
    ("idle", "end", "expected"),
    [
        (timedelta(minutes=30), timedelta(hours=12), 300),
        (timedelta(minutes=30), timedelta(seconds=90), 90),
        # Nobody ends a session that was left alone: its token must be over with it.
        (timedelta(seconds=60), timedelta(hours=12), 60),
    ],
)
def test_never_longer_than_the_session(idle: timedelta, end: timedelta, expected: int) -> None:
    session = StoredSession(
        id=uuid4(),
        administrator_id=uuid4(),
        address="192.0.2.1",
        user_agent="",
        second_factor=False,
        created_at=NOW,
        last_used_at=NOW,
        idle_expires_at=NOW + idle,
        expires_at=NOW + end,
    )
    rules = Rules(timedelta(minutes=5), idle, end, timedelta(days=1), LIMITS, LIMITS)
    opened = OpenedSession(session, "ada", AdministratorRole.READONLY, "token", NOW)
    answer = login_answer(opened, rules, Unsigned(), with_token=True)
    assert (answer.expires_in, answer.access_token) == (expected, str(expected))
