"""The documents that the log has and ``files/`` need not have yet, and what else lies in ``staging/``."""

from collections.abc import Callable

from artstore.attributes import FileAttributes
from artstore.engine.layout import Layout
from artstore.engine.verify.log import Pending
from artstore.engine.verify.reading import check_bytes, entries_of
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule


class PendingCheck:
    """Bytes that are in their record were compared when the log was read; all others are compared here."""

    def __init__(
        self,
        layout: Layout,
        report: Report,
        pending: Pending,
        *,
        offline: bool,
        apart: bool,
        advance: Callable[[int, int], None],
    ) -> None:
        """``apart``: the documents are not in the root, so that what is not here may be there."""
        self._layout = layout
        self._report = report
        self._pending = pending
        self._offline = offline
        self._apart = apart
        self._advance = advance

    def run(self) -> None:
        wanted = set(self._pending.staged.values())
        for name, regular in entries_of(self._layout.staging, self._report):
            if not regular:
                self._report.add(Rule.O004, f"staging/{name}")
            elif name not in wanted:
                self._report.add(Rule.O003, f"staging/{name}")
        for path, attributes in self._pending.puts.items():
            if path in self._pending.staged:
                staged = f"staging/{self._pending.staged[path]}"
                # The follower moves the bytes, so that they are in one place or in the other.
                if not self._found((staged, path), attributes) and not self._apart:
                    self._report.add(Rule.W010, staged, f"of {path}")
            self._count(attributes)
        for path, attributes in self._pending.updates.items():
            if not self._found((path,), attributes) and not (self._offline or self._apart):
                self._report.add(Rule.D001, path)
            self._count(attributes)

    def _found(self, places: tuple[str, ...], attributes: FileAttributes) -> bool:
        for place in places:
            try:
                check_bytes(
                    self._layout.root, place, attributes, self._report, lambda count: self._advance(0, count)
                )
            except FileNotFoundError:
                continue
            return True
        return False

    def _count(self, attributes: FileAttributes) -> None:
        self._report.documents += 1
        self._report.bytes += attributes.size_on_disk
        self._advance(1, 0)
