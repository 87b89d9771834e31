"""Queries on the secrets of service accounts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    DateTime,
    Table,
    Uuid,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from artstore.admin.service_accounts.account import StoredSecret
from artstore.admin.service_accounts.tables import CLIENT_SECRETS, SERVICE_ACCOUNTS
from artstore.kernel.database import ReadConnection, WriteConnection

NOW: Final = func.now()
"""The database's clock, which is one for all processes."""
_secrets = CLIENT_SECRETS.c
_accounts = SERVICE_ACCOUNTS.c


@dataclass(frozen=True)
class ExpiringSecret:
    """The secret of an account that ends last, and soon."""

    account_id: UUID
    name: str
    client_id: str
    secret_id: UUID
    expires_at: datetime


async def secrets_of(
    connection: ReadConnection, account_ids: Sequence[UUID]
) -> Mapping[UUID, list[StoredSecret]]:
    """The newest of each account first."""
    rows = await connection.execute(
        select(CLIENT_SECRETS)
        .where(_secrets.account_id.in_(account_ids))
        .order_by(_secrets.created_at.desc(), _secrets.id.desc())
    )
    found: dict[UUID, list[StoredSecret]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(
            StoredSecret(
                id=row.id,
                secret_hash=row.secret_hash,
                selector=row.selector,
                created_at=row.created_at,
                expires_at=row.expires_at,
                last_used_at=row.last_used_at,
            )
        )
    return found


async def add_secret(connection: WriteConnection, account_id: UUID, secret: StoredSecret) -> None:
    await connection.execute(
        insert(CLIENT_SECRETS).values(
            id=secret.id,
            account_id=account_id,
            secret_hash=secret.secret_hash,
            selector=secret.selector,
            created_at=secret.created_at,
            expires_at=secret.expires_at,
        )
    )


async def remove_secrets(
    connection: WriteConnection, account_id: UUID, secret_ids: Collection[UUID] | None = None
) -> None:
    """Those, or all of the account."""
    statement = delete(CLIENT_SECRETS).where(_secrets.account_id == account_id)
    if secret_ids is not None:
        statement = statement.where(_secrets.id.in_(secret_ids))
    await connection.execute(statement)


async def end_secret_at(connection: WriteConnection, secret_id: UUID, moment: datetime) -> None:
    """It ends then, unless it ends before."""
    await connection.execute(
        update(CLIENT_SECRETS)
        .where(_secrets.id == secret_id)
        .values(expires_at=func.least(func.coalesce(_secrets.expires_at, moment), moment))
    )


async def record_use(
    connection: WriteConnection, *, accounts: Mapping[UUID, datetime], secrets: Mapping[UUID, datetime]
) -> None:
    """When they were last used; a later moment that another process wrote stays."""
    for table, used in ((SERVICE_ACCOUNTS, accounts), (CLIENT_SECRETS, secrets)):
        if used:
            await connection.execute(_record(table), {"ids": list(used), "moments": list(used.values())})


def _record(table: Table) -> Any:
    given = (
        func.unnest(
            bindparam("ids", type_=ARRAY(Uuid)), bindparam("moments", type_=ARRAY(DateTime(timezone=True)))
        )
        .table_valued(column("id", Uuid), column("moment", DateTime(timezone=True)), name="given")
        .render_derived()
    )
    # Rows are locked in the order of their ids, so that two processes wait for each other at most.
    locked = (
        select(table.c.id, given.c.moment)
        .join(given, given.c.id == table.c.id)
        .order_by(table.c.id)
        .with_for_update(of=table)
        .cte("locked")
    )
    return (
        update(table)
        .where(table.c.id == locked.c.id)
        .where(or_(table.c.last_used_at.is_(None), table.c.last_used_at < locked.c.moment))
        .values(last_used_at=locked.c.moment)
    )


async def expiring_until(connection: ReadConnection, moment: datetime) -> list[ExpiringSecret]:
    """Of each active account that has secrets and no key, the last one, where it ends before that moment."""
    rows = await connection.execute(select(*_EXPIRING).where(*_is_last_and_ends_before(moment)))
    return [ExpiringSecret(*row) for row in rows]


async def claim_warnings(
    connection: WriteConnection, moment: datetime, not_since: datetime
) -> list[ExpiringSecret]:
    """Those of ``expiring_until`` that nobody was warned of since then; now it counts as done.

    Of several processes each gets others.
    """
    due = (
        select(_secrets.id)
        .join(SERVICE_ACCOUNTS, _accounts.id == _secrets.account_id)
        .where(*_is_last_and_ends_before(moment))
        .where(or_(_secrets.warned_at.is_(None), _secrets.warned_at < not_since))
        .with_for_update(of=CLIENT_SECRETS, skip_locked=True)
    )
    rows = await connection.execute(
        update(CLIENT_SECRETS)
        .where(_secrets.id.in_(due.scalar_subquery()))
        .where(_accounts.id == _secrets.account_id)
        .values(warned_at=NOW)
        .returning(*_EXPIRING)
    )
    return [ExpiringSecret(*row) for row in rows]


_EXPIRING: Final[tuple[Column[Any], ...]] = (
    _secrets.account_id,
    _accounts.name,
    _accounts.client_id,
    _secrets.id,
    _secrets.expires_at,
)


def _is_last_and_ends_before(moment: datetime) -> list[ColumnElement[bool]]:
    other = CLIENT_SECRETS.alias("other")
    lasts_longer = exists().where(
        other.c.account_id == _secrets.account_id,
        or_(other.c.expires_at.is_(None), other.c.expires_at > _secrets.expires_at),
    )
    return [
        _accounts.id == _secrets.account_id,
        _accounts.deleted_at.is_(None),
        _accounts.suspended_at.is_(None),
        func.jsonb_array_length(_accounts["keys"]) == 0,
        _secrets.expires_at < moment,
        ~lasts_longer,
    ]
