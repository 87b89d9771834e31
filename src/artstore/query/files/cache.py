"""What was lately asked of the catalog about single documents, kept in the process.

An answer is kept until an event tells of a change of its document, or for `KEPT_SECONDS`. Events that were
missed drop everything, and while it is not sure that events arrive, nothing is answered from here: so an
answer is never older than `FRESH_SECONDS`, however long it is kept.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

from artstore.query import metrics

FRESH_SECONDS = 1.0
"""How long ago the last look at the events may be."""
KEPT_SECONDS = 60.0
"""A catalog that was wrong, and is mended without an event (by a rebuild), is believed for so long."""

Owners = frozenset[str] | None
Copies = dict[str, dict[str, Any]]


class DocumentCache:
    """Answers by document and by whose documents the asker may see, the latest ``size`` of them.

    By the asker too, so that what another may see makes nothing faster that must look as if it was not there.
    """

    def __init__(self, size: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._answers: OrderedDict[tuple[UUID, Owners], tuple[float, Copies]] = OrderedDict()
        self._asked: dict[UUID, set[Owners]] = {}
        """Whose answers there are of a document."""
        self._flights: dict[tuple[UUID, Owners], asyncio.Task[Copies]] = {}
        self._looked_at = -math.inf

    async def get(self, file_id: UUID, owners: Owners, load: Callable[[], Awaitable[Copies]]) -> Copies:
        """The answer that is kept, or that of ``load``, which is asked once for all who want the same at the
        same time. Raises what ``load`` raises.
        """
        if not self._is_fresh():
            metrics.CACHE_LOOKUPS.labels("unsure").inc()
            return await load()
        key = file_id, owners
        if (kept := self._answers.get(key)) is not None and self._clock() - kept[0] < KEPT_SECONDS:
            self._answers.move_to_end(key)
            metrics.CACHE_LOOKUPS.labels("hit").inc()
            return kept[1]
        metrics.CACHE_LOOKUPS.labels("miss").inc()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._load(key, load))
            flight.add_done_callback(_noted)
        # Whoever goes away must not take the answer from the others.
        return await asyncio.shield(flight)

    def up_to_date(self) -> None:
        """All events until now have been told."""
        self._looked_at = self._clock()

    def changed(self, file_ids: Iterable[UUID]) -> None:
        """Forget these documents, also what is being loaded of them."""
        for file_id in file_ids:
            for owners in self._asked.pop(file_id, ()):
                self._answers.pop((file_id, owners), None)
                self._flights.pop((file_id, owners), None)

    def clear(self) -> None:
        """Forget everything: something has changed that nobody tells of."""
        self._answers.clear()
        self._asked.clear()
        self._flights.clear()
        self._looked_at = -math.inf

    def _is_fresh(self) -> bool:
        return self._clock() - self._looked_at < FRESH_SECONDS

    async def _load(self, key: tuple[UUID, Owners], load: Callable[[], Awaitable[Copies]]) -> Copies:
        file_id, owners = key
        self._asked.setdefault(file_id, set()).add(owners)
        me, asked_at = asyncio.current_task(), self._clock()
        try:
            found = await load()
        except BaseException:
            if self._flights.get(key) is me:
                del self._flights[key]
                self._forget(key)
            raise
        # Where it is no longer this flight's, the document has changed since it was asked.
        if self._flights.get(key) is me:
            del self._flights[key]
            self._answers[key] = asked_at, found
            self._answers.move_to_end(key)
            while len(self._answers) > self._size:
                self._forget(self._answers.popitem(last=False)[0])
        return found

    def _forget(self, key: tuple[UUID, Owners]) -> None:
        file_id, owners = key
        askers = self._asked.get(file_id)
        if askers is not None and key not in self._flights:
            askers.discard(owners)
            if not askers:
                del self._asked[file_id]


def _noted(flight: asyncio.Task[Copies]) -> None:
    if not flight.cancelled():
        flight.exception()  # that everybody who waited has gone away is no error of its own
