"""Ids that come with a document from outside: none of them may ever name two.

Whoever repeats an upload whose answer was lost sends the same id again, so each given id is looked up before
its record is written. A look at index and folders would cost every upload a query and a listing. So the ids
of the last minutes are remembered, all of them: an id of that time that is not remembered is new for certain.
Only an older one, as of an upload that took long, is looked up.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artstore.attributes import FileId, created_at_of, folder_of
from artstore.engine.blobs import Blobs
from artstore.engine.errors import StoreUnavailable

REMEMBERED = timedelta(minutes=5)
"""How far the time of an id may lie back for it to be remembered."""
_AHEAD = timedelta(minutes=60)
"""How far the clock of whoever gives an id may run before ours, for documents stored before the start."""
_ID_IN_NAME = re.compile(r"_([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})")


class GivenIds:
    """The ids of documents whose time is not long ago, deleted ones included. For the event loop's thread."""

    def __init__(self, now: datetime) -> None:
        self._minutes: dict[int, set[int]] = {}
        self._started = now
        self._complete_from = _minute(now + REMEMBERED)
        """Of this minute and all later ones every id is remembered."""

    def stored_before(self, file_ids: Iterable[FileId]) -> None:
        """Takes what the element had of `recent_ids` when it was opened; then none is missing."""
        self._complete_from = _minute(self._started - REMEMBERED)
        for file_id in file_ids:
            self.add(file_id)

    def add(self, file_id: FileId) -> None:
        """A document was stored. To be called for each one."""
        at = created_at_of(file_id)
        if at is None or (minute := _minute(at)) < self._complete_from:
            return
        remembered = self._minutes.get(minute)
        if remembered is None:
            remembered = self._minutes[minute] = set()
            self._forget(datetime.now(UTC))
        remembered.add(file_id.int)

    def may_be_stored(self, file_id: FileId) -> bool | None:
        """Whether a document had this id; None where its time is not remembered."""
        at = created_at_of(file_id)
        if at is None or (minute := _minute(at)) < self._complete_from:
            return None
        return file_id.int in self._minutes.get(minute, ())

    def _forget(self, now: datetime) -> None:
        # Only ever forwards: what was forgotten stays unknown where the clock is set back.
        self._complete_from = max(self._complete_from, _minute(now - REMEMBERED))
        for minute in [minute for minute in self._minutes if minute < self._complete_from]:
            del self._minutes[minute]


def recent_ids(blobs: Blobs, now: datetime) -> list[FileId] | None:
    """The ids below the folders that recent ids lead to; None where the folders cannot be read now."""
    hours = {folder_of(now - REMEMBERED), folder_of(now), folder_of(now + _AHEAD)}
    try:
        names = [name for hour in hours for name in blobs.names(f"files/{hour}")]
    except (StoreUnavailable, OSError):
        return None
    return [FileId(UUID(found[-1])) for name in names if (found := _ID_IN_NAME.findall(name))]


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
