"""Verification of an element at rest: names everything that breaks a rule of FORMAT.md.

Words: a *rule* is one thing that can be broken and repaired, with a stable code; a *finding* is a broken rule
in one place; *pending* is what the log holds durably and ``files/`` does not show yet, which is no finding.

Needs no database and no running service, changes nothing, follows no links, and gives a report whatever
lies in the folder. What is damaged is named, not repaired: that is for people, scrub and recovery.
"""

import contextlib
from pathlib import Path

from artstore.engine.description import ElementDescription, Mode
from artstore.engine.layout import Layout
from artstore.engine.locking import holding_off_services
from artstore.engine.verify.files import FilesCheck
from artstore.engine.verify.log import LogCheck
from artstore.engine.verify.origins import check_list
from artstore.engine.verify.pending import PendingCheck
from artstore.engine.verify.report import Finding, Notify, Progress, Report
from artstore.engine.verify.root import check_root
from artstore.engine.verify.rules import Rule, Severity
from artstore.engine.verify.scrub import check_scrub

__all__ = ["Finding", "Notify", "Progress", "Report", "Rule", "Severity", "verify"]


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
    with holding_off_services(layout):
        description = check_root(layout, report)
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
    apart = description is not None and description.store is not None and not layout.files.exists()
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
    offline = mode is Mode.AR
    PendingCheck(
        layout,
        report,
        log.pending,
        offline=offline,
        apart=apart,
        log_has_lost=log.has_lost,
        advance=counting.advance,
    ).run()
    check_scrub(layout, report)
    report.pending = log.pending.records
    if apart and description is not None:
        report.store = description.store
    elif not offline and not report.damaged:
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
