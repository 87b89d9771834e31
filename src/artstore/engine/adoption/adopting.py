"""The steps of an adoption, from the first look to ``element.json``."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from artstore.engine.adopted import AdoptedDocument, AdoptedList
from artstore.engine.adoption.origins import AdoptingOrigins
from artstore.engine.adoption.sorting import SortedLines
from artstore.engine.adoption.survey import CannotAdopt, Survey, refuse_collisions, survey
from artstore.engine.description import Adopted, ElementDescription, Mode
from artstore.engine.durable import is_temporary, is_written_temporary, make_folders, write_durably
from artstore.engine.errors import ElementMismatch
from artstore.engine.layout import Layout, describe, make_root, read_description, write_description
from artstore.engine.locking import holding_off_services, lock_element
from artstore.engine.log.checkpoint import Checkpoint, CheckpointInvalid, decode_checkpoint, write_checkpoint
from artstore.engine.log.header import HEADER_BYTES, SegmentHeader, element_digest
from artstore.engine.log.record import Lsn
from artstore.engine.log.segment import create_segment, prepare_file
from artstore.engine.verify.files import FilesCheck
from artstore.engine.verify.log import Pending
from artstore.engine.verify.report import Finding, Notify, Progress, Report
from artstore.engine.verify.root import check_entries

_WRITE_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class Adoption:
    """What an adoption found and did. ``findings`` are all the things that do not fit."""

    element: ElementDescription
    documents: int
    """That fit."""
    bytes: int
    """Of the documents in the element, as they lie there."""
    findings: list[Finding]
    changed: bool
    """Whether the element was made or changed; False after a trial, and where all was adopted before."""

    @property
    def fits(self) -> bool:
        """Whether nothing was found that does not fit."""
        return not self.findings


@dataclass(frozen=True)
class _Checked:
    element: ElementDescription
    checkpoint: Checkpoint
    adoption: Adoption


def adopt(
    root: Path,
    *,
    element_id: str,
    mode: Mode | None = None,
    dry_run: bool = False,
    progress: Notify | None = None,
) -> Adoption:
    """Checks everything that lies in ``root`` and makes an element of it, ``rw`` if no mode is given.

    An element that is there keeps its description; what is new in it is adopted too. Blocks; reads all bytes
    once. ``dry_run`` changes nothing. Raises CannotAdopt, ElementMismatch, NotAnElement, Locked, DiskFull,
    OSError.
    """
    layout = Layout(root)
    if not root.is_dir():
        raise CannotAdopt(root, "there is no such folder")
    existing = read_description(layout) if os.path.lexists(layout.description) else None
    if existing is None:
        refuse_collisions(layout)
    element = _described(existing, element_id, mode)
    found = survey(layout, element.folders)
    if dry_run:
        with holding_off_services(layout):
            return _check(layout, element, existing, found, None, progress).adoption
    with _locked(layout), SortedLines(layout.wal) as lines:
        checked = _check(layout, element, existing, found, lines, progress)
        if lines.count or found.folders:
            listed = Adopted(found.folders, lines.count, _sha256(lines))
            checked = replace(checked, element=replace(element, adopted=listed))
        return _build(layout, existing, checked, lines)


def _described(existing: ElementDescription | None, element_id: str, mode: Mode | None) -> ElementDescription:
    if existing is None:
        return describe(element_id, mode or Mode.RW, datetime.now(UTC))
    if existing.id != element_id:
        raise ElementMismatch("the element", element_id, existing.id)
    if mode is not None and existing.mode is not mode:
        raise ElementMismatch("the mode", mode, existing.mode)
    return existing


def _check(
    layout: Layout,
    element: ElementDescription,
    existing: ElementDescription | None,
    found: Survey,
    lines: SortedLines | None,
    progress: Notify | None,
) -> _Checked:
    """Reads every document and every attribute file, and notes those that are adopted in ``lines``."""
    before = _checkpoint(layout, element, existing)
    report = Report(layout.root)
    folders = ("files", *found.folders)
    check_entries(layout, folders, report)
    with _known_list(layout, existing) as known:

        def note(document: AdoptedDocument) -> None:
            if lines is not None:
                lines.add(document.to_line())

        files = FilesCheck(
            layout.root,
            report,
            Pending(),
            folders=folders,
            origins=AdoptingOrigins(known, existing.created_at if existing else None, note),
            offline=element.mode is Mode.AR,
            advance=_advancing(found, progress),
        )
        files.run()
    checkpoint = replace(before, used_bytes=files.stored_bytes, documents=files.documents)
    return _Checked(
        element, checkpoint, Adoption(element, files.sound, report.bytes, report.findings, changed=False)
    )


def _build(
    layout: Layout,
    existing: ElementDescription | None,
    checked: _Checked,
    lines: SortedLines,
) -> Adoption:
    """Writes what makes an element of the root, unless it is there already; ``element.json`` comes last."""
    element = checked.element
    if existing == element and _is_list_there(layout, element.adopted):
        return replace(checked.adoption, element=element)
    make_root(layout)
    if element.adopted is not None:
        write_durably(layout.adopted, _gathered(lines))
    if existing is None:
        for left_over in layout.segments():
            left_over.unlink()
        _begin_log(layout, element.id)
    write_checkpoint(layout.checkpoint, checked.checkpoint)
    write_description(layout, element)
    return replace(checked.adoption, element=element, changed=True)


def _is_list_there(layout: Layout, told: Adopted | None) -> bool:
    if told is None or not layout.adopted.is_file():
        return told is None
    with layout.adopted.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == told.list_sha256


def _checkpoint(
    layout: Layout, element: ElementDescription, existing: ElementDescription | None
) -> Checkpoint:
    """The one that the element has, or a first one. Raises CannotAdopt where the log is ahead."""
    if existing is None:
        return Checkpoint(element.id, Lsn(0), Lsn(0), used_bytes=0, documents=0, closed=True)
    advice = "start its service and stop it again"
    try:
        checkpoint = decode_checkpoint(layout.checkpoint.read_bytes())
    except (OSError, CheckpointInvalid) as error:
        raise CannotAdopt(layout.root, f"its checkpoint cannot be read ({error}); {advice}") from error
    if not checkpoint.closed or checkpoint.files_lsn != checkpoint.last_lsn:
        raise CannotAdopt(layout.root, f"its log holds changes that its files have not yet; {advice}")
    return checkpoint


@contextmanager
def _known_list(layout: Layout, existing: ElementDescription | None) -> Iterator[AdoptedList | None]:
    """What an earlier adoption listed. Of a damaged list, the lines that are whole count."""
    if existing is None or existing.adopted is None or not layout.adopted.is_file():
        yield None
        return
    known = AdoptedList(layout.adopted)
    try:
        yield known
    finally:
        known.close()


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    make_folders(layout.wal)
    descriptor = lock_element(layout)
    try:
        _clean(layout)
        yield
    finally:
        os.close(descriptor)


def _clean(layout: Layout) -> None:
    """Removes what an interrupted adoption left; in the root only what nobody else can have named so."""
    for path in [*layout.root.iterdir(), *layout.wal.iterdir()]:
        if is_written_temporary(path.name) or (path.parent == layout.wal and is_temporary(path.name)):
            path.unlink()


def _begin_log(layout: Layout, element_id: str) -> None:
    """A log without records, so that a missing one is told from one that never was."""
    header = SegmentHeader.fresh(Lsn(1), element_digest(element_id), HEADER_BYTES)
    create_segment(layout.segment(1), header, prepare_file(layout.wal, HEADER_BYTES)).release()


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are worth a call of the system."""
    part = bytearray()
    for line in lines:
        part += line
        if len(part) >= _WRITE_AT_ONCE:
            yield bytes(part)
            part.clear()
    yield bytes(part)


def _sha256(lines: SortedLines) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


class _advancing:  # noqa: N801 - a closure with a state
    """Turns what is done into calls of ``progress``."""

    def __init__(self, found: Survey, progress: Notify | None) -> None:
        self._found = found
        self._progress = progress
        self._documents = self._bytes = 0

    def __call__(self, documents: int, size: int) -> None:
        self._documents += documents
        self._bytes += size
        if self._progress is not None:
            self._progress(Progress(self._documents, self._bytes, self._found.documents, self._found.bytes))
