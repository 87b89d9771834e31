"""Verification of an element at rest: names everything that breaks a rule of FORMAT.md.

Words: a *rule* is one thing that can be broken and repaired, with a stable code; a *finding* is a broken rule
in one place; *pending* is what the log holds durably and ``files/`` does not show yet, which is no finding.

Needs no database and no running service, changes nothing, follows no links, and gives a report whatever
lies in the folder. What is damaged is named, not repaired: that is for people, scrub and recovery.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from artstore.engine.description import (
    FORMAT_VERSION,
    MAX_BYTES,
    OWN_FOLDERS,
    ROOT,
    DescriptionInvalid,
    ElementDescription,
    Mode,
    is_sealed_description,
    parse_description,
)
from artstore.engine.durable import is_temporary
from artstore.engine.errors import Locked
from artstore.engine.layout import Layout
from artstore.engine.verify.files import FilesCheck
from artstore.engine.verify.log import LogCheck
from artstore.engine.verify.origins import check_list
from artstore.engine.verify.pending import PendingCheck
from artstore.engine.verify.reading import fault_of, read_at_most
from artstore.engine.verify.report import Finding, Notify, Progress, Report
from artstore.engine.verify.rules import Rule, Severity

__all__ = ["Finding", "Notify", "Progress", "Report", "Rule", "Severity", "verify"]

_MAX_PAGE_BYTES = 16


def verify(root: Path, *, progress: Notify | None = None) -> Report:
    """Checks every rule of the format on the element at ``root``. Blocks; reads all bytes once.

    ``progress`` is called after each document and each MiB. Raises Locked while a service has the element
    open, and nothing else, whatever lies there.
    """
    report = Report(root)
    if not root.is_dir():
        report.add(Rule.E001, ".", "there is no such folder")
        return report
    layout = Layout(root)
    with _no_service(layout):
        description = _check_root(layout, report)
        if any(finding.rule is Rule.E003 for finding in report.findings):
            return report  # another format has other rules
        if description is not None:
            layout = Layout(root, description.folders)
        _check_inside(layout, report, description, progress)
    return report


def _check_inside(
    layout: Layout, report: Report, description: ElementDescription | None, progress: Notify | None
) -> None:
    log = LogCheck(layout, report, description.id if description else None)
    log.run()
    mode = log.pending.mode or (description.mode if description else None)
    counting = _Counting(log, progress)
    with contextlib.closing(check_list(layout, description, report)) as origins:
        files = FilesCheck(
            layout.root,
            report,
            log.pending,
            folders=layout.folders,
            origins=origins,
            offline=mode is Mode.AR,
            advance=counting.advance,
        )
        files.run()
    PendingCheck(layout, report, log.pending, offline=mode is Mode.AR, advance=counting.advance).run()
    report.pending = log.pending.records
    if mode is not Mode.AR and not report.damaged:
        _check_counts(log, files, report)


def _check_counts(log: LogCheck, files: FilesCheck, report: Report) -> None:
    """The checkpoint's figures are those of ``files/`` once everything was followed."""
    known = log.checkpoint
    if known is None or log.pending.records:
        return
    if (known.documents, known.used_bytes) != (files.documents, files.stored_bytes):
        detail = (
            f"{known.documents} documents and {known.used_bytes} bytes instead of"
            f" {files.documents} and {files.stored_bytes}"
        )
        report.add(Rule.W011, "wal/checkpoint.json", detail)


def _check_root(layout: Layout, report: Report) -> ElementDescription | None:
    description = _check_description(layout, report)
    documents = set(description.folders if description else layout.folders)
    folders = documents | OWN_FOLDERS
    try:
        with os.scandir(layout.root) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        report.add(*fault_of(error, "."))
        return None
    for entry in entries:
        if entry.name in folders and not entry.is_dir(follow_symlinks=False):
            report.add(Rule.O004, entry.name)
        elif entry.name in folders or entry.name in layout.own_files:
            continue
        elif ROOT in documents and not entry.is_dir(follow_symlinks=False):
            continue  # it may be of a document
        else:
            report.add(Rule.O002 if is_temporary(entry.name) else Rule.O005, entry.name)
    _check_format_page(layout, report)
    return description


def _check_format_page(layout: Layout, report: Report) -> None:
    name = layout.format_page.name
    try:
        if read_at_most(layout.format_page, _MAX_PAGE_BYTES).strip():
            return
    except FileNotFoundError:
        pass
    except OSError as error:
        report.add(*fault_of(error, name))
        return
    report.add(Rule.E004, name)


def _check_description(layout: Layout, report: Report) -> ElementDescription | None:
    name = layout.description.name
    try:
        data = read_at_most(layout.description, MAX_BYTES + 1)
        description = parse_description(data)
        if not is_sealed_description(data):
            report.add(Rule.E006, name)
        return description
    except FileNotFoundError:
        report.add(Rule.E001, name)
    except OSError as error:
        report.add(*fault_of(error, name))
    except DescriptionInvalid as error:
        known = f"this program knows {FORMAT_VERSION}"
        report.add(
            Rule.E003 if error.version else Rule.E002, name, f"{error}; {known}" if error.version else error
        )
    return None


class _Counting:
    """Turns what is done into calls of ``progress``."""

    def __init__(self, log: LogCheck, progress: Notify | None) -> None:
        self._progress = progress
        self._documents = self._bytes = 0
        known = log.checkpoint
        self._totals = (known.documents, known.used_bytes) if known else (None, None)

    def advance(self, documents: int, size: int) -> None:
        self._documents += documents
        self._bytes += size
        if self._progress is not None:
            self._progress(Progress(self._documents, self._bytes, *self._totals))


@contextlib.contextmanager
def _no_service(layout: Layout) -> Iterator[None]:
    """Holds off services while reading, where there is a lock to hold. Raises Locked."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield  # never opened, or damaged: then the log's check tells
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(layout.root) from error
        except OSError:
            pass  # some file systems have no locks
        yield
    finally:
        os.close(descriptor)
