"""The documents that the log has and ``files/`` need not have yet, and what else lies in ``staging/``."""

from collections.abc import Callable

from artstore.attributes import FileAttributes, parse
from artstore.engine.batches import JOURNAL_SUFFIX, parse_journal
from artstore.engine.durable import is_temporary
from artstore.engine.layout import Layout
from artstore.engine.resumable.state import MAX_STATE_BYTES, STATE_SUFFIX, bytes_path, parse_state
from artstore.engine.verify.log import Pending
from artstore.engine.verify.reading import check_bytes, entries_of, fault_of, read_at_most
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule

_MAX_JOURNAL_BYTES = 1 << 30


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
        log_has_lost: bool,
        advance: Callable[[int, int], None],
    ) -> None:
        """``apart``: the documents are not in the root, so that what is not here may be there.

        ``log_has_lost``: a record that is gone may have named what nothing names now.
        """
        self._layout = layout
        self._report = report
        self._pending = pending
        self._offline = offline
        self._apart = apart
        self._nobodys = Rule.O008 if log_has_lost else Rule.O003
        self._advance = advance

    def run(self) -> None:
        self._check_staging()
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

    def _check_staging(self) -> None:
        entries = entries_of(self._layout.staging, self._report)
        wanted = set(self._pending.staged.values())
        for name, regular in entries:
            if regular and name.endswith(STATE_SUFFIX) and not is_temporary(name):
                upload_id = name.removesuffix(STATE_SUFFIX)
                wanted |= {name, bytes_path(self._layout.staging, upload_id).name}
                self._check_resumable(name, upload_id)
            elif regular and name.endswith(JOURNAL_SUFFIX) and not is_temporary(name):
                wanted |= {name, *self._in_batch(name)}
        for name, regular in entries:
            if not regular:
                self._report.add(Rule.O004, f"staging/{name}")
            elif name not in wanted:
                rule = Rule.O003 if is_temporary(name) else self._nobodys
                self._report.add(rule, f"staging/{name}")

    def _check_resumable(self, name: str, upload_id: str) -> None:
        try:
            parse_state(read_at_most(self._layout.staging / name, MAX_STATE_BYTES), upload_id)
        except ValueError as error:
            self._report.add(Rule.O006, f"staging/{name}", error)
        except OSError as error:
            self._report.add(*fault_of(error, f"staging/{name}"))

    def _in_batch(self, name: str) -> set[str]:
        """The staging files of a batch, those of an open one compared. A committed one has some where the log
        has lost what the next start stores again.
        """
        try:
            data = read_at_most(self._layout.staging / name, _MAX_JOURNAL_BYTES)
            contents = parse_journal(data, name.removesuffix(JOURNAL_SUFFIX))
        except ValueError as error:
            self._report.add(Rule.O007, f"staging/{name}", error)
            return set()
        except OSError as error:
            self._report.add(*fault_of(error, f"staging/{name}"))
            return set()
        for member in contents.members if contents.committed is None else ():
            attributes = parse(member.attributes.encode())
            # One that was committed without telling may be in its place by now.
            places = (f"staging/{member.staged}", attributes.storage_path)
            if not self._found(places, attributes) and not self._apart:
                self._report.add(Rule.W010, places[0], f"of the batch staging/{name}")
        return {member.staged for member in contents.members}

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
