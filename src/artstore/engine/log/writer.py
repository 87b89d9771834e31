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


class Writer:
    """Takes submissions from any thread and delivers them, in the order of their LSNs, from its own.

    ``deliver`` gets whole batches, each after it is durable or was refused; it must neither block nor raise.
    """

    def __init__(self, log: Log, deliver: Callable[[list[Submission]], None]) -> None:
        self._log = log
        self._deliver = deliver
        self._waiting: deque[Submission] = deque()
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
        refused = list(submissions)
        for submission in refused:
            submission.error = Closed()
        self._deliver(refused)

    def close(self) -> None:
        """Writes what waits, delivers it and ends the thread. Blocks; may be called again."""
        with self._signal:
            self._closing = True
            self._signal.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._gather():
            self._write(batch)
            self._deliver(batch)

    def _gather(self) -> list[Submission]:
        """What waits, up to a batch; empty when closed and done."""
        with self._signal:
            while not self._waiting and not self._closing:
                self._signal.wait()
            batch: list[Submission] = []
            size = 0
            while self._waiting and (not batch or size + self._waiting[0].size <= MAX_BATCH_BYTES):
                submission = self._waiting.popleft()
                size += submission.size
                batch.append(submission)
            return batch

    def _write(self, batch: list[Submission]) -> None:
        try:
            lsn = self._log.append([(submission.kind, submission.parts) for submission in batch])
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
