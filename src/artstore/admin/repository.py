"""Queries that belong to no single resource."""

from typing import Final

from sqlalchemy import text

from artstore.kernel.database import WriteConnection

_START_LOCK: Final = 0x61646D696E  # "admin"


async def hold_start_lock(connection: WriteConnection) -> None:
    """Wait until no other Admin process prepares its start, and keep the others waiting until the commit."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _START_LOCK})
