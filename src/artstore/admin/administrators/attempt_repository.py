"""Queries on the account of attempts."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.administrators.lockout import Attempts
from artstore.admin.administrators.tables import LOGIN_ATTEMPTS
from artstore.kernel.database import ReadConnection, WriteConnection


async def now(connection: ReadConnection) -> datetime:
    """The time of the database, which is one for all processes; that of this call, not of the transaction."""
    moment: datetime = await connection.scalar(select(func.clock_timestamp()))
    return moment


async def locked(connection: WriteConnection, keys: Sequence[bytes]) -> dict[bytes, Attempts]:
    """The attempts of each key, which nobody else can change until the transaction ends."""
    # In one order everywhere, so that two transactions never wait for each other. The update of nothing takes
    # the lock of a row that is there, in one statement with making one that is not.
    rows = await connection.execute(
        insert(LOGIN_ATTEMPTS)
        .values([{"key": key} for key in sorted(keys)])
        .on_conflict_do_update(index_elements=["key"], set_={"key": LOGIN_ATTEMPTS.c.key})
        .returning(LOGIN_ATTEMPTS)
    )
    return {
        bytes(row.key): Attempts(row.failures, row.lockouts, row.locked_until, row.last_attempt_at)
        for row in rows
    }


async def keep(connection: WriteConnection, key: bytes, attempts: Attempts) -> None:
    await connection.execute(
        update(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.key == key).values(asdict(attempts))
    )


async def locked_until(connection: ReadConnection, keys: Sequence[bytes]) -> dict[bytes, datetime]:
    """The keys that are locked at the moment."""
    rows = await connection.execute(
        select(LOGIN_ATTEMPTS.c.key, LOGIN_ATTEMPTS.c.locked_until).where(
            LOGIN_ATTEMPTS.c.key.in_(list(keys)), LOGIN_ATTEMPTS.c.locked_until > func.now()
        )
    )
    return {bytes(row.key): row.locked_until for row in rows}


async def forget(connection: WriteConnection, key: bytes) -> bool:
    """Whether anything was held against it."""
    result = await connection.execute(delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.key == key))
    return result.rowcount > 0


async def remove_older(connection: WriteConnection, age: timedelta) -> int:
    """Removes what is held against nobody any more."""
    last = func.coalesce(LOGIN_ATTEMPTS.c.last_attempt_at, func.to_timestamp(0))
    result = await connection.execute(delete(LOGIN_ATTEMPTS).where(last < func.now() - age))
    return result.rowcount
