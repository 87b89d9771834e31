"""The index, as the scrub asks it for rows whose document is not there (``engine.scrub.IndexRows``)."""

from collections.abc import AsyncIterator
from uuid import UUID

from artstore.attributes import FileId
from artstore.engine import Engine
from artstore.kernel.database import DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.storage.following import LogFollower
from artstore.storage.index.reader import IndexReader, IndexUnavailable

_PAGE_ROWS = 1000
_CATCH_UP_SECONDS = 30.0

_log = get_logger(__name__)


class IndexOfElement:
    """Raises IndexUnavailable and DatabaseDown: what is in the files was compared before, and counts."""

    def __init__(self, engine: Engine, reader: IndexReader, follower: LogFollower) -> None:
        self._engine = engine
        self._reader = reader
        self._follower = follower

    async def rows(self) -> AsyncIterator[tuple[FileId, str]]:
        after: UUID | None = None
        while page := await self._page(after):
            for file_id, path in page:
                # A row that somebody made may lack its path: then it is named by its id.
                yield FileId(file_id), path or str(file_id)
            after = page[-1][0]

    async def has(self, file_id: FileId) -> bool:
        if not await self._follower.reached(self._engine.last_lsn, _CATCH_UP_SECONDS):
            raise IndexUnavailable("the index is behind")
        return await self._reader.has_document(file_id)

    async def _page(self, after: UUID | None) -> list[tuple[UUID, str | None]]:
        try:
            return await self._reader.places(after=after, limit=_PAGE_ROWS)
        except (IndexUnavailable, DatabaseDown) as error:
            _log.warning("the scrub passes the index over", reason=str(error))
            raise
