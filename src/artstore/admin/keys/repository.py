"""Queries on key pairs."""

from sqlalchemy import insert, select

from artstore.admin.keys.pairs import StoredPair
from artstore.admin.keys.tables import SIGNING_KEYS
from artstore.kernel.database import ReadConnection, WriteConnection


async def pairs_newest_first(connection: ReadConnection) -> list[StoredPair]:
    """Every pair, that which signs first."""
    rows = await connection.execute(
        select(SIGNING_KEYS.c.kid, SIGNING_KEYS.c.public_jwk, SIGNING_KEYS.c.private_pem).order_by(
            SIGNING_KEYS.c.created_at.desc(), SIGNING_KEYS.c.kid
        )
    )
    return [StoredPair(row.kid, row.public_jwk, row.private_pem) for row in rows]


async def add_pair(connection: WriteConnection, pair: StoredPair) -> None:
    await connection.execute(
        insert(SIGNING_KEYS).values(kid=pair.kid, public_jwk=pair.public_jwk, private_pem=pair.private_pem)
    )
