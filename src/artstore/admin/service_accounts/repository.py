"""Queries on service accounts, each with its secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from artstore.admin.service_accounts import secret_repository
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.tables import SERVICE_ACCOUNTS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.accounts import AccountStatus
from artstore.wire.scopes import Role

_accounts = SERVICE_ACCOUNTS.c


class NameTaken(Exception):
    """Another account has this name."""


class ClientIdTaken(Exception):
    """Another account has this client id."""


@dataclass(frozen=True)
class Wanted:
    """What a list may be narrowed to; None lets everything through."""

    text: str | None = None
    """A part of the name, the client id or the description, whatever the case."""
    role: Role | None = None
    status: AccountStatus | None = None
    """None: all but the deleted ones."""


async def account_by_id(connection: ReadConnection, account_id: UUID) -> Account | None:
    return await _one(connection, _accounts.id == account_id)


async def account_by_client_id(connection: ReadConnection, client_id: str) -> Account | None:
    return await _one(connection, _accounts.client_id == client_id)


async def account_by_name(connection: ReadConnection, name: str) -> Account | None:
    return await _one(connection, _accounts.name == name)


async def lock_account(connection: WriteConnection, account_id: UUID) -> Account | None:
    """The account as it is now, which nobody else can change before this transaction ends."""
    return await _one(connection, _accounts.id == account_id, locked=True)


async def accounts_after(
    connection: ReadConnection, wanted: Wanted, after: UUID | None, limit: int
) -> list[Account]:
    """Accounts in the order in which they were created, from behind the one with the id ``after``."""
    query = select(SERVICE_ACCOUNTS).order_by(_accounts.id).limit(limit)
    if after is not None:
        query = query.where(_accounts.id > after)
    if wanted.role is not None:
        query = query.where(_accounts.role == wanted.role)
    if wanted.text is not None:
        columns = (_accounts.name, _accounts.client_id, _accounts.description)
        query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    return await _with_secrets(connection, query.where(*_of_status(wanted.status)))


def _of_status(status: AccountStatus | None) -> list[ColumnElement[bool]]:
    match status:
        case None:
            return [_accounts.deleted_at.is_(None)]
        case AccountStatus.DELETED:
            return [_accounts.deleted_at.is_not(None)]
        case AccountStatus.SUSPENDED:
            return [_accounts.deleted_at.is_(None), _accounts.suspended_at.is_not(None)]
        case AccountStatus.ACTIVE:
            return [_accounts.deleted_at.is_(None), _accounts.suspended_at.is_(None)]


async def add_account(connection: WriteConnection, account: Account) -> None:
    """The account with its secrets. Raises NameTaken or ClientIdTaken; the transaction cannot go on then."""
    values = {
        "id": account.id,
        "name": account.name,
        "client_id": account.client_id,
        "role": account.role,
        "is_system": account.is_system,
        "description": account.description,
        "scopes": None if account.chosen_scopes is None else list(account.chosen_scopes),
        "rate_limit": account.chosen_rate_limit,
        "keys": list(account.keys),
        "expires_at": account.expires_at,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }
    try:
        await connection.execute(insert(SERVICE_ACCOUNTS).values(values))
    except IntegrityError as e:
        raise _taken(e) from e
    for secret in account.secrets:
        await secret_repository.add_secret(connection, account.id, secret)


async def change_account(connection: WriteConnection, account: Account, values: Mapping[str, Any]) -> Account:
    """The account after the change, with the next revision. Raises ClientIdTaken: the transaction is over."""
    statement = (
        update(SERVICE_ACCOUNTS)
        .where(_accounts.id == account.id)
        .values({**values, "revision": _accounts.revision + 1, "updated_at": secret_repository.NOW})
    )
    try:
        await connection.execute(statement)
    except IntegrityError as e:
        raise _taken(e) from e
    changed = await account_by_id(connection, account.id)
    assert changed is not None, "it is locked, or nobody else runs"
    return changed


async def _one(
    connection: ReadConnection, condition: ColumnElement[bool], *, locked: bool = False
) -> Account | None:
    query = select(SERVICE_ACCOUNTS).where(condition)
    if locked:
        query = query.with_for_update()
    found = await _with_secrets(connection, query)
    return found[0] if found else None


async def _with_secrets(connection: ReadConnection, query: Select[Any]) -> list[Account]:
    rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
    secrets = await secret_repository.secrets_of(connection, [row.id for row in rows]) if rows else {}
    return [
        Account(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            client_id=row.client_id,
            is_system=row.is_system,
            created_at=row.created_at,
            updated_at=row.updated_at,
            description=row.description,
            chosen_scopes=None if row.scopes is None else tuple(row.scopes),
            chosen_rate_limit=row.rate_limit,
            keys=tuple(row.keys),
            expires_at=row.expires_at,
            suspended_at=row.suspended_at,
            deleted_at=row.deleted_at,
            last_used_at=row.last_used_at,
            token_epoch=row.token_epoch,
            revision=row.revision,
            secrets=tuple(secrets.get(row.id, ())),
        )
        for row in rows
    ]


def _taken(error: IntegrityError) -> Exception:
    """What a unique constraint means here; any other violation is a mistake of the service itself."""
    match getattr(getattr(error.orig, "diag", None), "constraint_name", None):
        case "service_accounts_name_key":
            return NameTaken()
        case "service_accounts_client_id_key":
            return ClientIdTaken()
        case _:
            return error
