"""The one thread that writes the log: it gathers what waits into a batch and flushes it once (group commit).

While a batch is being flushed the next gathers by itself, so that N concurrent commits cost about one flush
and a single one waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from artstore.engine.errors import Closed, DiskFull, EngineError, LogFailed
from artstore.engine.log.log import Log
from artstore.engine.log.record import FRAME, Bytes, Entry, Kind, Lsn, encode_body, kind_of

MAX_BATCH_BYTES = 4 << 20
"""Bounds how long a commit waits for others of its batch; a single larger record is a batch too."""


@dataclass(slots=True, eq=False)
class Submission:
    """One record on its way into the log. Once delivered, either ``lsn`` or ``error`` is set."""

    entry: Entry
    done: Callable[["Submission"], None]
    """For whoever takes delivery; the writer does not call it."""
    kind: Kind = field(init=False)
    parts: list[Bytes] = field(init=False)
    size: int = field(init=False)
    """Bytes in the log."""
    lsn: Lsn | None = None
    error: EngineError | None = None

    def __post_init__(self) -> None:
        self.kind = kind_of(self.entry)
        self.parts = encode_body(self.entry)
        self.size = FRAME.size + sum(map(len, self.parts))


@dataclass(frozen=True, slots=True)
class Group:
    """Records that count all or none: a batch of their own, which nothing else is in."""

    submissions: list[Submission]


class Writer:
    """Takes submissions from any thread and delivers them, in the order of their LSNs, from its own.

    ``deliver`` gets whole batches, each after it is durable or was refused; it must neither block nor raise.
    """

    def __init__(self, log: Log, deliver: Callable[[list[Submission]], None]) -> None:
        self._log = log
        self._deliver = deliver
        self._waiting: deque[Submission | Group] = deque()
        self._signal = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="artstore-log", daemon=True)
        self._thread.start()

    def submit(self, submissions: Iterable[Submission]) -> None:
        """Queues records; their LSNs follow from the order of these calls. Refused when closing."""
        with self._signal:
            if not self._closing:
                self._waiting.extend(submissions)
                self._signal.notify()
                return
        self._refuse(list(submissions))

    def submit_group(self, group: Group) -> None:
        """As ``submit``, for records that become durable together."""
        with self._signal:
            if not self._closing:
                self._waiting.append(group)
                self._signal.notify()
                return
        self._refuse(group.submissions)

    def close(self) -> None:
        """Writes what waits, delivers it and ends the thread. Blocks; may be called again."""
        with self._signal:
            self._closing = True
            self._signal.notify()
        self._thread.join()

    def _run(self) -> None:
        while gathered := self._gather():
            batch = gathered.submissions if isinstance(gathered, Group) else gathered
            self._write(batch, group=isinstance(gathered, Group))
            self._deliver(batch)

    def _gather(self) -> list[Submission] | Group | None:
        """What waits, up to a batch or a group; None when closed and done."""
        with self._signal:
            while not self._waiting and not self._closing:
                self._signal.wait()
            batch: list[Submission] = []
            size = 0
            while self._waiting:
                first = self._waiting[0]
                if isinstance(first, Group):
                    if not batch:
                        self._waiting.popleft()
                        return first
                    break
                if batch and size + first.size > MAX_BATCH_BYTES:
                    break
                self._waiting.popleft()
                size += first.size
                batch.append(first)
            return batch or None

    def _refuse(self, submissions: list[Submission]) -> None:
        for submission in submissions:
            submission.error = Closed()
        self._deliver(submissions)

    def _write(self, batch: list[Submission], *, group: bool) -> None:
        try:
            bodies = [(submission.kind, submission.parts) for submission in batch]
            lsn = self._log.append(bodies, group=group)
        except DiskFull as error:
            for submission in batch:
                submission.error = DiskFull(error.operation)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            failed = error if isinstance(error, LogFailed) else LogFailed(repr(error), maybe_written=True)
            self._log.fail(failed.reason)
            for submission in batch:
                submission.error = LogFailed(failed.reason, maybe_written=failed.maybe_written)
        else:
            for submission in batch:
                submission.lsn = lsn
                lsn = Lsn(lsn + 1)
