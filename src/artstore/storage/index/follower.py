"""The index as a target of the log: migrates, sees where it stands, has it rebuilt where it must be."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from artstore.engine import Change, Engine, Lsn
from artstore.kernel.database import DatabaseDown
from artstore.storage.following import TargetAway
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import IndexState, PositionMoved, TablesMissing, translated_absence
from artstore.storage.index.writer import ForeignTables, IndexWriter


class IndexTarget:
    """Follows the log into PostgreSQL. ``migrate`` is called until it succeeded once; raises DatabaseDown.

    A rebuild runs beside it: the walk begins where the follower stands, and the follower goes on.
    """

    name = "index"
    pace_seconds = 0.1

    def __init__(
        self, engine: Engine, writer: IndexWriter, rebuild: Rebuild, migrate: Callable[[], Awaitable[None]]
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._rebuild = rebuild
        self._migrate = migrate
        self._migrated = False
        self._found_documents = engine.capacity().documents
        """When the element was opened: they may be older than the log. What came since is in it."""

    async def open(self) -> Lsn:
        with self._translated():
            if not self._migrated:
                await self._migrate()
                self._migrated = True
            state, is_new = await self._writer.load(follows_whole_log=self._found_documents == 0)
            reason = self._why_rebuild(state, is_new)
            if reason is not None:
                await self._rebuild.begin(self._kept_behind(), reason)
            elif state.rebuilding_from is not None:
                self._rebuild.go_on()
            after = self._writer.state or state
            return Lsn(after.position)

    async def take(self, changes: Sequence[Change]) -> None:
        if self._writer.state is None:
            raise TargetAway("the index was not opened")
        with self._translated():
            await self._writer.take(changes)

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
        except ForeignTables as error:
            raise TargetAway(f"{error}; set another table_prefix for {self._engine.element.id!r}") from error

    def _kept_behind(self) -> int:
        # While new changes come, segments go up to what was acknowledged before the database was lost.
        acknowledged = self._engine.status().followers[self.name].position
        return max(self._engine.first_lsn - 1, acknowledged)

    def _why_rebuild(self, state: IndexState, is_new: bool) -> str | None:
        if is_new and self._found_documents > 0:
            # Documents of an adopted archive never were in the log, so only a walk finds them.
            return "the index is new, the element is not"
        if state.root_created_at != self._engine.element.created_at:
            return "the index describes another root"
        if state.position < self._engine.first_lsn - 1:
            return "the log no longer has what the index lacks"
        if state.position > self._engine.last_lsn:
            return "the index is ahead of the log"
        return None
