"""Queries on the client assertions that were used."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.auth.tables import USED_ASSERTIONS
from artstore.kernel.database import WriteConnection

_CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""The database says when an assertion is forgotten, Admin's clock until when it is taken."""


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
    """Those that would be refused anyway, by whichever clock."""
    over = USED_ASSERTIONS.c.until < func.now() - _CLOCKS_DIFFER
    await connection.execute(delete(USED_ASSERTIONS).where(over))
