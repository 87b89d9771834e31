"""What the rest of the service asks the index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from artstore.kernel.database import Database, ReadConnection
from artstore.storage.index.filters import Filters
from artstore.storage.index.repository import (
    IndexedDocument,
    IndexRepository,
    IndexState,
    TablesMissing,
    translated_absence,
)


class IndexUnavailable(Exception):
    """The index cannot answer now, though PostgreSQL may; the text says why. It will be ready by itself."""


class IndexReader:
    """Questions to the index, each in a transaction of its own. Raises IndexUnavailable and DatabaseDown."""

    def __init__(self, database: Database, repository: IndexRepository) -> None:
        self._database = database
        self._repository = repository

    async def storage_path(self, file_id: UUID) -> str | None:
        """Where the index says that a document lies."""
        async with self._reading() as (db, _):
            return await self._repository.storage_path(db, file_id)

    async def places(self, *, after: UUID | None, limit: int) -> list[tuple[UUID, str | None]]:
        """Ids of documents and where the index says that they lie, in the order of the ids."""
        async with self._reading() as (db, _):
            return await self._repository.places(db, after=after, limit=limit)

    async def expired(
        self, *, until: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> list[tuple[str, UUID]]:
        """Places and ids of documents that the index says have expired, the oldest first."""
        async with self._reading() as (db, _):
            return await self._repository.expired(db, until=until, after=after, limit=limit)

    async def untold(self, *, until: datetime, limit: int) -> list[tuple[str, UUID]]:
        """Places and ids of documents that expire until then, and of which nobody was told."""
        async with self._reading() as (db, _):
            return await self._repository.untold(db, until=until, limit=limit)

    async def has_document(self, file_id: UUID) -> bool:
        """Whether there is a row of a document, not of its deletion."""
        async with self._reading() as (db, _):
            return await self._repository.has_document(db, file_id)

    async def documents(
        self, *, filters: Filters, after: tuple[datetime, UUID] | None, limit: int
    ) -> tuple[list[IndexedDocument], IndexState]:
        """Documents in order of time, and where the index stood before: they may go beyond it."""
        async with self._reading() as (db, state):
            return await self._repository.documents(db, filters=filters, after=after, limit=limit), state

    async def changed(
        self, *, filters: Filters, after: tuple[int, UUID], limit: int
    ) -> tuple[list[IndexedDocument], IndexState]:
        """Changes in order of LSN, and where the index stood before: they may go beyond it."""
        async with self._reading() as (db, state):
            return await self._repository.changed(db, filters=filters, after=after, limit=limit), state

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[tuple[ReadConnection, IndexState]]:
        try:
            with translated_absence():
                async with self._database.read() as db:
                    state = await self._ready_state(db)
                    yield db, state
        except TablesMissing as error:
            raise IndexUnavailable("the index is being set up") from error

    async def _ready_state(self, db: ReadConnection) -> IndexState:
        states = await self._repository.states(db)
        if not states:
            raise IndexUnavailable("the index is being set up")
        if not states[0].complete:
            raise IndexUnavailable("the index is being rebuilt from the files")
        return states[0]
