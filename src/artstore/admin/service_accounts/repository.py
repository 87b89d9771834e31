"""Queries on service accounts and their secrets."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from artstore.admin.service_accounts.tables import CLIENT_SECRETS, SERVICE_ACCOUNTS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.accounts import ServiceAccount
from artstore.wire.scopes import ROLE_SCOPES, SERVICES_SCOPES, Role, Scope


class NameTaken(Exception):
    """Another account has this name."""


class ClientIdTaken(Exception):
    """Another account has this client id."""


@dataclass(frozen=True)
class Credentials:
    """An account with the hashes of the secrets that open it at the moment."""

    account: ServiceAccount
    secret_hashes: tuple[str, ...] = field(repr=False)


async def account_by_id(connection: ReadConnection, account_id: UUID) -> ServiceAccount | None:
    rows = await connection.execute(select(SERVICE_ACCOUNTS).where(SERVICE_ACCOUNTS.c.id == account_id))
    row = rows.one_or_none()
    return _account(row) if row else None


async def accounts_after(connection: ReadConnection, after: UUID | None, limit: int) -> list[ServiceAccount]:
    """Accounts in the order in which they were created, from behind the one with the id ``after``."""
    query = select(SERVICE_ACCOUNTS).order_by(SERVICE_ACCOUNTS.c.id).limit(limit)
    if after is not None:
        query = query.where(SERVICE_ACCOUNTS.c.id > after)
    return [_account(row) for row in await connection.execute(query)]


async def credentials_by_client_id(connection: ReadConnection, client_id: str) -> Credentials | None:
    return await _credentials(connection, SERVICE_ACCOUNTS.c.client_id == client_id)


async def credentials_by_name(connection: ReadConnection, name: str) -> Credentials | None:
    return await _credentials(connection, SERVICE_ACCOUNTS.c.name == name)


async def _credentials(connection: ReadConnection, condition: ColumnElement[bool]) -> Credentials | None:
    rows = (
        await connection.execute(
            select(SERVICE_ACCOUNTS, CLIENT_SECRETS.c.secret_hash)
            .join_from(SERVICE_ACCOUNTS, CLIENT_SECRETS, isouter=True)
            .where(condition)
        )
    ).all()
    if not rows:
        return None
    hashes = tuple(row.secret_hash for row in rows if row.secret_hash is not None)
    return Credentials(_account(rows[0]), hashes)


async def add_account(connection: WriteConnection, account: ServiceAccount, secret_hash: str) -> None:
    """Raises NameTaken or ClientIdTaken; the transaction cannot go on then."""
    values = account.model_dump(exclude={"scopes"})
    try:
        await connection.execute(insert(SERVICE_ACCOUNTS).values(values))
    except IntegrityError as e:
        raise _taken(e) from e
    await add_secret(connection, account.id, secret_hash)


async def change_system_account(
    connection: WriteConnection, account_id: UUID, *, client_id: str, role: Role
) -> None:
    """Raises ClientIdTaken; the transaction cannot go on then."""
    try:
        await connection.execute(
            update(SERVICE_ACCOUNTS)
            .where(SERVICE_ACCOUNTS.c.id == account_id)
            .values(client_id=client_id, role=role)
        )
    except IntegrityError as e:
        raise _taken(e) from e


async def add_secret(connection: WriteConnection, account_id: UUID, secret_hash: str) -> None:
    await connection.execute(
        insert(CLIENT_SECRETS).values(id=uuid7(), account_id=account_id, secret_hash=secret_hash)
    )


async def remove_secrets(connection: WriteConnection, account_id: UUID) -> None:
    await connection.execute(delete(CLIENT_SECRETS).where(CLIENT_SECRETS.c.account_id == account_id))


def scopes_of(role: Role, *, is_system: bool) -> frozenset[Scope]:
    """What an account may do. Of the two that come from the configuration, the OPERATOR is the services'."""
    return ROLE_SCOPES[role] | (SERVICES_SCOPES if is_system and role is Role.OPERATOR else frozenset())


def _account(row: Row[*tuple[Any, ...]]) -> ServiceAccount:
    role = Role(row.role)
    return ServiceAccount(
        id=row.id,
        name=row.name,
        role=role,
        client_id=row.client_id,
        scopes=sorted(scopes_of(role, is_system=row.is_system)),
        is_system=row.is_system,
        created_at=row.created_at,
    )


def _taken(error: IntegrityError) -> Exception:
    """What a unique constraint means here; any other violation is a mistake of the service itself."""
    match getattr(getattr(error.orig, "diag", None), "constraint_name", None):
        case "service_accounts_name_key":
            return NameTaken()
        case "service_accounts_client_id_key":
            return ClientIdTaken()
        case _:
            return error
