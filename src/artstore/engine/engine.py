"""The element, open: the one object that services hold.

Order of durability, at any time and after any crash:

1. A document's bytes are on disk, in the log record or flushed in staging, before the record that names them.
2. A record is flushed before anyone is told of it: before the caller, readers, followers, the accounts.
3. What is read is what the log says, whatever the followers' lag: the overlay is asked before the files.
4. A change of a document is decided under its lock and ordered by its record: no update is lost.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from artstore.attributes import FileAttributes, FileId
from artstore.engine.batches import Batch, Batches, entry_of
from artstore.engine.blobs import Blobs, LocalBlobs
from artstore.engine.body_memory import BodyMemory
from artstore.engine.capacity import Capacity, Reservation, Room
from artstore.engine.changes import Change, change_by, read_changes
from artstore.engine.changing import Changing
from artstore.engine.checkpointing import Checkpointing
from artstore.engine.coding import CodingFigures
from artstore.engine.committing import Committing
from artstore.engine.damage import KnownDamage
from artstore.engine.documents import Documents, Locate
from artstore.engine.draft import Arrival
from artstore.engine.effects import effect_by
from artstore.engine.errors import AlreadyStored, ChecksumMismatch, Damaged
from artstore.engine.failpoints import hit
from artstore.engine.followers import FilesFollower
from artstore.engine.given_ids import GivenIds, recent_ids
from artstore.engine.layout import ElementDescription, Mode, write_description
from artstore.engine.locks import DocumentLocks
from artstore.engine.log.record import Entry, Lsn, Put
from artstore.engine.milestones import Milestones
from artstore.engine.modes import Modes
from artstore.engine.opening import OpenedElement, RecoveryReport, open_element
from artstore.engine.options import EngineOptions
from artstore.engine.reading import OpenDocument
from artstore.engine.recent import Recent
from artstore.engine.resumable import ResumableUploads
from artstore.engine.scanning import Scan
from artstore.engine.scrub import DEFAULT_BYTES_PER_SECOND, IndexRows, RepairSource, Scrub, ScrubFinding
from artstore.engine.scrub.parts import Parts
from artstore.engine.status import LogStatus
from artstore.engine.store import publish
from artstore.engine.submitting import Submitting
from artstore.engine.upload import Commit, Upload


class Engine:
    """One element. Made by ``open``; for one event loop; raises Closed after ``close``.

    Every method that changes something returns after the change is durable and can be read. All raise
    EngineError and, where a disk fails, OSError.
    """

    def __init__(
        self, opened: OpenedElement, options: EngineOptions, blobs: Blobs, locate: Locate | None
    ) -> None:
        self.recovery: RecoveryReport = opened.report
        self._options = options
        self._opened = opened
        self._layout = opened.layout
        self._log = opened.log
        self._overlay = opened.overlay
        self._blobs = blobs
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(options.threads, thread_name_prefix="artstore-engine")
        self._room = Room(opened.layout.root, options.capacity_bytes, options.keep_free_bytes)
        self._room.count(opened.used_bytes, opened.documents)
        self.body_memory = BodyMemory(options.upload_memory_bytes)
        self.coding = CodingFigures()
        self._locks = DocumentLocks()
        self._filed = Milestones(opened.position.lsn)
        self.damage = KnownDamage()
        """Documents that are not served before they were read wholly and found right."""
        self._scrubs: list[Scrub] = []
        self._documents = Documents(
            self._log, self._overlay, blobs, self._layout.staging, self._threads, locate, opened.adopted
        )
        self._checkpoint = Checkpointing(
            self._layout.checkpoint, opened.description.id, self._log, self._positions
        )
        self._files = FilesFollower(
            self._log,
            blobs,
            self._layout.staging,
            opened.position,
            pace_seconds=options.follow_seconds,
            checkpoint=self._checkpoint.write,
            followed=self._tell_followed,
            set_mode=self._write_mode,
        )
        self._submitting = Submitting(
            self._log, self._loop, options.max_backlog_bytes, opened.followers, self._files
        )
        self._recent = Recent()
        self._given_ids = GivenIds(datetime.now(UTC))
        self._modes = Modes(opened.description, partial(self._submit, attributes=None))
        self._changing = Changing(
            self._modes, self._documents, self._locks, self.damage, self._room, self._submit
        )
        self._committing = Committing(
            self._modes,
            self._documents,
            self._locks,
            self._given_ids,
            opened.adopted,
            self._submitting.gathering,
            lambda: self.batches,
            self._submit,
            self._submit_all,
        )

        self.resumable = ResumableUploads(
            options,
            self._layout.staging,
            self._threads,
            self._room,
            self.body_memory,
            commit=self._commit_of,
            figures=self.coding,
            attributes=self._attributes_or_waiting,
            demand_open=self._demand_open,
            survivors=opened.resumable,
        )
        """Uploads that may be interrupted and go on."""
        self.batches = Batches(
            options,
            self._layout.staging,
            self._threads,
            self._room,
            commit=self._committing.all,
            demand_open=self._demand_open,
            survivors=opened.batches,
        )
        """Documents that are stored together or not at all."""

    @property
    def element(self) -> ElementDescription:
        """As it is now: the mode may change."""
        return self._modes.element

    @classmethod
    async def open(
        cls,
        root: Path,
        options: EngineOptions,
        *,
        locate: Locate | None = None,
        blobs: Blobs | None = None,
    ) -> "Engine":
        """Recovers the element at ``root`` and starts it; creates one if ``options.create``.

        ``blobs`` keeps the documents: by default the root itself, otherwise the log and uploads under way
        are all that the root holds. The engine closes it, also when this fails. Raises NotAnElement,
        ElementMismatch, Locked, StoreUnavailable, DiskFull, OSError.
        """
        blobs = LocalBlobs(root) if blobs is None else blobs
        try:
            opened = await asyncio.to_thread(open_element, root, options, blobs)
        except BaseException:
            await asyncio.to_thread(blobs.close)
            raise
        engine = cls(opened, options, blobs, locate)
        try:
            await engine._start()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def close(self) -> None:
        """Ends what is under way, lets the files catch up for a bounded time, and unlocks the element."""
        if self._modes.closed:
            return
        for scrub in self._scrubs:
            await scrub.stop()
        await self.resumable.close()
        await self.batches.close()
        self._modes.closed = True
        await self._submitting.close()
        await asyncio.to_thread(self._files.stop, self._options.close_seconds)
        self._filed.close()
        await asyncio.to_thread(self._end)

    # Writing

    def begin(self, *, expected_bytes: int | None = None, batch: Batch | None = None) -> Upload:
        """Begins an upload and reserves room; ``expected_bytes`` is an upper bound of the document's bytes.

        With ``batch`` its commit puts the document into that. Raises ModeForbids, LogFull, NoRoom, DiskFull,
        BatchClosed, BatchFull.
        """
        options, commit = self._options, self._commit_of("")
        if batch is not None:
            batch.demand_open()
            options, commit = replace(options, inline_limit=0), self._commit_of(batch.id)
        self._demand_open(min(expected_bytes or 0, options.inline_limit))
        reservation = Reservation(self._room, expected_bytes)
        upload = Upload(
            options,
            self._layout.staging,
            self._threads,
            reservation,
            self.body_memory,
            commit,
            self.coding,
        )
        if batch is None and (expected_bytes or 0) <= options.inline_limit:
            self._submitting.gathering.expect(upload)
        return upload

    async def take_in(self, upload: Upload, arrival: Arrival) -> FileAttributes:
        """Commits what another element has given away, under the id that it has, unless it is here already.

        The upload is over afterwards in any case. May be repeated: there is one document. Raises
        ChecksumMismatch, also where another document is here under this id, and what ``Upload.commit`` does.
        """
        try:
            return await upload.commit(arrival)
        except AlreadyStored as already:
            if already.stored is None:
                raise
            if already.stored.checksum != arrival.told.checksum:
                raise ChecksumMismatch(arrival.told.checksum, already.stored.checksum) from already
            return already.stored
        finally:
            await upload.abort()

    async def update(
        self,
        file_id: FileId,
        change: Callable[[FileAttributes], FileAttributes],
        *,
        if_revision: str | None = None,
    ) -> FileAttributes:
        """Replaces a document's attributes by what ``change`` makes of them; sets ``updated_at``.

        What describes the bytes stays as it is, whatever ``change`` says. Raises NotFound, RevisionMismatch,
        ModeForbids, NoRoom, LogFull, and AttributesError for what cannot be stored.
        """
        return await self._changing.update(file_id, change, if_revision)

    async def delete(
        self, file_id: FileId, *, check: Callable[[FileAttributes], None] = lambda _: None
    ) -> None:
        """Removes a document; readers that have it open finish undisturbed.

        ``check`` sees the attributes that go, and keeps them by raising. Raises NotFound, ModeForbids,
        LogFull.
        """
        await self._changing.delete(file_id, check)

    async def set_mode(self, mode: Mode) -> None:
        """Goes from ``rw`` to ``ro`` or from ``ro`` to ``ar``; to the mode it has is no change.

        Raises ModeForbids for every other step. Uploads that are under way are refused when they commit.
        """
        await self._modes.go_on_to(mode)

    @property
    def next_modes(self) -> frozenset[Mode]:
        """What ``set_mode`` takes now, beside the mode that there is."""
        return self._modes.later

    # Reading

    async def attributes(self, file_id: FileId) -> FileAttributes:
        """Raises NotFound, Damaged."""
        self._modes.demand("read attributes", *Mode)
        return (await self._documents.attributes(file_id))[1]

    async def open_document(self, file_id: FileId) -> OpenDocument:
        """Raises NotFound, Damaged, and ModeForbids where the bytes are offline."""
        self._modes.demand("read documents", Mode.EDIT, Mode.RW, Mode.RO)
        attributes, source = await self._documents.open(file_id)
        document = OpenDocument(
            attributes,
            source,
            self._threads,
            verified_bytes=self._options.verify_reads_bytes,
            damaged=partial(self.damage.add, file_id),
        )
        if file_id in self.damage:
            await self._verify(document)
        return document

    async def scan(
        self,
        after: str | None = None,
        limit: int | None = None,
        *,
        damaged: Callable[[Damaged], None] = lambda _: None,
    ) -> AsyncIterator[FileAttributes]:
        """Walks over all documents, in the order of their storage paths; see ``scanning.Scan``."""
        self._modes.demand("read attributes", *Mode)
        scan = Scan(
            self._layout,
            self._blobs,
            self._overlay,
            self._documents,
            self._threads,
            damaged,
            self._opened.adopted,
        )
        async for attributes in scan.run(after, limit):
            yield attributes

    # Following from outside

    @property
    def last_lsn(self) -> Lsn:
        """Of the last durable record whose effect can be read."""
        return self._submitting.applied.reached

    @property
    def first_lsn(self) -> Lsn:
        """The lowest LSN that ``changes`` can still give."""
        return self._log.first_lsn

    async def changes(self, after: Lsn, limit: int) -> list[Change]:
        """Durable changes behind ``after``, in order, at most ``limit``, at least one if there is one.

        Raises ChangesGone where the log does not reach back so far.
        """
        self._modes.demand("read changes", *Mode)
        recent = self._recent.after(after, limit) if after + 1 >= self._log.first_lsn else None
        if recent is not None:
            return recent
        return await asyncio.wrap_future(self._threads.submit(read_changes, self._log, after, limit))

    async def wait_for(self, lsn: Lsn) -> None:
        """Until a record above ``lsn`` is durable. Raises Closed when the engine closes meanwhile."""
        await self._submitting.applied.wait(Lsn(lsn + 1))

    async def filed(self, lsn: Lsn) -> None:
        """Until everything up to ``lsn`` is below ``files/``. Raises Closed when the engine closes before."""
        await self._filed.wait(lsn)

    def acknowledge(self, follower: str, lsn: Lsn) -> None:
        """A follower outside durably took everything up to ``lsn``. Raises ValueError for an unknown one."""
        self._submitting.acknowledge(follower, lsn)

    # State

    def capacity(self) -> Capacity:
        return self._room.capacity()

    def status(self) -> LogStatus:
        return self._submitting.status(self.recovery)

    async def check_files(self) -> None:
        """Returns if the place of the documents can be reached. Raises StoreUnavailable, OSError."""
        self._modes.demand("be checked", *Mode)
        await asyncio.wrap_future(self._threads.submit(self._blobs.check))

    def scrub(
        self,
        *,
        bytes_per_second: int | None = DEFAULT_BYTES_PER_SECOND,
        repair: Sequence[RepairSource] = (),
        index: IndexRows | None = None,
        told: Callable[[ScrubFinding], None] = lambda finding: None,
        note_seconds: float = 5.0,
    ) -> Scrub:
        """What reads everything in the background and finds damage: see ``engine.scrub``. Call it once."""
        parts = Parts(
            layout=self._layout,
            blobs=self._blobs,
            log=self._log,
            overlay=self._overlay,
            locks=self._locks,
            damage=self.damage,
            adopted=self._opened.adopted,
            threads=self._threads,
            description=lambda: self.element,
            capacity=self.capacity,
            attributes=self.attributes,
            settle=lambda: self.filed(self.last_lsn),
        )
        scrub = Scrub(
            parts,
            bytes_per_second=bytes_per_second,
            repair=repair,
            index=index,
            told=told,
            note_seconds=note_seconds,
        )
        self._scrubs.append(scrub)
        return scrub

    # Within

    async def _learn_ids(self) -> None:
        unfollowed = [file_id for file_id, _ in self._overlay.items()]  # first: they are filed meanwhile
        filed = await asyncio.to_thread(recent_ids, self._blobs, datetime.now(UTC))
        if filed is not None:
            self._given_ids.stored_before([*unfollowed, *filed])

    async def _verify(self, document: OpenDocument) -> None:
        """A document that was damaged may have been put right meanwhile. Closes it where it was not."""
        try:
            await document.verify()
        except BaseException:
            await document.close()
            raise
        self.damage.forget(FileId(document.attributes.file_id))

    def _demand_open(self, logged_bytes: int = 0) -> None:
        """Raises ModeForbids, LogFull, Closed."""
        self._modes.demand("store documents", Mode.EDIT, Mode.RW)
        self._submitting.demand_room(logged_bytes)

    async def _start(self) -> None:
        self._files.start()
        await self._store_again()
        releasable = await asyncio.to_thread(self._checkpoint.write, self._files.position)
        await asyncio.to_thread(self._log.release, releasable)
        await self._learn_ids()
        options = self._options
        if options.confirm_mode and options.mode is not None and options.mode is not self.element.mode:
            await self._modes.change(options.mode)
        elif self.recovery.loss:
            # A record behind the hole, so that followers who wait for the missing ones get on.
            await self._modes.change(self.element.mode)

    def _commit_of(self, batch_id: str) -> Commit:
        """How a document is stored: by itself, or with the others of a batch."""
        if not batch_id:
            return self._committing.one
        return partial(self._committing.into, self.batches.get(batch_id))

    async def _attributes_or_waiting(self, file_id: FileId) -> FileAttributes:
        return await self.batches.attributes(file_id) or await self.attributes(file_id)

    async def _store_again(self) -> None:
        """What was stored with a batch and the log has lost: before anything else gets its LSNs."""
        again = [member for found in self._opened.batches for member in found.again]
        self._opened.batches.clear()
        if again:
            entries = await asyncio.to_thread(lambda: list(map(entry_of, again)))
            await self._submit_all(entries, lambda _: None)

    async def _submit_all(
        self, entries: Sequence[tuple[Put, FileAttributes]], stored: Callable[[Lsn], None]
    ) -> None:
        applied = [partial(self._apply, put, attributes, _nothing) for put, attributes in entries]

        def apply_last(lsn: Lsn, call: Callable[[Lsn], None] = applied[-1]) -> None:
            call(lsn)
            stored(lsn)

        await self._submitting.submit_group([put for put, _ in entries], [*applied[:-1], apply_last])

    async def _submit(
        self,
        entry: Entry,
        attributes: FileAttributes | None,
        taken: Callable[[], None] = lambda: None,
        refused: Callable[[], None] = lambda: None,
    ) -> Lsn:
        return await self._submitting.submit(entry, partial(self._apply, entry, attributes, taken), refused)

    def _apply(
        self, entry: Entry, attributes: FileAttributes | None, taken: Callable[[], None], lsn: Lsn
    ) -> None:
        """A record is durable: from here on it can be read."""
        taken()
        if isinstance(entry, Put) and attributes is not None:
            self._given_ids.add(FileId(attributes.file_id))
            self.coding.stored(attributes)
        if (effect := effect_by(entry, attributes)) is not None:
            self._overlay.apply(lsn, effect)
            self._room.count(effect.used_bytes, effect.documents)
        self._recent.add(change_by(lsn, entry, attributes, durable_at=datetime.now(UTC)))

    # Called by the files follower, from its thread

    def _positions(self) -> dict[str, Lsn]:
        return self._submitting.positions()  # which is made after those who ask

    def _tell_followed(self, through: Lsn, file_ids: list[FileId]) -> None:
        self._loop.call_soon_threadsafe(self._followed, through, file_ids)

    def _followed(self, through: Lsn, file_ids: list[FileId]) -> None:
        self._documents.followed(through, file_ids)
        self._filed.reach(through)

    def _write_mode(self, mode: str) -> None:
        description = self._opened.description.with_mode(Mode(mode))
        write_description(self._layout, description)
        publish(self._layout, description, self._blobs)

    def _end(self) -> None:
        """The last steps of closing, after every thread ended."""
        try:
            if self._log.failure is None:
                self._checkpoint.write(self._files.position, closed=True)
                hit("close.told")
                self._log.give_back_room()
                hit("close.trimmed")
        finally:
            self._log.close()
            self._threads.shutdown(wait=True)
            self._blobs.close()
            if self._opened.adopted is not None:
                self._opened.adopted.close()
            os.close(self._opened.lock)


def _nothing() -> None:
    pass
