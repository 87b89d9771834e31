"""The pool of connections, and the two kinds of transaction."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import CompoundSelect, CursorResult, Executable, Select, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult, create_async_engine

from artstore.kernel.database.errors import CONNECT_SECONDS, DatabaseDown, database_url, translated_errors
from artstore.kernel.dependencies import DependencyDown

STATEMENT_SECONDS = 30

Query = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | TextClause
"""What a ReadConnection takes. A text is taken on trust by the type, and judged by PostgreSQL."""
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class ReadConnection:
    """One read-only transaction. Every statement in it sees what was committed when that statement began."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Query, parameters: Parameters = None
    ) -> CursorResult[*tuple[Any, ...]]:
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Query, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.scalar(statement, parameters)

    @asynccontextmanager
    async def stream(
        self, statement: Query, parameters: Parameters = None
    ) -> AsyncIterator[AsyncResult[*tuple[Any, ...]]]:
        """The rows through a cursor of the server, for results that are not to be held in memory at once."""
        async with self._connection.stream(statement, parameters) as result:
            yield result


class WriteConnection(ReadConnection):
    """One transaction, committed when the ``async with`` ends well and rolled back when it raises."""

    async def execute(
        self, statement: Executable, parameters: Parameters = None
    ) -> CursorResult[*tuple[Any, ...]]:
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row (of a ``RETURNING``, say), or None."""
        return await self._connection.scalar(statement, parameters)

    @property
    def connection(self) -> AsyncConnection:
        """SQLAlchemy's connection, for what must join this transaction by its own means."""
        return self._connection


@dataclass(frozen=True)
class DatabaseDependency:
    """The database in the health of a service."""

    database: "Database"
    essential: bool
    name: str = "database"

    async def check(self) -> None:
        try:
            async with self.database.read() as connection:
                await connection.scalar(text("SELECT 1"))
        except DatabaseDown as error:
            raise DependencyDown(error.reason) from error


class Database:
    """A pool of connections to one PostgreSQL. Connects when first used, and again after the server was away.

    ``url`` is ``postgresql+psycopg://…``. A statement may take `STATEMENT_SECONDS` (``statement_seconds``), a
    connection `CONNECT_SECONDS` to come about; ``wait_seconds`` is how long a request waits for one of
    ``pool_size`` connections to become free. ``settings`` are further ones of PostgreSQL, for every
    connection.
    """

    def __init__(
        self,
        url: str | SecretStr,
        *,
        application_name: str,
        pool_size: int = 10,
        statement_seconds: float = STATEMENT_SECONDS,
        wait_seconds: float = CONNECT_SECONDS,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = create_async_engine(
            database_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait_seconds,
            # One round trip for each transaction buys that a restarted server costs nobody an error.
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": application_name,
                "options": _session_options(statement_seconds, settings or {}),
            },
        )
        self._reading = self._engine.execution_options(postgresql_readonly=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """A read-only transaction. Raises `DatabaseDown`. End it before streaming: it holds a place."""
        with translated_errors():
            async with self._reading.begin() as connection:
                yield ReadConnection(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteConnection]:
        """A transaction that is durable when the block has ended without an error.

        Raises `DatabaseDown`. When it is raised at the end of the block the outcome is unknown: the server
        may have committed before the connection broke. What is run again after it must be idempotent.
        """
        with translated_errors():
            async with self._engine.begin() as connection:
                yield WriteConnection(connection)

    async def close(self) -> None:
        """Closes the connections that are in the pool. May be called twice."""
        await self._engine.dispose()

    def dependency(self, *, essential: bool = True) -> DatabaseDependency:
        return DatabaseDependency(self, essential)


def _session_options(statement_seconds: float, further: Mapping[str, str]) -> str:
    settings = {
        "statement_timeout": int(statement_seconds * 1000),
        "lock_timeout": 10_000,
        "idle_in_transaction_session_timeout": 60_000,
        "timezone": "UTC",
        **further,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())
