"""Judging from announcements which elements must be asked for what their streams do not give.

No input, no output and no clock of its own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from artstore.wire.elements import ANNOUNCE_EVERY_SECONDS, ElementAnnouncement

PATIENCE_SECONDS = 1.0
"""How long an element may have announced more than its stream gives: what is on its way comes within this."""
_CERTAINTY = timedelta(seconds=2 * ANNOUNCE_EVERY_SECONDS)


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Since this announcement an element has announced less than this position."""

    announced_at: datetime
    position: int


class Lookout:
    """Compares what elements announce with the positions that the catalog has reached."""

    def __init__(self) -> None:
        self._behind_since: dict[str, float] = {}
        self._suspicions: dict[str, _Suspicion] = {}

    def is_behind(self, element: ElementAnnouncement, position: int, *, news: bool, now: float) -> bool:
        """Whether the element has announced more than ``position`` for a while, without ``news`` of it."""
        if element.last_lsn <= position or news:
            self._behind_since.pop(element.element_id, None)
            return False
        since = self._behind_since.setdefault(element.element_id, now)
        return position < 0 or now - since >= PATIENCE_SECONDS

    def has_another_history(self, element: ElementAnnouncement, position: int) -> bool:
        """Whether the element is certainly not the one that came as far as ``position``.

        Its folder was put back from a backup, say. An announcement that is merely older than the events that
        were taken since says nothing, so those of a while must agree, and the position must stand still.
        """
        if element.last_lsn >= position:
            self._suspicions.pop(element.element_id, None)
            return False
        suspicion = self._suspicions.get(element.element_id)
        if suspicion is None or suspicion.position != position:
            suspicion = self._suspicions[element.element_id] = _Suspicion(element.announced_at, position)
        return element.announced_at - suspicion.announced_at >= _CERTAINTY
