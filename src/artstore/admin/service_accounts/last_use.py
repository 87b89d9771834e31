"""When accounts and secrets were last used: kept in memory, written in one go from time to time."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from artstore.admin.service_accounts import secret_repository
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger

_log = get_logger(__name__)
_WRITE_SECONDS = 15.0


class LastUse:
    """A token costs no write; what a killed process had not written yet is at most some seconds of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts: dict[UUID, datetime] = {}
        self._secrets: dict[UUID, datetime] = {}

    def note(self, account_id: UUID, secret_id: UUID | None) -> None:
        """The account got a token, with that secret or by a key."""
        now = datetime.now(UTC)
        self._accounts[account_id] = now
        if secret_id is not None:
            self._secrets[secret_id] = now

    async def write_from_time_to_time(self) -> None:
        """Runs until it is cancelled. While PostgreSQL is away the moments are kept."""
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what was noted since the last time. Never raises for PostgreSQL being away."""
        if not self._accounts:
            return
        accounts, secrets = self._accounts, self._secrets
        self._accounts, self._secrets = {}, {}
        try:
            async with self._database.write() as connection:
                await secret_repository.record_use(connection, accounts=accounts, secrets=secrets)
        except DatabaseDown as error:
            _log.warning("last uses wait for the database", reason=error.reason)
            self._accounts = accounts | self._accounts
            self._secrets = secrets | self._secrets
