"""Sessions: begun by a login, gone on with by refresh tokens, ended by logout, time, theft or a word."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from artstore.admin.administrators import metrics, trail
from artstore.admin.administrators import session_repository as repository
from artstore.admin.administrators.attempt_repository import now
from artstore.admin.administrators.means import Caller, Means, Rules
from artstore.admin.administrators.one_time import new_refresh_token, token_hash
from artstore.admin.administrators.repository import Known
from artstore.admin.administrators.session_repository import Presented, StoredSession
from artstore.admin.audit import Action, AuditEntry, Json, append_all
from artstore.kernel.access import Principal
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import AdministratorRole

_MOST_SESSIONS = 20
"""Of one person. Whoever begins another ends the oldest."""
_log = get_logger(__name__)


@dataclass(frozen=True)
class OpenedSession:
    """A session with the refresh token that goes on with it, and whose it is."""

    session: StoredSession
    username: str
    role: AdministratorRole
    refresh_token: str = field(repr=False)
    at: datetime
    """The time of the database when it was opened or refreshed."""


async def open_session(
    connection: WriteConnection, rules: Rules, known: Known, caller: Caller
) -> tuple[OpenedSession, list[AuditEntry]]:
    """A new session of somebody who is under a lock; what to append to the audit trail."""
    actor = trail.person(known.id, known.username, caller)
    entries = []
    for old in (await repository.live_of(connection, known.id))[_MOST_SESSIONS - 1 :]:
        ended = await repository.end(connection, "too_many", session_id=old.id)
        entries += trail.of_ended_sessions(actor, ended, "too_many")
    at = await now(connection)
    session = StoredSession(
        id=uuid7(),
        administrator_id=known.id,
        address=caller.address,
        user_agent=caller.user_agent,
        second_factor=known.totp_confirmed,
        created_at=at,
        last_used_at=at,
        idle_expires_at=at + rules.session_idle,
        expires_at=at + rules.session_lifetime,
    )
    token = new_refresh_token()
    await repository.add(connection, session, token_hash(token))
    details: dict[str, Json] = {"administrator_id": str(known.id), "second_factor": session.second_factor}
    entries.append(AuditEntry(Action.SESSION_BEGUN, actor, "session", str(session.id), details=details))
    return OpenedSession(session, known.username, known.role, token, at), entries


async def refresh(means: Means, token: str, caller: Caller) -> OpenedSession:
    """The session with the next refresh token; the one that was given is good no more.

    A token that was used before is a copy, and nobody knows whose: the session ends. Raises SESSION_ENDED.
    """
    used, following = token_hash(token), new_refresh_token()
    async with means.database.write() as connection:
        found = await repository.presented(connection, used)
        if found is None or not found.is_live or not found.is_active:
            outcome = "refused"
        elif found.was_used:
            outcome = "reused"
            await _end_stolen(connection, found, caller)
        else:
            outcome = "renewed"
            session = await repository.rotate(
                connection, found.session.id, used, token_hash(following), means.rules.session_idle
            )
            at = await now(connection)
    metrics.REFRESHES.labels(outcome).inc()
    if found is None or outcome != "renewed":
        raise session_ended()
    return OpenedSession(session, found.username, found.role, following, at)


async def _end_stolen(connection: WriteConnection, found: Presented, caller: Caller) -> None:
    session = found.session
    _log.warning(
        "a refresh token was used twice; its session is ended",
        session_id=str(session.id),
        administrator_id=str(session.administrator_id),
        address=caller.address,
    )
    ended = await repository.end(connection, "refresh_token_reused", session_id=session.id)
    await append_all(
        connection, trail.of_ended_sessions(trail.somebody(caller), ended, "refresh_token_reused")
    )


async def log_out(means: Means, token: str, caller: Caller) -> None:
    """Ends the session of the token, if there is one."""
    async with means.database.write() as connection:
        found = await repository.presented(connection, token_hash(token))
        if found is None:
            return
        session = found.session
        actor = trail.person(session.administrator_id, found.username, caller)
        ended = await repository.end(connection, "logout", session_id=session.id)
        entries = trail.of_ended_sessions(actor, ended, "logout")
        if entries:
            await append_all(connection, entries)


async def end_sessions(
    connection: WriteConnection,
    principal: Principal,
    caller: Caller,
    administrator_id: UUID,
    session_id: UUID | None = None,
) -> bool:
    """Ends the sessions of a person, or one of them, at somebody's word; whether there was any."""
    ended = await repository.end(
        connection, "ended", administrator_id=administrator_id, session_id=session_id
    )
    entries = trail.of_ended_sessions(trail.bearer(principal, caller), ended, "ended")
    if entries:
        await append_all(connection, entries)
    return bool(ended)


async def require_session(connection: ReadConnection, principal: Principal) -> tuple[UUID, UUID]:
    """Administrator and session of a token whose session goes on. Raises Problem SESSION_ENDED.

    That its access token has ended with the session is heard some seconds later, which must not be left to
    change what logins are made of.
    """
    try:
        administrator_id, session_id = UUID(principal.account_id), UUID(principal.session_id or "")
    except ValueError:
        raise session_ended() from None
    if not await repository.is_live(connection, session_id, administrator_id):
        raise session_ended()
    return administrator_id, session_id


def session_ended() -> Problem:
    return Problem(ProblemType.SESSION_ENDED, "The session is over, or never was. Log in again.")
