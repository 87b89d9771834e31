"""The log read straight from PostgreSQL, for checking it without the service."""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self, TypeVar

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from artstore.admin.audit import log_key, repository
from artstore.admin.audit.repository import StoredCheckpoint, StoredEntry, Wanted
from artstore.kernel.database import Database, ReadConnection
from artstore.kernel.settings import load

_AT_ONCE: Final = 1000
_T = TypeVar("_T")


class _ReadingSettings(BaseSettings):
    """Of the settings of Admin, what is needed to read."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_ADMIN_", extra="ignore", frozen=True)

    database_url: SecretStr


class DatabaseLog:
    """Synchronous, page by page. Every method raises DatabaseDown."""

    def __init__(self, database: Database, runner: asyncio.Runner) -> None:
        self._database = database
        self._runner = runner

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """At ``ARTSTORE_ADMIN_DATABASE_URL``, which may be a file of secrets."""
        url = load(_ReadingSettings).database_url
        with asyncio.Runner() as runner:
            database = Database(url, application_name="artstore-audit", pool_size=1)
            try:
                yield cls(database, runner)
            finally:
                runner.run(database.close())

    def key(self) -> str:
        return self._read(log_key.public_key)

    def size(self) -> int:
        return self._read(repository.size)

    def entries(self) -> Iterator[dict[str, Any]]:
        """As the API gives them, the oldest first."""
        page = self._entries_from(0)
        while page:
            for stored in page:
                yield {**stored.entry, "leaf_hash": base64.b64encode(stored.leaf_hash).decode("ascii")}
            page = self._entries_from(page[-1].entry["index"] + 1)

    def sealed_size(self) -> int:
        newest = self._read(repository.newest_checkpoint)
        return 0 if newest is None else newest.tree_size

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Sizes and notes, the smallest first."""
        page = self._checkpoints_after(-1)
        while page:
            for one in page:
                yield one.tree_size, one.note
            page = self._checkpoints_after(page[-1].tree_size)

    def _entries_from(self, start: int) -> list[StoredEntry]:
        return self._read(lambda db: repository.entries(db, Wanted(), _AT_ONCE, start=start))

    def _checkpoints_after(self, size: int) -> list[StoredCheckpoint]:
        return self._read(lambda db: repository.checkpoints_after(db, size, _AT_ONCE))

    def _read(self, question: Callable[[ReadConnection], Coroutine[Any, Any, _T]]) -> _T:
        async def asked() -> _T:
            async with self._database.read() as connection:
                return await question(connection)

        return self._runner.run(asked())
