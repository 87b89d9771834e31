"""Building the index anew from the files, for a database that was lost, is fresh, or fell behind the log."""

from artstore.attributes import FileAttributes
from artstore.engine import Damaged, Engine
from artstore.kernel.database import Database
from artstore.kernel.logging import get_logger
from artstore.storage.index.batch import batch_of_scan
from artstore.storage.index.repository import IndexRepository, IndexState

_BATCH_ROWS = 2000
_TELL_EVERY_ROWS = 100_000

_log = get_logger(__name__)


class Rebuild:
    """One walk over all documents into a new generation of rows.

    The rows carry the LSN behind which the log keeps everything for this follower, and following goes on from
    there: whatever happened to a document since is in the log and lies on top, so that the walk may see a
    document before, in or after a change. A walk that was interrupted starts again; its rows do no harm.
    """

    def __init__(
        self, engine: Engine, database: Database, repository: IndexRepository, follower: str
    ) -> None:
        """``follower``: the name that the engine keeps the log for."""
        self._engine = engine
        self._follower = follower
        self._database = database
        self._repository = repository
        self.documents: int | None = None
        """How many documents a running rebuild has written; None when none runs."""

    async def run(self, state: IndexState, reason: str) -> IndexState:
        """The state to follow from. Raises DatabaseDown."""
        from_lsn = self._kept_behind()
        _log.warning("the index is being rebuilt", reason=reason, from_lsn=from_lsn)
        self.documents = 0
        try:
            async with self._database.write() as db:
                begun = await self._repository.begin_rebuild(
                    db, state, root_created_at=self._engine.element.created_at, from_lsn=from_lsn
                )
            rows: list[FileAttributes] = []
            async for attributes in self._engine.scan(damaged=_tell_damaged):
                rows.append(attributes)
                if len(rows) >= _BATCH_ROWS:
                    await self._write(rows, begun)
                    rows = []
            await self._write(rows, begun)
            async with self._database.write() as db:
                finished = await self._repository.finish_rebuild(db, begun)
            _log.info("the index was rebuilt", documents=self.documents, position=finished.position)
            return finished
        finally:
            self.documents = None

    def _kept_behind(self) -> int:
        # While new changes come, segments go up to what was acknowledged before the database was lost.
        acknowledged = self._engine.status().followers[self._follower].position
        return max(self._engine.first_lsn - 1, acknowledged)

    async def _write(self, rows: list[FileAttributes], state: IndexState) -> None:
        if not rows or self.documents is None:
            return
        batch = batch_of_scan(rows, state.position)
        async with self._database.write() as db:
            await self._repository.overwrite(db, batch, state.generation)
        before, self.documents = self.documents, self.documents + len(rows)
        if before // _TELL_EVERY_ROWS != self.documents // _TELL_EVERY_ROWS:
            _log.info("the index is being rebuilt", documents=self.documents)


def _tell_damaged(found: Damaged) -> None:
    _log.error("a document is left out of the index", reason=str(found))
