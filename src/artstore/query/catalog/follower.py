"""Following all elements: their streams where these are whole, their listings where they are not."""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn, Protocol
from uuid import UUID

from redis.exceptions import RedisError

from artstore.kernel.database import DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory
from artstore.query import metrics
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.catching_up import ListingUnavailable, catch_up
from artstore.query.catalog.changes import NOTHING_KNOWN, Entry
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.lookout import Lookout
from artstore.query.catalog.stream import BATCH_ENTRIES, EventStreams
from artstore.wire.documents import ElementDocumentPage
from artstore.wire.elements import ElementAnnouncement

_PAUSE_SECONDS = 1.0
"""After finding Redis or PostgreSQL away, and while there is nothing to follow."""
_LOOK_AGAIN_SECONDS = 5.0
"""How often the positions are read anew: a database that failed over may have lost the last of them."""
_FIRST_RETRY_SECONDS = 0.2
_LONGEST_RETRY_SECONDS = 5.0

_log = get_logger(__name__)


class Listener(Protocol):
    """Whoever keeps what the catalog said: told of each change once the catalog has it."""

    def changed(self, file_ids: Iterable[UUID]) -> None: ...

    def clear(self) -> None:
        """Something has changed, and it is not known what."""

    def up_to_date(self) -> None:
        """All that the streams have was told."""


