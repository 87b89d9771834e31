"""Queries on administrators and their second factors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from artstore.admin.administrators.tables import ADMINISTRATORS, RECOVERY_CODES
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.scopes import AdministratorRole


class UsernameTaken(Exception):
    """Another administrator has this name."""


@dataclass(frozen=True)
class Known:
    """An administrator as the database has it."""

    id: UUID
    username: str
    full_name: str
    role: AdministratorRole
    is_active: bool
    password_hash: str | None = field(repr=False)
    reset_code_hash: bytes | None = field(repr=False)
    reset_code_expires_at: datetime | None
    totp_secret: str | None = field(repr=False)
    """Encrypted."""
    totp_confirmed: bool
    totp_last_step: int
    created_at: datetime
    last_login_at: datetime | None


async def any_exists(connection: ReadConnection) -> bool:
    return bool(await connection.scalar(select(exists(select(ADMINISTRATORS.c.id)))))


async def by_username(connection: ReadConnection, username: str) -> Known | None:
    # PostgreSQL's text knows no NUL; a name with one is nobody's.
    rows = await connection.execute(
        select(ADMINISTRATORS).where(ADMINISTRATORS.c.username == username.replace("\0", " "))
    )
    return _known(rows.one_or_none())


async def by_id(connection: ReadConnection, administrator_id: UUID) -> Known | None:
    rows = await connection.execute(select(ADMINISTRATORS).where(ADMINISTRATORS.c.id == administrator_id))
    return _known(rows.one_or_none())


async def locked_by_id(connection: WriteConnection, administrator_id: UUID) -> Known | None:
    """The administrator, whom nobody else can change until the transaction ends."""
    rows = await connection.execute(
        select(ADMINISTRATORS).where(ADMINISTRATORS.c.id == administrator_id).with_for_update()
    )
    return _known(rows.one_or_none())


async def after(connection: ReadConnection, last: UUID | None, limit: int) -> list[Known]:
    """Administrators in the order in which they were created, from behind the one with the id ``last``."""
    query = select(ADMINISTRATORS).order_by(ADMINISTRATORS.c.id).limit(limit)
    if last is not None:
        query = query.where(ADMINISTRATORS.c.id > last)
    return [_present(row) for row in await connection.execute(query)]


async def locked_able(connection: WriteConnection, role: AdministratorRole) -> set[UUID]:
    """Who has the role and can log in; none of them can change until the transaction ends."""
    rows = await connection.execute(
        select(ADMINISTRATORS.c.id)
        .where(
            ADMINISTRATORS.c.role == role,
            ADMINISTRATORS.c.is_active,
            ADMINISTRATORS.c.password_hash.is_not(None),
        )
        .order_by(ADMINISTRATORS.c.id)
        .with_for_update()
    )
    return {row.id for row in rows}


async def add(
    connection: WriteConnection,
    *,
    administrator_id: UUID,
    username: str,
    full_name: str,
    role: AdministratorRole,
    password_hash: str | None = None,
) -> None:
    """Raises UsernameTaken; the transaction cannot go on then."""
    values = {
        "id": administrator_id,
        "username": username,
        "full_name": full_name,
        "role": role,
        "password_hash": password_hash,
    }
    try:
        await connection.execute(insert(ADMINISTRATORS).values(values))
    except IntegrityError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if constraint != "administrators_username_key":
            raise
        raise UsernameTaken from error


async def change(connection: WriteConnection, administrator_id: UUID, **values: object) -> None:
    await connection.execute(
        update(ADMINISTRATORS).where(ADMINISTRATORS.c.id == administrator_id).values(values)
    )


async def remove(connection: WriteConnection, administrator_id: UUID) -> None:
    """With sessions and second factor."""
    await connection.execute(delete(ADMINISTRATORS).where(ADMINISTRATORS.c.id == administrator_id))


async def note_login(connection: WriteConnection, administrator_id: UUID) -> None:
    await change(connection, administrator_id, last_login_at=func.now())


async def set_reset_code(
    connection: WriteConnection, administrator_id: UUID, code_hash: bytes, lifetime: timedelta
) -> datetime:
    """A new code instead of any other, and no password; when the code expires."""
    expires: datetime = await connection.scalar(
        update(ADMINISTRATORS)
        .where(ADMINISTRATORS.c.id == administrator_id)
        .values(password_hash=None, reset_code_hash=code_hash, reset_code_expires_at=func.now() + lifetime)
        .returning(ADMINISTRATORS.c.reset_code_expires_at)
    )
    return expires


async def use_reset_code(
    connection: WriteConnection, administrator_id: UUID, code_hash: bytes, password_hash: str
) -> bool:
    """Whether the code was good still: then it is no more, and the password is set."""
    result = await connection.execute(
        update(ADMINISTRATORS)
        .where(
            ADMINISTRATORS.c.id == administrator_id,
            ADMINISTRATORS.c.is_active,
            ADMINISTRATORS.c.reset_code_hash == code_hash,
            ADMINISTRATORS.c.reset_code_expires_at > func.now(),
        )
        .values(password_hash=password_hash, reset_code_hash=None, reset_code_expires_at=None)
    )
    return result.rowcount == 1


async def confirm_second_factor(
    connection: WriteConnection, administrator_id: UUID, code_hashes: Sequence[bytes]
) -> None:
    await change(connection, administrator_id, totp_confirmed=True)
    await connection.execute(
        insert(RECOVERY_CODES),
        [{"administrator_id": administrator_id, "code_hash": code_hash} for code_hash in code_hashes],
    )


async def totp_secrets(connection: ReadConnection) -> list[tuple[UUID, str]]:
    """Of all who have one: whose, and the secret, sealed."""
    sealed = ADMINISTRATORS.c.totp_secret
    rows = await connection.execute(select(ADMINISTRATORS.c.id, sealed).where(sealed.is_not(None)))
    return [(row.id, row.totp_secret) for row in rows]


async def remove_second_factor(connection: WriteConnection, administrator_id: UUID) -> None:
    await change(connection, administrator_id, totp_secret=None, totp_confirmed=False, totp_last_step=0)
    await connection.execute(
        delete(RECOVERY_CODES).where(RECOVERY_CODES.c.administrator_id == administrator_id)
    )


async def use_recovery_code(connection: WriteConnection, administrator_id: UUID, code_hash: bytes) -> bool:
    result = await connection.execute(
        delete(RECOVERY_CODES).where(
            RECOVERY_CODES.c.administrator_id == administrator_id, RECOVERY_CODES.c.code_hash == code_hash
        )
    )
    return result.rowcount == 1


async def count_recovery_codes(connection: ReadConnection, administrator_id: UUID) -> int:
    left: int = await connection.scalar(
        select(func.count())
        .select_from(RECOVERY_CODES)
        .where(RECOVERY_CODES.c.administrator_id == administrator_id)
    )
    return left


def _known(row: Row[*tuple[Any, ...]] | None) -> Known | None:
    return _present(row) if row else None


def _present(row: Row[*tuple[Any, ...]]) -> Known:
    return Known(
        id=row.id,
        username=row.username,
        full_name=row.full_name,
        role=AdministratorRole(row.role),
        is_active=row.is_active,
        password_hash=row.password_hash,
        reset_code_hash=None if row.reset_code_hash is None else bytes(row.reset_code_hash),
        reset_code_expires_at=row.reset_code_expires_at,
        totp_secret=row.totp_secret,
        totp_confirmed=row.totp_confirmed,
        totp_last_step=row.totp_last_step,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
    )
