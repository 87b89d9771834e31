"""Reading the catalog, also while it is not there yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import errors as pg
from sqlalchemy.exc import ProgrammingError

from artstore.kernel.database import Database, DatabaseDown, ReadConnection
from artstore.kernel.dependencies import DependencyDown

SESSION = {
    # A word may be in every document or in none: the plan must be made for what is asked. One that is kept
    # for all questions takes seconds for some of them.
    "plan_cache_mode": "force_custom_plan",
    # Compiling takes longer than any search that is worth waiting for.
    "jit": "off",
}
"""Settings of PostgreSQL for connections on which the catalog is searched."""

_ABSENT = (pg.UndefinedTable, pg.UndefinedFunction, pg.InvalidSchemaName)


class CatalogReader:
    """Transactions that read the catalog. Whoever has made sure that its tables are there sets ``ready``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ready = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """Raises DatabaseDown, also while the tables are missing: they will be made."""
        if not self.ready.is_set():
            raise DatabaseDown("the catalog is being set up")
        try:
            async with self._database.read() as db:
                yield db
        except ProgrammingError as error:
            if isinstance(error.orig, _ABSENT):
                raise DatabaseDown("the tables of the catalog are missing") from error
            raise


class CatalogDependency:
    """The catalog in the health of the service. Without it documents are found by id only."""

    name = "catalog"
    essential = False

    def __init__(self, reader: CatalogReader) -> None:
        self._reader = reader

    async def check(self) -> None:
        try:
            async with self._reader.read():
                pass
        except DatabaseDown as error:
            raise DependencyDown(error.reason) from error
