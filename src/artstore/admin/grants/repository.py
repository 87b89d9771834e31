"""Queries on grants."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.grants.tables import GRANTS
from artstore.admin.service_accounts.tables import SERVICE_ACCOUNTS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.accounts import Grant
from artstore.wire.scopes import Scope

_grants = GRANTS.c


async def grants_of(connection: ReadConnection, account_id: UUID) -> list[Grant]:
    """What the account may do with the documents of others, by the id of the owner."""
    rows = await connection.execute(
        select(GRANTS, SERVICE_ACCOUNTS.c.name)
        .join(SERVICE_ACCOUNTS, SERVICE_ACCOUNTS.c.id == _grants.owner_id)
        .where(_grants.account_id == account_id)
        .order_by(_grants.owner_id)
    )
    return [_grant(row) for row in rows]


async def count_grants(connection: ReadConnection, account_id: UUID) -> int:
    query = select(func.count()).select_from(GRANTS).where(_grants.account_id == account_id)
    return await connection.scalar(query) or 0


async def put_grant(
    connection: WriteConnection, account_id: UUID, owner_id: UUID, *, may_change: bool
) -> None:
    await connection.execute(
        insert(GRANTS)
        .values(account_id=account_id, owner_id=owner_id, may_change=may_change)
        .on_conflict_do_update(
            index_elements=[_grants.account_id, _grants.owner_id], set_={"may_change": may_change}
        )
    )


async def remove_grant(connection: WriteConnection, account_id: UUID, owner_id: UUID) -> None:
    await connection.execute(
        delete(GRANTS).where(_grants.account_id == account_id, _grants.owner_id == owner_id)
    )


def _grant(row: Row[Any]) -> Grant:
    scopes = [Scope.FILES_READ, Scope.FILES_WRITE] if row.may_change else [Scope.FILES_READ]
    return Grant.model_validate(
        {"owner_id": row.owner_id, "owner_name": row.name, "scopes": scopes, "created_at": row.created_at}
    )
