"""Removes what is over: sessions with their tokens, and attempts that are held against nobody any more."""

import asyncio
from datetime import timedelta

from artstore.admin.administrators import attempt_repository, session_repository
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger

_EVERY_SECONDS = 600.0
_KEEP_SESSIONS = timedelta(days=1)
_KEEP_ATTEMPTS = timedelta(days=2)
"""Longer than ``lockout`` remembers them."""
_log = get_logger(__name__)


async def keep_house(database: Database) -> None:
    """Runs until it is cancelled. Several processes may do so at once."""
    while True:
        try:
            await sweep(database)
        except DatabaseDown as error:
            _log.warning("what is over of logins stays until the database is back", reason=error.reason)
        await asyncio.sleep(_EVERY_SECONDS)


async def sweep(database: Database) -> None:
    async with database.write() as connection:
        await session_repository.remove_over(connection, _KEEP_SESSIONS)
        await attempt_repository.remove_older(connection, _KEEP_ATTEMPTS)
