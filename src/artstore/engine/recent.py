"""The latest changes in memory, so that followers who keep up need not read and parse the log again."""

from collections import deque

from artstore.engine.changes import Change
from artstore.engine.log.record import Lsn

_MOST = 1000


class Recent:
    """The last changes, without a gap between them; for the event loop's thread."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_MOST)

    def add(self, change: Change) -> None:
        """Of the record that became durable last."""
        if self._changes and change.lsn != self._changes[-1].lsn + 1:
            self._changes.clear()
        self._changes.append(change)

    def after(self, lsn: Lsn, limit: int) -> list[Change] | None:
        """What ``read_changes`` gives; None where it must be asked, since what comes next is not here."""
        if not self._changes or not self._changes[0].lsn <= lsn + 1 <= self._changes[-1].lsn + 1:
            return None
        skipped = lsn + 1 - self._changes[0].lsn
        return [self._changes[at] for at in range(skipped, min(skipped + limit, len(self._changes)))]
