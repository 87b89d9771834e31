"""Queries on sessions and their refresh tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update

from artstore.admin.administrators.tables import ADMINISTRATORS, REFRESH_TOKENS, SESSIONS
from artstore.admin.revocations.repository import end_tokens_of_sessions
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.scopes import AdministratorRole

_LIVE = and_(
    SESSIONS.c.ended_at.is_(None), SESSIONS.c.idle_expires_at > func.now(), SESSIONS.c.expires_at > func.now()
)


@dataclass(frozen=True)
class StoredSession:
    id: UUID
    administrator_id: UUID
    address: str
    user_agent: str
    second_factor: bool
    created_at: datetime
    last_used_at: datetime
    idle_expires_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Presented:
    """A refresh token that is known, with its session and whose it is."""

    session: StoredSession
    is_live: bool
    was_used: bool
    username: str
    role: AdministratorRole
    is_active: bool


async def add(connection: WriteConnection, session: StoredSession, token_hash: bytes) -> None:
    await connection.execute(insert(SESSIONS).values(vars(session)))
    await _add_token(connection, session.id, token_hash)


async def presented(connection: WriteConnection, token_hash: bytes) -> Presented | None:
    """What is known of a refresh token; nobody else can use or end it until the transaction ends."""
    rows = await connection.execute(
        select(
            SESSIONS,
            _LIVE.label("is_live"),
            REFRESH_TOKENS.c.used_at,
            ADMINISTRATORS.c.username,
            ADMINISTRATORS.c.role,
            ADMINISTRATORS.c.is_active,
        )
        .join_from(REFRESH_TOKENS, SESSIONS)
        .join(ADMINISTRATORS)
        .where(REFRESH_TOKENS.c.token_hash == token_hash)
        # Both: of a row that was waited for, only what is locked is read anew.
        .with_for_update(of=[SESSIONS, REFRESH_TOKENS])
    )
    row = rows.one_or_none()
    if row is None:
        return None
    return Presented(
        session=_session(row),
        is_live=row.is_live,
        was_used=row.used_at is not None,
        username=row.username,
        role=AdministratorRole(row.role),
        is_active=row.is_active,
    )


async def rotate(
    connection: WriteConnection, session_id: UUID, used_hash: bytes, token_hash: bytes, idle: timedelta
) -> StoredSession:
    """The session, used now: the one token is good no more, the other is."""
    await connection.execute(
        update(REFRESH_TOKENS).where(REFRESH_TOKENS.c.token_hash == used_hash).values(used_at=func.now())
    )
    await _add_token(connection, session_id, token_hash)
    rows = await connection.execute(
        update(SESSIONS)
        .where(SESSIONS.c.id == session_id)
        .values(last_used_at=func.now(), idle_expires_at=func.now() + idle)
        .returning(SESSIONS)
    )
    return _session(rows.one())


async def end(
    connection: WriteConnection,
    reason: str,
    *,
    administrator_id: UUID | None = None,
    session_id: UUID | None = None,
    except_id: UUID | None = None,
) -> list[tuple[UUID, UUID]]:
    """Ends the live sessions of a person, or one, but for ``except_id``; returns id and owner of each.

    Their access tokens end with them, everywhere: see ``admin.revocations``.
    """
    conditions: list[ColumnElement[bool]] = [_LIVE]
    if administrator_id is not None:
        conditions.append(SESSIONS.c.administrator_id == administrator_id)
    if session_id is not None:
        conditions.append(SESSIONS.c.id == session_id)
    assert len(conditions) > 1, "whose sessions?"
    if except_id is not None:
        conditions.append(SESSIONS.c.id != except_id)
    rows = await connection.execute(
        update(SESSIONS)
        .where(*conditions)
        .values(ended_at=func.now(), ended_because=reason)
        .returning(SESSIONS.c.id, SESSIONS.c.administrator_id)
    )
    ended = [(row.id, row.administrator_id) for row in rows]
    await end_tokens_of_sessions(connection, ended)
    return ended


async def live_of(connection: ReadConnection, administrator_id: UUID) -> list[StoredSession]:
    """The newest first."""
    rows = await connection.execute(
        select(SESSIONS)
        .where(SESSIONS.c.administrator_id == administrator_id, _LIVE)
        .order_by(SESSIONS.c.id.desc())
    )
    return [_session(row) for row in rows]


async def is_live(connection: ReadConnection, session_id: UUID, administrator_id: UUID) -> bool:
    found = await connection.scalar(
        select(SESSIONS.c.id)
        .join(ADMINISTRATORS)
        .where(
            SESSIONS.c.id == session_id,
            SESSIONS.c.administrator_id == administrator_id,
            ADMINISTRATORS.c.is_active,
            _LIVE,
        )
    )
    return found is not None


async def remove_over(connection: WriteConnection, age: timedelta) -> int:
    """Removes sessions that have been over for so long, with their tokens."""
    over = func.least(SESSIONS.c.ended_at, SESSIONS.c.idle_expires_at, SESSIONS.c.expires_at)
    result = await connection.execute(delete(SESSIONS).where(over < func.now() - age))
    return result.rowcount


async def _add_token(connection: WriteConnection, session_id: UUID, token_hash: bytes) -> None:
    await connection.execute(insert(REFRESH_TOKENS).values(token_hash=token_hash, session_id=session_id))


def _session(row: Row[*tuple[Any, ...]]) -> StoredSession:
    return StoredSession(
        id=row.id,
        administrator_id=row.administrator_id,
        address=row.address,
        user_agent=row.user_agent,
        second_factor=row.second_factor,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        idle_expires_at=row.idle_expires_at,
        expires_at=row.expires_at,
    )
