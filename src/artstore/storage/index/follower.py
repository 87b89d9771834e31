"""The index as a target of the log: migrates, sees where it stands, rebuilds where it must, takes batches."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from artstore.engine import Change, Engine, Lsn
from artstore.kernel.database import Database, DatabaseDown
from artstore.storage.following import TargetAway
from artstore.storage.index.batch import batch_of
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import (
    IndexRepository,
    IndexState,
    PositionMoved,
    TablesMissing,
    translated_absence,
)


class IndexTarget:
    """Follows the log into PostgreSQL. ``migrate`` is called until it succeeded once; raises DatabaseDown."""

    name = "index"
    linger_seconds = 0.02

    def __init__(
        self,
        engine: Engine,
        database: Database,
        repository: IndexRepository,
        migrate: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._database = database
        self._repository = repository
        self._migrate = migrate
        self._migrated = False
        self._state: IndexState | None = None
        self.rebuild = Rebuild(engine, database, repository, self.name)

    async def open(self) -> Lsn:
        with self._translated():
            if not self._migrated:
                await self._migrate()
                self._migrated = True
            state = await self._stored_state()
            reason = self._why_rebuild(state)
            self._state = await self.rebuild.run(state, reason) if reason else state
            return Lsn(self._state.position)

    async def take(self, changes: Sequence[Change]) -> None:
        if self._state is None:
            raise TargetAway("the index was not opened")
        batch = batch_of(changes)
        with self._translated():
            async with self._database.write() as db:
                after = await self._repository.apply(db, batch, self._state, position=changes[-1].lsn)
            self._state = after

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated_absence():
                yield
        except DatabaseDown as error:
            raise TargetAway(f"PostgreSQL is away: {error.reason}") from error
        except TablesMissing as error:
            self._migrated = False
            raise TargetAway("the tables of the index are missing and will be made") from error
        except PositionMoved as error:
            # Also after a commit whose answer was lost: open() reads the position anew and goes on there.
            raise TargetAway("the position of the index was moved by somebody else") from error

    async def _stored_state(self) -> IndexState:
        element_id = self._engine.element.id
        async with self._database.write() as db:
            states = await self._repository.states(db)
            if not states:
                states = [self._first_state()]
                await self._repository.create_state(db, states[0])
        state = states[0]
        if state.element_id != element_id:
            raise TargetAway(
                f"its tables belong to the element {state.element_id!r}; set another table_prefix"
                f" for {element_id!r}"
            )
        return state

    def _first_state(self) -> IndexState:
        # Documents of an adopted archive never were in the log, so only a walk finds them.
        has_documents = self._engine.capacity().documents > 0
        return IndexState(
            element_id=self._engine.element.id,
            root_created_at=self._engine.element.created_at,
            position=0,
            deletions_since=0,
            generation=0,
            rebuilding_from=0 if has_documents else None,
        )

    def _why_rebuild(self, state: IndexState) -> str | None:
        if state.root_created_at != self._engine.element.created_at:
            return "the index describes another root"
        if state.rebuilding_from is not None:
            return "the rows are not complete"
        if state.position < self._engine.first_lsn - 1:
            return "the log no longer has what the index lacks"
        if state.position > self._engine.last_lsn:
            return "the index is ahead of the log"
        return None
