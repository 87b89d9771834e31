"""Opening an element: its description, its lock, its log, what the files lack, what is used.

After a crash at any point, also of opening itself, opening again comes to the same. In order: nothing is
touched before the lock is held; the log is put in order (see ``log.recovery``); staging files that no record
names are removed, because nobody was ever told of them, but for resumable uploads and batches that have not
expired; what is used follows from the checkpoint and the records after it, or is counted by walking where the
checkpoint or a part of the log is gone.
"""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from artstore.attributes import ATTRIBUTE_SUFFIX, MAX_BYTES, attribute_name, parse
from artstore.engine import store
from artstore.engine.adopted import AdoptedList
from artstore.engine.batches import Member, Surviving
from artstore.engine.batches import Survivor as FoundBatch
from artstore.engine.blobs import BlobMissing, Blobs
from artstore.engine.counting import Counting
from artstore.engine.description import FILES, ROOT, is_sealed_description
from artstore.engine.durable import is_temporary, make_folders, move_durably, remove_behind
from artstore.engine.effects import effect_of
from artstore.engine.errors import ElementMismatch, NotAnElement
from artstore.engine.failpoints import hit
from artstore.engine.followers import Position
from artstore.engine.layout import (
    ElementDescription,
    Layout,
    Mode,
    create_element,
    place_format_page,
    read_description,
    write_description,
)
from artstore.engine.locking import lock_element
from artstore.engine.log.checkpoint import Checkpoint, CheckpointInvalid, decode_checkpoint, write_checkpoint
from artstore.engine.log.findings import Finding, FindingKind
from artstore.engine.log.header import element_digest
from artstore.engine.log.log import Log
from artstore.engine.log.record import Lsn, ModeChange, Record
from artstore.engine.log.recovery import recover
from artstore.engine.options import EngineOptions
from artstore.engine.resumable import Survivor, survivors
from artstore.engine.resumable.state import bytes_path, state_path
from artstore.engine.unfollowed import Overlay

_NEEDS_COUNTING = {
    FindingKind.CHECKPOINT_MISSING,
    FindingKind.CHECKPOINT_DAMAGED,
    FindingKind.DAMAGED_RECORD,
    FindingKind.MISSING_RECORDS,
    FindingKind.SHORT_LOG,
    FindingKind.INVALID_RECORD,
}


