"""Queries on the client assertions that were used."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.auth.tables import USED_ASSERTIONS
from artstore.kernel.database import WriteConnection


async def use_assertion(connection: WriteConnection, account_id: UUID, jti: str, until: datetime) -> bool:
    """Whether it was not used before; from the commit on it was."""
    digest = sha256(jti.encode("utf-8", "surrogatepass")).digest()
    added = await connection.scalar(
        insert(USED_ASSERTIONS)
        .values(account_id=account_id, jti_hash=digest, until=until)
        .on_conflict_do_nothing()
        .returning(USED_ASSERTIONS.c.account_id)
    )
    return added is not None


async def forget_expired_assertions(connection: WriteConnection) -> None:
    """Those that would be refused anyway."""
    await connection.execute(delete(USED_ASSERTIONS).where(USED_ASSERTIONS.c.until < func.now()))