class CatalogFollower:
    """Keeps the catalog equal to the elements. ``run`` never returns; one at a time in a process.

    One reader serves all streams, so that an event is in the catalog within milliseconds. An element whose
    stream has a gap, or whose announcements are ahead of its stream, leaves the reader for one attempt at its
    listing, beside the others, and comes back to the reader whether or not that attempt got anywhere.
    """

    def __init__(
        self,
        catalog: Catalog,
        streams: EventStreams,
        listing: ElementListing,
        directory: ElementDirectory,
        listener: Listener,
    ) -> None:
        self._catalog = catalog
        self._streams = streams
        self._listing = listing
        self._directory = directory
        self._listener = listener
        self._lookout = Lookout()
        self._positions: dict[str, int] = {}
        self._read_positions_at = 0.0
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._fruitless: dict[str, int] = {}
        self._away: str | None = None

    async def run(self) -> NoReturn:
        self._positions.clear()
        self._attempts.clear()
        self._listener.clear()
        async with asyncio.TaskGroup() as group:
            while True:
                elements = {element.element_id: element for element in self._directory.elements()}
                whole = await self._follow_streams(elements.keys() - self._attempts.keys(), elements)
                for element_id in elements.keys() & self._positions.keys() - self._attempts.keys():
                    self._judge(elements[element_id], whole.get(element_id), group)

    def position(self, element_id: str) -> int | None:
        """Every change of the element up to this LSN is in the catalog; None while nothing is known of it."""
        return self._positions.get(element_id)

    async def _follow_streams(
        self, followed: "set[str]", elements: Mapping[str, ElementAnnouncement]
    ) -> dict[str, bool]:
        """Take what the streams have: for each that had something, whether it followed on without a gap."""
        try:
            if not followed <= self._positions.keys() or self._positions_are_old():
                await self._read_positions(elements)
            if not followed:
                await asyncio.sleep(_PAUSE_SECONDS)
                return {}
            read = await self._streams.read({name: self._positions[name] for name in followed})
            whole = {
                element_id: await self._take(element_id, entries) for element_id, entries in read.items()
            }
        except (RedisError, OSError, DatabaseDown) as error:
            self._tell_away(type(error).__name__)
            await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))
            return {}
        self._tell_away(None)
        if not self._attempts and all(len(entries) < BATCH_ENTRIES for entries in read.values()):
            self._listener.up_to_date()
        return whole

    async def _read_positions(self, elements: Iterable[str]) -> None:
        """What another process took before this one is read here all the same, for the listener."""
        found = dict.fromkeys(elements, NOTHING_KNOWN) | await self._catalog.positions()
        own = {element_id: position for element_id, position in self._positions.items() if position >= 0}
        self._positions = {
            element_id: min(position, own.get(element_id, position)) for element_id, position in found.items()
        }
        self._read_positions_at = time.monotonic()

    def _positions_are_old(self) -> bool:
        return time.monotonic() - self._read_positions_at > _LOOK_AGAIN_SECONDS

    async def _take(self, element_id: str, entries: Sequence[Entry]) -> bool:
        before = self._positions[element_id]
        advance = await self._catalog.take_events(element_id, entries)
        if entries[0].lsn == before + 1 and not advance.gap:
            self._listener.changed(
                entry.event.file_id for entry in entries if entry.event and entry.event.file_id
            )
        else:
            self._listener.clear()
        # Where another process is ahead, what it took is still to be read here, for the listener.
        position = advance.position if advance.gap else min(advance.position, entries[-1].lsn)
        _observe_delays(entry for entry in entries if before < entry.lsn <= position)
        self._move(element_id, position, source="events")
        if advance.gap and before >= 0 and element_id not in self._fruitless:
            _log.info("gap in the events", element_id=element_id, position=before, next_seen=entries[0].lsn)
        return not advance.gap

    def _judge(self, element: ElementAnnouncement, whole: bool | None, group: asyncio.TaskGroup) -> None:
        """Ask the element's listing where it must be. ``whole`` is None where its stream had nothing."""
        element_id, position = element.element_id, self._positions[element.element_id]
        metrics.CATALOG_LAG.labels(element_id).set(max(0, element.last_lsn - position))
        foreign = self._lookout.has_another_history(element, position)
        behind = self._lookout.is_behind(element, position, news=whole is True, now=time.monotonic())
        if whole is False or behind or foreign:
            attempt = group.create_task(self._attempt(element, anew=foreign), name=f"list {element_id}")
            self._attempts[element_id] = attempt
            attempt.add_done_callback(lambda _: self._attempts.pop(element_id, None))

    async def _attempt(self, element: ElementAnnouncement, *, anew: bool) -> None:
        """Ask the element's listing, once; after a fruitless attempt, hold the next one back for a while."""
        element_id = element.element_id
        before = self._positions[element_id]
        try:
            if anew:
                await self._begin_anew(element)
            await self._take_listing(element)
        except (ListingUnavailable, DatabaseDown) as error:
            if element_id not in self._fruitless:
                _log.warning("cannot catch up", element_id=element_id, position=before, reason=str(error))
        if self._positions[element_id] != before:
            self._fruitless.pop(element_id, None)
            return
        tries = self._fruitless[element_id] = self._fruitless.get(element_id, 0) + 1
        pause = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(tries, 10))
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _take_listing(self, element: ElementAnnouncement) -> None:
        async def fetch(since: int, cursor: str | None) -> ElementDocumentPage:
            return await self._listing.page(element.url, since=since, cursor=cursor)

        since = self._positions[element.element_id]
        try:
            position = await catch_up(self._catalog, element.element_id, since, fetch)
        finally:
            self._listener.clear()
        self._move(element.element_id, position, source="listing")
        _log.info("caught up", element_id=element.element_id, since=since, position=position)

    async def _begin_anew(self, element: ElementAnnouncement) -> None:
        _log.warning(
            "an element has another history",
            element_id=element.element_id,
            position=self._positions[element.element_id],
            last_lsn=element.last_lsn,
        )
        self._positions[element.element_id] = await self._catalog.forget(element.element_id)
        self._listener.clear()

    def _move(self, element_id: str, position: int, *, source: str) -> None:
        moved = position - self._positions[element_id]
        self._positions[element_id] = position
        metrics.CATALOG_CHANGES.labels(source).inc(max(0, moved))

    def _tell_away(self, what: str | None) -> None:
        """Log the change, not every try."""
        if what != self._away:
            if what is not None:
                _log.warning("the catalog cannot follow the events", reason=what)
            else:
                _log.info("the catalog follows the events again")
            self._away = what


def _observe_delays(taken: Iterable[Entry]) -> None:
    now = datetime.now(UTC)
    for entry in taken:
        if entry.event is not None and entry.event.durable_at is not None:
            metrics.CATALOG_DELAY.observe(max(0.0, (now - entry.event.durable_at).total_seconds()))
