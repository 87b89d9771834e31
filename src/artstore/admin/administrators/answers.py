"""The answers to logins and refreshes: an access token of a person, and what is told of the session."""

from datetime import timedelta
from typing import Any

from artstore.admin.administrators.means import Rules
from artstore.admin.administrators.session_repository import StoredSession
from artstore.admin.administrators.sessions import OpenedSession
from artstore.admin.auth.tokens import TokenIssuer
from artstore.wire.administrators import LoginAnswer, Session
from artstore.wire.scopes import ADMINISTRATOR_SCOPES

_CLIENT_PREFIX = "adm_"
"""The claim ``client_id`` of a person is this with the username, so that logs tell people from accounts."""
_REQUESTS_PER_MINUTE = 600
"""The claim ``rate_limit`` of every person: a page of a browser asks for several things at once."""


def login_answer(
    opened: OpenedSession, rules: Rules, tokens: TokenIssuer, *, with_token: bool
) -> LoginAnswer:
    """The access token never outlives the session, also one that is left alone: nothing else would end it."""
    session = opened.session
    left = min(session.idle_expires_at, session.expires_at) - opened.at
    lifetime = min(rules.token_lifetime, left)
    seconds = max(1, int(lifetime / timedelta(seconds=1)))
    scope = " ".join(sorted(ADMINISTRATOR_SCOPES[opened.role]))
    claims: dict[str, Any] = {
        "sub": str(session.administrator_id),
        "sid": str(session.id),
        "client_id": _CLIENT_PREFIX + opened.username,
        "username": opened.username,
        "role": opened.role.value,
        "scope": scope,
        "rate_limit": _REQUESTS_PER_MINUTE,
    }
    return LoginAnswer(
        access_token=tokens.sign(claims, seconds),
        expires_in=seconds,
        scope=scope,
        session_id=session.id,
        refresh_token=opened.refresh_token if with_token else None,
        refresh_expires_at=min(session.idle_expires_at, session.expires_at),
        session_expires_at=session.expires_at,
    )


def session_answer(session: StoredSession, current_id: str | None) -> Session:
    return Session(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=min(session.idle_expires_at, session.expires_at),
        address=session.address,
        user_agent=session.user_agent,
        second_factor=session.second_factor,
        current=str(session.id) == current_id,
    )
