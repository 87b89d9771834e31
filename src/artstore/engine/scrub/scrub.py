"""The scrub of one open element, as a service runs it in the background."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artstore.attributes import FileId
from artstore.engine.blobs import LocalBlobs
from artstore.engine.damage import KnownDamage
from artstore.engine.errors import Damaged, EngineError
from artstore.engine.scrub.calls import Calls
from artstore.engine.scrub.checking import DocumentCheck
from artstore.engine.scrub.findings import ScrubFinding
from artstore.engine.scrub.journal import Journal, Pass
from artstore.engine.scrub.judging import Judge
from artstore.engine.scrub.limiter import Limiter, Stopped
from artstore.engine.scrub.parts import IndexRows, Parts
from artstore.engine.scrub.repairing import Repairs
from artstore.engine.scrub.resting import RestingCheck
from artstore.engine.scrub.sources import LogSource, RepairSource
from artstore.engine.scrub.walk import Walk
from artstore.engine.verify.rules import Rule

DEFAULT_BYTES_PER_SECOND = 32 << 20
_ARRIVING = timedelta(minutes=1)
"""A document that was stored so shortly before its folder was listed need not have been in the list."""


@dataclass(frozen=True, slots=True)
class ScrubProgress:
    """How far the pass is that runs or was interrupted. Totals are those of the element: an estimate."""

    running: bool
    number: int | None
    """None where no pass was begun, or the last one is complete."""
    begun_at: datetime | None
    documents: int
    bytes: int
    total_documents: int
    total_bytes: int
    folder: str | None
    """That is being read."""
    findings: tuple[ScrubFinding, ...]
    findings_count: int
    """Including those beyond the 10,000 that are kept."""
    failed: str | None
    """What ended the pass before its time, if anybody wants to begin it again."""


@dataclass(frozen=True, slots=True)
class ScrubResult:
    """What a whole pass found."""

    number: int
    begun_at: datetime
    ended_at: datetime
    documents: int
    bytes: int
    findings: tuple[ScrubFinding, ...]
    findings_count: int
    unsure: int
    """Folders, and the index, that could not be judged this time."""

    @property
    def clean(self) -> bool:
        """Whether there was nothing wrong that is not put right."""
        return not any(finding.open for finding in self.findings)


_OF_KNOWN_DOCUMENTS = frozenset(rule.code for rule in (Rule.D001, Rule.D002, Rule.D003, Rule.D004))
"""Findings that stand in ``KnownDamage`` for as long as they hold."""


class Scrub:
    """One for each engine; made by ``Engine.scrub``. For the event loop's thread. See the package."""

    def __init__(
        self,
        parts: Parts,
        *,
        bytes_per_second: int | None = DEFAULT_BYTES_PER_SECOND,
        repair: Sequence[RepairSource] = (),
        index: IndexRows | None = None,
        told: Callable[[ScrubFinding], None] = lambda finding: None,
        note_seconds: float = 5.0,
    ) -> None:
        """Blocks shortly, to read what earlier passes noted.

        ``note_seconds``: how often it notes how far it came, and so what a crash costs.
        """
        self._parts = parts
        self._repair = tuple(repair)
        self._index = index
        self._told = told
        self._note_seconds = note_seconds
        self._limiter = Limiter(bytes_per_second)
        self._journal = Journal(parts.layout.journal)
        self._task: asyncio.Task[None] | None = None
        self._walk: Walk | None = None
        self._failed: str | None = None
        self._open: tuple[tuple[int, int], tuple[ScrubFinding, ...]] | None = None
        self._remember_damage()

    @property
    def bytes_per_second(self) -> int | None:
        """How fast it reads; may be set at any time, also while a pass runs. None: as fast as it goes."""
        return self._limiter.bytes_per_second

    @bytes_per_second.setter
    def bytes_per_second(self, value: int | None) -> None:
        self._limiter.bytes_per_second = value

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def interrupted(self) -> bool:
        """Whether a pass was begun and is not complete: it runs, or ``start`` goes on with it."""
        return self._journal.current is not None

    def start(self, *, anew: bool = False) -> None:
        """Begins a pass, or goes on with one that was interrupted. While one runs this does nothing.

        ``anew``: one that was interrupted is given up, and what it found with it.
        """
        if not self.running:
            self._failed = None
            if anew or not self.interrupted:
                self._journal.begin(datetime.now(UTC).replace(microsecond=0))
            self._limiter.go_on()
            self._task = asyncio.create_task(self._run(), name="scrub")

    async def stop(self) -> None:
        """Interrupts a pass and remembers how far it came; returns when nothing of it runs any more."""
        if self._task is not None:
            self._limiter.stop()
            self._task.cancel()
            await asyncio.wait([self._task])

    async def wait(self) -> None:
        """Until the pass that runs is complete or was interrupted."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def progress(self) -> ScrubProgress:
        current, capacity = self._journal.current, self._parts.capacity()
        within = self._journal.within
        documents, size = (current.documents, current.bytes) if current else (0, 0)
        return ScrubProgress(
            running=self.running,
            number=current.number if current else None,
            begun_at=current.begun_at if current else None,
            documents=documents + (within.documents if within else 0),
            bytes=size + (within.bytes if within else 0),
            total_documents=capacity.documents,
            total_bytes=capacity.used_bytes,
            folder=self._walk.folder if self._walk else None,
            findings=tuple(current.findings) if current else (),
            findings_count=current.findings_count if current else 0,
            failed=self._failed,
        )

    def last_result(self) -> ScrubResult | None:
        """Of the last pass that was complete."""
        last = self._journal.last
        return None if last is None else _result(last)

    def open_findings(self) -> tuple[ScrubFinding, ...]:
        """What is wrong now, as far as passes found it: cheap to ask again while nothing changes.

        What the last whole pass found counts until the pass under way has been where it was. Bytes that were
        read since and are right are no finding any more, nor are those of a document that was deleted.
        """
        journal, damage = self._journal, self._parts.damage
        at = (journal.changes, damage.changes)
        if self._open is None or self._open[0] != at:
            before = journal.last.findings if journal.last else []
            found = [finding for finding in before if finding.folder not in journal.done]
            found += journal.current.findings if journal.current else []
            still = (finding for finding in found if finding.open and not _is_settled(finding, damage))
            self._open = at, tuple({(finding.code, finding.path): finding for finding in still}.values())
        return self._open[1]

    async def last_verified(self, file_id: FileId) -> datetime | None:
        """When a document was last found right; when it was stored, if no pass came by since.

        None where nobody can tell, because its attributes are damaged. Raises NotFound.
        """
        try:
            attributes = await self._parts.attributes(file_id)
        except Damaged:
            return None
        # What was adopted was read then, whenever it was made.
        stored_at = max(attributes.created_at, self._parts.description().created_at)
        folder, _, name = attributes.storage_path.rpartition("/")
        record = self._journal.folders.get(folder or ".")
        if record is None or stored_at > record.at - _ARRIVING:
            return stored_at
        verified_at = record.unsound.get(name, record.at)
        return stored_at if verified_at is None else max(stored_at, verified_at)

    def oldest_verified(self) -> datetime | None:
        """When the document was last verified that waits longest; known damage is left out.

        Before the first pass is complete, when the element was made. None where there are no documents.
        """
        if self._parts.capacity().documents == 0:
            return None
        if self._journal.last is None or not self._journal.folders:
            return self._parts.description().created_at
        return min(record.at for record in self._journal.folders.values())

    async def _run(self) -> None:
        threads = ThreadPoolExecutor(1, thread_name_prefix="artstore-scrub")
        try:
            self._walk = self._made(threads)
            await self._walk.run()
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - told by ``progress``; the next start goes on
            self._failed = f"{type(error).__name__}: {error}"
        finally:
            self._limiter.stop()  # whatever a thread still does ends now
            self._walk = None
            await asyncio.shield(asyncio.to_thread(self._end, threads))

    def _made(self, threads: ThreadPoolExecutor) -> Walk:
        parts, journal, limiter = self._parts, self._journal, self._limiter
        calls = Calls(parts, limiter, threads)
        check = DocumentCheck(parts.blobs, parts.damage, limiter)
        sources = [LogSource(parts.log, threads), *self._repair]
        # The files follower writes from its own thread; where one alone may write, the scrub needs its own.
        one_writer = parts.blobs.abilities.writers == 1
        blobs = LocalBlobs(parts.layout.root) if one_writer else parts.blobs
        judge = Judge(
            parts, journal, Repairs(parts.layout, blobs, threads, sources), calls, check, self._told
        )
        resting = RestingCheck(parts.layout, parts.log, parts.adopted, limiter)
        return Walk(parts, journal, calls, resting, check, judge, self._index, self._note_seconds)

    def _end(self, threads: ThreadPoolExecutor) -> None:
        threads.shutdown(wait=True)
        try:
            self._journal.flush()
        except (EngineError, OSError) as error:
            self._failed = f"what was read cannot be noted: {error}"

    def _remember_damage(self) -> None:
        """What earlier passes found damaged is not served before somebody read it anew."""
        for known in (self._journal.last, self._journal.current):
            for finding in known.findings if known else ():
                if finding.open and finding.file_id is not None:
                    self._parts.damage.add(FileId(UUID(finding.file_id)), finding.what)


def _is_settled(finding: ScrubFinding, damage: KnownDamage) -> bool:
    """Whether somebody found the bytes of a document right that a pass did not."""
    if finding.code not in _OF_KNOWN_DOCUMENTS or finding.file_id is None:
        return False
    return FileId(UUID(finding.file_id)) not in damage


def _result(last: Pass) -> ScrubResult:
    assert last.ended_at is not None
    return ScrubResult(
        last.number,
        last.begun_at,
        last.ended_at,
        last.documents,
        last.bytes,
        tuple(last.findings),
        last.findings_count,
        last.unsure,
    )
