"""Queries on revocations."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from artstore.admin.revocations.tables import REVOCATIONS
from artstore.admin.service_accounts.tables import SERVICE_ACCOUNTS
from artstore.kernel.access.claims import LEEWAY_SECONDS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.accounts import MAX_TOKEN_SECONDS
from artstore.wire.administrators import MAX_LOGIN_TOKEN_SECONDS
from artstore.wire.revocations import Revocation

_LOCK: Final = 0x7265766F6B65  # "revoke"
MAX_TOKENS_OF_ACCOUNT: Final = 1000
"""Single tokens of one account that are listed; one more ends all of them, so that the list stays bounded."""
_revoked = REVOCATIONS.c


async def end_tokens_of(connection: WriteConnection, account_id: UUID) -> bool:
    """Every token of the account that was given until now is void once this is committed.

    The caller holds the lock on the account's row, and takes no other account's afterwards. False: there is
    no service account with this id, and nothing was done.
    """
    await _hold_lock(connection)
    epoch = await connection.scalar(
        update(SERVICE_ACCOUNTS)
        .where(SERVICE_ACCOUNTS.c.id == account_id)
        .values(token_epoch=SERVICE_ACCOUNTS.c.token_epoch + 1)
        .returning(SERVICE_ACCOUNTS.c.token_epoch)
    )
    if epoch is None:
        return False
    until = datetime.now(UTC) + timedelta(seconds=MAX_TOKEN_SECONDS + LEEWAY_SECONDS)
    await connection.execute(delete(REVOCATIONS).where(_revoked.account_id == account_id))
    await connection.execute(insert(REVOCATIONS).values(account_id=account_id, epoch=epoch, until=until))
    return True


async def end_token(connection: WriteConnection, account_id: UUID, jti: str, expires: datetime) -> bool:
    """The one token is void once this is committed; whether it was not before. Locks as ``end_tokens_of``."""
    await _hold_lock(connection)
    listed = await connection.scalar(
        select(func.count())
        .select_from(REVOCATIONS)
        .where(_revoked.account_id == account_id, _revoked.jti.is_not(None))
    )
    # The tokens of a person have no epoch. They live for minutes, so that few are listed at a time.
    if listed >= MAX_TOKENS_OF_ACCOUNT and await end_tokens_of(connection, account_id):
        return True
    until = expires + timedelta(seconds=LEEWAY_SECONDS)
    added = await connection.scalar(
        upsert(REVOCATIONS)
        .values(account_id=account_id, jti=jti, until=until)
        .on_conflict_do_nothing(index_elements=[_revoked.jti])
        .returning(_revoked.position)
    )
    return added is not None


async def end_tokens_of_sessions(connection: WriteConnection, sessions: Iterable[tuple[UUID, UUID]]) -> None:
    """The tokens of sessions, given by id and person, are void once this is committed.

    The caller holds the locks on the sessions' rows, and takes none on others afterwards.
    """
    until = datetime.now(UTC) + timedelta(seconds=MAX_LOGIN_TOKEN_SECONDS + LEEWAY_SECONDS)
    ended = [
        {"session_id": session_id, "account_id": person_id, "until": until}
        for session_id, person_id in sessions
    ]
    if ended:
        await _hold_lock(connection)
        await connection.execute(insert(REVOCATIONS), ended)


async def is_revoked(connection: ReadConnection, jti: str) -> bool:
    """Whether that one token is listed; those of an account are judged by its epoch."""
    return await connection.scalar(select(_revoked.position).where(_revoked.jti == jti)) is not None


async def revocations_after(connection: ReadConnection, position: int, limit: int) -> list[Revocation]:
    """In the order in which they were committed."""
    rows = await connection.execute(
        select(REVOCATIONS).where(_revoked.position > position).order_by(_revoked.position).limit(limit)
    )
    return [_revocation(row) for row in rows]


async def last_position(connection: ReadConnection) -> int:
    return await connection.scalar(select(func.coalesce(func.max(_revoked.position), 0))) or 0


async def remove_expired(connection: WriteConnection) -> None:
    """The newest stays in any case: by it a reader knows how far it is."""
    newest = select(func.max(_revoked.position)).scalar_subquery()
    await connection.execute(
        delete(REVOCATIONS).where(_revoked.until < func.now(), _revoked.position < newest)
    )


async def _hold_lock(connection: WriteConnection) -> None:
    """Until the commit, so that positions become visible in their order, and no reader misses one."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _revocation(row: Row[tuple[object, ...]]) -> Revocation:
    return Revocation(
        position=row.position,
        account_id=row.account_id,
        epoch=row.epoch or 0,
        jti=row.jti,
        session_id=row.session_id,
        until=row.until.timestamp(),
    )
