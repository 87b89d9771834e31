"""Building the index anew from the files, while the element serves and the follower goes on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from artstore.attributes import FileAttributes
from artstore.engine import Damaged, Engine
from artstore.kernel.database import DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.storage.index.repository import PositionMoved, TablesMissing, translated_absence
from artstore.storage.index.writer import IndexWriter, RebuildOver

_BATCH_ROWS = 1000
_AHEAD_BATCHES = 2
"""Read from the files while PostgreSQL takes the ones before."""
_TELL_EVERY_ROWS = 100_000
_AGAIN_SECONDS = 1.0

_log = get_logger(__name__)


@dataclass
class Progress:
    """Of one rebuild, as far as this process knows."""

    reason: str
    expected: int
    """Documents in the element when it began."""
    documents: int = 0
    """Written so far."""
    left_out: int = 0
    """Documents whose attributes cannot be read; the log of the service names them."""
    removed: int | None = None
    """Rows whose document was not in the files any more; known at the end."""
    waits_for: str | None = None
    """Why it does not get on just now; it tries again by itself."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None

    @property
    def seconds(self) -> float:
        return ((self.finished_at or datetime.now(UTC)) - self.started_at).total_seconds()


class Rebuild:
    """Walks over all documents into a new generation of rows. ``run`` is a background task.

    The rows carry the LSN that the rebuild began at. The follower goes on behind it, and what it writes
    counts for more: a document may therefore be seen before, in or after a change. That a rebuild is under
    way stands in the index itself; a walk that was interrupted, by the end of the process or of PostgreSQL,
    starts again.
    """

    def __init__(self, engine: Engine, writer: IndexWriter) -> None:
        self.progress: Progress | None = None
        """Of the rebuild under way, or of the last one."""
        self._engine = engine
        self._writer = writer
        self._wanted = asyncio.Event()

    @property
    def is_running(self) -> bool:
        return self.progress is not None and self.progress.finished_at is None

    @property
    def is_complete(self) -> bool:
        """Whether no row is missing, as far as is known here; also while rows are made anew."""
        state = self._writer.state
        return state is not None and state.complete

    async def begin(self, from_lsn: int, reason: str) -> None:
        """For rows that cannot be trusted; stands in the index on return. Raises what IndexWriter does."""
        await self._writer.begin_rebuild(from_lsn)
        self._start(reason)

    async def request(self) -> None:
        """For whoever wants it; nothing to do while one is under way. Raises what IndexWriter does."""
        if not self.is_running:
            await self._writer.begin_renewal()
            self._start("it was asked for")

    def go_on(self) -> None:
        """One is under way in the index, perhaps since before this process."""
        if not self.is_running:
            self._start("it was interrupted")

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self.is_running:
                await self._try()

    def _start(self, reason: str) -> None:
        _log.warning("the index is being rebuilt", reason=reason)
        self.progress = Progress(reason, expected=self._engine.capacity().documents)
        self._wanted.set()

    async def _try(self) -> None:
        progress = self.progress
        assert progress is not None, "a rebuild that runs has a progress"
        try:
            with translated_absence():
                await self._walk(progress, self._writer.rebuild)
            return
        except RebuildOver:
            if progress is not self.progress:
                return  # another one was begun, whose progress this no longer is
            progress.waits_for = "the state of the index was read anew"
        except DatabaseDown as error:
            progress.waits_for = f"PostgreSQL is away: {error.reason}"
        except (TablesMissing, PositionMoved):
            progress.waits_for = "the tables of the index are being made"
        _log.warning("the rebuild of the index was interrupted", reason=progress.waits_for)
        await asyncio.sleep(_AGAIN_SECONDS)

    async def _walk(self, progress: Progress, rebuild: int) -> None:
        progress.documents = progress.left_out = 0
        async with aclosing(self._found(progress)) as batches:
            async for documents in batches:
                await self._writer.put_found(rebuild, documents)
                progress.waits_for = None
                progress.documents += len(documents)
                if progress.documents % _TELL_EVERY_ROWS < len(documents):
                    _log.info("the index is being rebuilt", documents=progress.documents)
        progress.removed = await self._writer.finish_rebuild(rebuild)
        progress.finished_at = datetime.now(UTC)
        _log.info(
            "the index is rebuilt",
            documents=progress.documents,
            removed=progress.removed,
            left_out=progress.left_out,
            seconds=round(progress.seconds, 1),
        )

    async def _found(self, progress: Progress) -> AsyncGenerator[list[FileAttributes], None]:
        """All documents in batches, read ahead."""

        def tell(damaged: Damaged) -> None:
            progress.left_out += 1
            _log.error("a document is left out of the index", reason=str(damaged))

        async def read() -> None:
            batch: list[FileAttributes] = []
            try:
                async for attributes in self._engine.scan(damaged=tell):
                    batch.append(attributes)
                    if len(batch) >= _BATCH_ROWS:
                        await ahead.put(batch)
                        batch = []
                if batch:
                    await ahead.put(batch)
            except Exception as error:  # noqa: BLE001 - raised where the batches are taken
                await ahead.put(error)
            else:
                await ahead.put(None)

        ahead: asyncio.Queue[list[FileAttributes] | Exception | None] = asyncio.Queue(_AHEAD_BATCHES)
        reading = asyncio.create_task(read(), name="reading for the index")
        try:
            while (batch := await ahead.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                yield batch
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
