"""The one who writes the index: batches of the follower and rows of a rebuild, one transaction at a time.

PostgreSQL would have to break up transactions that lock the same rows in another order, and each change of
the state would have to be read back by the other. So both take turns here, and the state is known.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from artstore.attributes import FileAttributes
from artstore.engine import Change, Engine
from artstore.kernel.database import Database
from artstore.storage.index.batch import batch_of, batch_of_scan
from artstore.storage.index.repository import IndexRepository, IndexState, translated_absence


class ForeignTables(Exception):
    """The tables belong to another element, whose id this is."""

    def __init__(self, element_id: str) -> None:
        super().__init__(f"its tables belong to the element {element_id!r}")
        self.element_id = element_id


class RebuildOver(Exception):
    """The rebuild that a walk works for is not the one under way any more."""


class IndexWriter:
    """Every method raises DatabaseDown, TablesMissing, PositionMoved; all of it is done then, or nothing.

    ``rebuild`` numbers the rebuilds that this process began or found under way: a walk names its own.
    """

    def __init__(self, engine: Engine, database: Database, repository: IndexRepository) -> None:
        self.rebuild = 0
        self._engine = engine
        self._database = database
        self._repository = repository
        self._state: IndexState | None = None
        self._turn = asyncio.Lock()

    @property
    def state(self) -> IndexState | None:
        """As of the last transaction; None before it was read."""
        return self._state

    async def load(self, *, follows_whole_log: bool) -> tuple[IndexState, bool]:
        """Reads the state, or begins with a first one; says which. Raises ForeignTables.

        ``follows_whole_log``: there is nothing that the log does not tell an index that is new. Otherwise a
        rebuild of it is under way from its first moment on, whatever happens before somebody begins it.
        """
        async with self._turn, self._database.write() as db:
            states = await self._repository.states(db)
            is_new = not states
            if is_new:
                states = [self._first_state(follows_whole_log)]
                await self._repository.create_state(db, states[0])
            state = states[0]
            if state.element_id != self._engine.element.id:
                raise ForeignTables(state.element_id)
            if is_new or self._state is None or self._state.generation != state.generation:
                self.rebuild += 1
            self._state = state
            return state, is_new

    async def take(self, changes: Sequence[Change]) -> None:
        """Consecutive changes that follow on the position."""
        batch = batch_of(changes)
        async with self._turn:
            before = self._known()
            async with self._database.write() as db:
                after = await self._repository.apply(db, batch, before, position=changes[-1].lsn)
            self._state = after

    async def note_told(self, told: Sequence[tuple[str, UUID]]) -> None:
        """Followers were told when these documents expire."""
        async with self._turn:
            with translated_absence():
                async with self._database.write() as db:
                    await self._repository.note_told(db, told)

    async def begin_rebuild(self, from_lsn: int) -> None:
        """The rows cannot be trusted: the index answers nothing until the walk is through."""
        async with self._turn:
            before = self._known()
            async with self._database.write() as db:
                begun = await self._repository.begin_rebuild(
                    db, before, root_created_at=self._engine.element.created_at, from_lsn=from_lsn
                )
            self._begun(begun)

    async def begin_renewal(self) -> None:
        """The rows are to be made anew, and answer meanwhile."""
        async with self._turn:
            before = self._known()
            async with self._database.write() as db:
                begun = await self._repository.begin_renewal(db, before)
            self._begun(begun)

    async def put_found(self, rebuild: int, documents: Sequence[FileAttributes]) -> None:
        """Documents that the walk of ``rebuild`` found. Raises RebuildOver."""
        async with self._turn:
            state = self._known(rebuild)
            # What the rows say was true when the rebuild began, or came later and is in the log as well.
            batch = batch_of_scan(documents, state.rebuilding_from or 0)
            async with self._database.write() as db:
                await self._repository.put_found(db, batch, state.generation)

    async def finish_rebuild(self, rebuild: int) -> int:
        """The walk is through; gives how many rows had no document any more. Raises RebuildOver."""
        async with self._turn:
            state = self._known(rebuild)
            async with self._database.write() as db:
                finished, gone = await self._repository.finish_rebuild(db, state)
            self._state = finished
            return gone

    def _begun(self, state: IndexState) -> None:
        self._state = state
        self.rebuild += 1

    def _known(self, rebuild: int | None = None) -> IndexState:
        if rebuild not in (None, self.rebuild) or self._state is None:
            raise RebuildOver
        return self._state

    def _first_state(self, follows_whole_log: bool) -> IndexState:
        return IndexState(
            element_id=self._engine.element.id,
            root_created_at=self._engine.element.created_at,
            position=0,
            deletions_since=0,
            generation=0,
            rebuilding_from=None if follows_whole_log else 0,
            complete=follows_whole_log,
        )