@dataclass(frozen=True)
class RecoveryReport:
    """What opening found and did. Empty ``findings``: everything was as it was left."""

    seconds: float
    records: int
    """Read from the log."""
    unfollowed: int
    """Of them, those that the files did not show yet."""
    last_lsn: Lsn
    staging_removed: int
    """Uploads that were never committed."""
    counted: bool
    """Whether what is used had to be counted by walking over the files."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def loss(self) -> bool:
        """Whether something that was acknowledged may be gone: look at the findings, and verify."""
        return any(finding.kind.is_loss for finding in self.findings)


@dataclass
class OpenedElement:
    """What the engine goes on with."""

    description: ElementDescription
    layout: Layout
    log: Log
    overlay: Overlay
    position: Position
    used_bytes: int
    documents: int
    followers: dict[str, Lsn]
    report: RecoveryReport
    lock: int
    adopted: AdoptedList | None = None
    """Where adopted documents lie; None where there are none, or where the list is lost."""
    resumable: list[Survivor] = field(default_factory=list)
    batches: list[FoundBatch] = field(default_factory=list)


def open_element(root: Path, options: EngineOptions, blobs: Blobs) -> OpenedElement:
    """Blocks. Raises NotAnElement, ElementMismatch, Locked, StoreUnavailable, DiskFull, OSError."""
    layout = Layout(root)
    description = _describe(layout, options, blobs)
    _check_identity(description, options)
    store.check_kind(description, blobs)
    lock = _lock(layout)
    try:
        store.check_there(layout, description, blobs)
        return _Opening(layout, options, blobs).run(lock)
    except BaseException:
        os.close(lock)
        raise


def _describe(layout: Layout, options: EngineOptions, blobs: Blobs) -> ElementDescription:
    if layout.description.exists() or not options.create:
        return read_description(layout)
    element_id, mode = options.element_id, options.mode
    if element_id is None or mode is None:
        raise NotAnElement(layout.root, "it has no element.json, and no id and mode for a new one were given")
    if blobs.abilities.place is not None:
        return store.create_apart(layout, element_id, mode, blobs, take_over=options.take_over)
    return create_element(layout.root, element_id, mode, datetime.now(UTC))


def _check_identity(description: ElementDescription, options: EngineOptions) -> None:
    if options.element_id is not None and options.element_id != description.id:
        raise ElementMismatch("the element", options.element_id, description.id)


def _lock(layout: Layout) -> int:
    for folder in (layout.staging, layout.wal, layout.quarantine):
        make_folders(folder)
    return lock_element(layout)


class _Opening:
    """The state of one opening."""

    def __init__(self, layout: Layout, options: EngineOptions, blobs: Blobs) -> None:
        self._options = options
        self._blobs = blobs
        self._description = read_description(layout)
        self._layout = Layout(layout.root, self._description.folders)
        self._findings: list[Finding] = []
        self._checkpoint = self._read_checkpoint()
        self._files_lsn = self._checkpoint.files_lsn if self._checkpoint else Lsn(0)
        self._overlay = Overlay()
        self._sizes: dict[str, int] = {}
        """What each document takes after its last unfollowed record, by storage path; 0 when it is gone."""
        self._staged: set[str] = set()
        self._resumable: list[Survivor] = []
        self._batches: list[FoundBatch] = []
        self._unfollowed = 0
        self._grown_bytes = 0
        self._grown_documents = 0

    def run(self, lock: int) -> OpenedElement:
        started = time.monotonic()
        place_format_page(self._layout)
        self._seal_description()
        element = element_digest(self._description.id)
        layout = self._layout
        if not layout.segments() and self._had_segments():
            detail = "there is no segment, and an opened element always has one; what only it held is gone"
            self._findings.append(Finding(FindingKind.SHORT_LOG, layout.wal.name, detail))
        found = recover(layout.wal, layout.quarantine, element, self._checkpoint, self._take)
        self._findings += found.findings
        self._check_mode()
        removed = self._clean_staging()
        self._clean_left_overs()
        hit("recovery.cleaned")
        self._description = store.publish(layout, self._description, self._blobs)
        used_bytes, documents, counted = self._totals()
        lsn = max(self._files_lsn, Lsn(found.segments[0].first_lsn - 1) if found.segments else found.last_lsn)
        log = Log(layout.wal, element, found.segments, found.last_lsn, self._options.segment_bytes)
        log.begin_segment()
        report = RecoveryReport(
            time.monotonic() - started,
            found.records,
            self._unfollowed,
            found.last_lsn,
            removed,
            counted,
            self._findings,
        )
        return OpenedElement(
            self._description,
            layout,
            log,
            self._overlay,
            Position(lsn, used_bytes - self._grown_bytes, documents - self._grown_documents),
            used_bytes,
            documents,
            self._follower_positions(log, found.last_lsn),
            report,
            lock,
            self._adopted_list(),
            self._resumable,
            self._batches,
        )

    def _had_segments(self) -> bool:
        """Whether something shows it that no checkpoint tells: what the log knew to be durable, it tells."""
        known = self._checkpoint
        return known is None or (known.last_lsn == 0 and any(self._layout.staging.iterdir()))

    def _seal_description(self) -> None:
        """Somebody may have written it by hand."""
        if not is_sealed_description(self._layout.description.read_bytes()):
            write_description(self._layout, self._description)

    def _read_checkpoint(self) -> Checkpoint | None:
        path = self._layout.checkpoint
        name = f"wal/{path.name}"
        try:
            checkpoint = decode_checkpoint(path.read_bytes())
            if checkpoint.element_id != self._description.id:
                raise CheckpointInvalid(f"it belongs to the element {checkpoint.element_id}")
        except FileNotFoundError:
            if not (self._layout.segments() or any(self._layout.staging.iterdir()) or any(self._walk())):
                return self._first_checkpoint()
            detail = "it is not there; the files are counted instead"
            self._findings.append(Finding(FindingKind.CHECKPOINT_MISSING, name, detail))
            return None
        except CheckpointInvalid as error:
            self._findings.append(Finding(FindingKind.CHECKPOINT_DAMAGED, name, str(error)))
            return None
        return checkpoint

    def _first_checkpoint(self) -> Checkpoint:
        """Before there is anything that it could be missed for."""
        checkpoint = Checkpoint(self._description.id, Lsn(0), Lsn(0), 0, 0, closed=False)
        write_checkpoint(self._layout.checkpoint, checkpoint)
        return checkpoint

    def _take(self, record: Record) -> None:
        """One record of the log: what it adds to what the files show."""
        if record.lsn <= self._files_lsn:
            return
        self._unfollowed += 1
        try:
            entry = record.entry()
            if isinstance(entry, ModeChange):
                self._description = self._description.with_mode(Mode(entry.mode))
            effect = effect_of(entry)
        except ValueError as error:  # BodyInvalid, and a mode that does not exist
            self._invalid(record, error)
            return
        if effect is None:
            return
        self._overlay.apply(record.lsn, effect)
        self._sizes[effect.storage_path] = effect.size
        self._grown_bytes += effect.used_bytes
        self._grown_documents += effect.documents
        if effect.staged is not None:
            self._staged.add(effect.staged)

    def _invalid(self, record: Record, error: ValueError) -> None:
        kind = FindingKind.INVALID_RECORD
        detail = f"record {record.lsn} is left out: {error}"
        self._findings.append(Finding(kind, "wal", detail, record.lsn, record.lsn))

    def _check_mode(self) -> None:
        wanted, found = self._options.mode, self._description.mode
        if wanted is not None and wanted is not found and not self._options.confirm_mode:
            described = read_description(self._layout)
            if described.mode is not found:
                # The log knew better: whoever looks there to correct the settings finds the truth.
                write_description(self._layout, described.with_mode(found))
            raise ElementMismatch("the mode", wanted, found)

    def _clean_staging(self) -> int:
        """Removes what no record names, unless a record that was lost may have named it."""
        staging = self._layout.staging
        kept = set(self._staged)
        for found in survivors(staging, self._staged, self._options.resumable_seconds):
            if isinstance(found, str):  # the next start may be luckier
                kept |= {state_path(staging, found).name, bytes_path(staging, found).name}
                continue
            self._resumable.append(found)
            kept.add(state_path(staging, found.state.upload_id).name)
            if not found.state.complete:
                kept.add(bytes_path(staging, found.state.upload_id).name)
        kept |= self._find_batches()
        strangers = [path for path in staging.iterdir() if path.name not in kept]
        loss = any(finding.kind.is_loss for finding in self._findings)
        for path in strangers:
            if loss:
                move_durably(path, self._layout.quarantine / f"staging-{path.name}")
            else:
                remove_behind(path)
        return 0 if loss else len(strangers)

    def _find_batches(self) -> set[str]:
        """Gives the names in staging that they need."""
        staging, kept = self._layout.staging, set[str]()
        surviving = Surviving(staging, self._staged, self._files_lsn, self._is_known)
        for path, found in surviving.batches(self._options.batch_seconds):
            if isinstance(found, str) or found.missing:
                # Not removed but put aside, with all that staging has of it.
                reason = found if isinstance(found, str) else f"{len(found.missing)} documents are missing"
                detail = f"{reason}; it is in the quarantine with its files"
                self._findings.append(Finding(FindingKind.BROKEN_BATCH, f"staging/{path.name}", detail))
                continue
            if found.again:
                detail = f"{len(found.again)} of its documents were lost with the log, and are stored again"
                self._findings.append(Finding(FindingKind.LOST_BATCH, f"staging/{path.name}", detail))
            kept |= {path.name, *found.kept}
            self._batches.append(found)
        return kept

    def _is_known(self, member: Member) -> bool:
        if self._overlay.get(member.file_id) is not None:
            return True  # also where the log tells that it was deleted since
        path = parse(member.attributes.encode()).storage_path
        try:
            self._blobs.read(attribute_name(path), MAX_BYTES)
        except BlobMissing:
            return False
        return True

    def _clean_left_overs(self) -> None:
        for folder in {FILES, *(path.rpartition("/")[0] for path in self._sizes)}:
            self._blobs.clean(folder)
        for folder_path in (self._layout.root, self._layout.wal, self._layout.quarantine):
            _remove_temporary(folder_path.iterdir())

    def _totals(self) -> tuple[int, int, bool]:
        """Bytes and documents after the last record, and whether they had to be counted."""
        known = self._checkpoint
        if not any(finding.kind in _NEEDS_COUNTING for finding in self._findings):
            used, documents = (known.used_bytes, known.documents) if known else (0, 0)
            return used + self._grown_bytes, documents + self._grown_documents, False
        counting = Counting()
        for path, size in self._walk():
            # What the log tells of later than the files is counted from the log below.
            if path.removesuffix(ATTRIBUTE_SUFFIX) not in self._sizes:
                counting.add(path, size)
        used_bytes, documents = counting.used_bytes, counting.documents
        for size in self._sizes.values():
            used_bytes += size
            documents += size > 0
        return used_bytes, documents, True

    def _walk(self) -> Iterator[tuple[str, int]]:
        """Everything that may be of documents, with its size."""
        yield from self._layout.root_files()
        for folder in self._layout.folders:
            if folder != ROOT:
                yield from self._blobs.walk(folder)

    def _adopted_list(self) -> AdoptedList | None:
        try:
            return AdoptedList(self._layout.adopted) if self._description.adopted is not None else None
        except FileNotFoundError:
            return None  # verification and scrub tell; documents are found by the index

    def _follower_positions(self, log: Log, last_lsn: Lsn) -> dict[str, Lsn]:
        """A follower that is new here begins with what the log still has."""
        known = self._checkpoint.followers if self._checkpoint else {}
        oldest = Lsn(log.first_lsn - 1)
        return {name: min(last_lsn, max(oldest, known.get(name, oldest))) for name in self._options.followers}


def _remove_temporary(paths: Iterable[Path]) -> None:
    for path in paths:
        if is_temporary(path.name):
            remove_behind(path)
