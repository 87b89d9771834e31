"""A random walk: an element changes while a catalog is told of it in every wrong order."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from hypothesis import strategies as st

from artstore.query.catalog.catching_up import ListingUnavailable, TakesPages, catch_up
from artstore.query.catalog.changes import NOTHING_KNOWN, Advance, Entry
from artstore.wire.documents import ElementDocumentPage
from artstore.wire.events import EventKind
from tests.support.element_model import ModelElement

IDS = [UUID(int=n) for n in range(1, 6)]
KINDS = st.sampled_from([EventKind.PUT, EventKind.PUT, EventKind.UPDATE, EventKind.DELETE, EventKind.MODE])
_STEPS = st.sampled_from(["change", "change", "events", "stream", "listing", "rebuild", "cut"])


class FollowingCatalog(TakesPages, Protocol):
    """What a follower needs of the catalog: see ``Catalog``."""

    async def positions(self) -> dict[str, int]: ...

    async def take_events(self, element_id: str, entries: Sequence[Entry]) -> Advance: ...


class CutShort(Exception):
    """A listing that was not finished."""


class Walk:
    """Events duplicated, reordered, lost and trimmed; the index rebuilt; listings cut short, with all of these
    between their pages, as by a second process that does the same.
    """

    def __init__(self, data: st.DataObject, element: ModelElement, catalog: FollowingCatalog) -> None:
        self._draw = data.draw
        self._element = element
        self._catalog = catalog

    async def go(self, most_steps: int) -> None:
        for _ in range(self._draw(st.integers(0, most_steps))):
            await self._something_happens(0)

    async def position(self) -> int:
        return (await self._catalog.positions()).get(self._element.element_id, NOTHING_KNOWN)

    async def list_all(self, limit: int, between: Callable[[], Awaitable[None]] | None = None) -> None:
        async def fetch(since: int, cursor: str | None) -> ElementDocumentPage:
            if cursor is not None and between is not None:
                await between()
            return self._element.page(since, cursor, limit)

        await catch_up(self._catalog, self._element.element_id, await self.position(), fetch)

    async def _something_happens(self, depth: int) -> None:
        element = self._element
        match self._draw(_STEPS):
            case "change":
                element.change(self._draw(KINDS), self._draw(st.sampled_from(IDS)))
            case "events" if element.last_lsn:
                lsns = self._draw(st.lists(st.integers(1, element.last_lsn), max_size=8))
                await self._catalog.take_events(element.element_id, element.entries(lsns))
            case "stream":
                await self._read_stream(trimmed=self._draw(st.integers(0, element.last_lsn)))
            case "rebuild":
                element.rebuild_index(self._draw(st.integers(element.deletions_since, element.last_lsn)))
            case "listing" if depth < 2:
                with suppress(CutShort, ListingUnavailable):
                    limit = self._draw(st.integers(1, 3))
                    await self.list_all(limit, lambda: self._something_happens(depth + 1))
            case "cut" if depth:
                raise CutShort

    async def _read_stream(self, *, trimmed: int) -> None:
        element = self._element
        begin = max(0, await self.position(), trimmed)
        left = element.entries(range(begin + 1, element.last_lsn + 1))
        advance = await self._catalog.take_events(element.element_id, left)
        assert advance.gap == (bool(left) and advance.position < element.last_lsn)
