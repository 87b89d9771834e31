"""The work of a rebuild, in whichever process of the service takes it up."""

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID, uuid4

from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.catching_up import ListingUnavailable, catch_up
from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.rebuild.repository import NextCatalogRepository, NotTheBuilder, RebuildRepository
from artstore.wire.documents import ElementDocumentPage
from artstore.wire.elements import ElementHealth

LOOK_EVERY_SECONDS = 5.0
_BEAT_EVERY_SECONDS = 1.0
_ELEMENTS_AT_ONCE = 4
CONNECTIONS = _ELEMENTS_AT_ONCE + 3
"""To PostgreSQL: for each element, for the change of places, for saying that it lives, and for who asks."""
_ATTEMPTS = 6
"""To list one element."""
_FIRST_PAUSE_SECONDS = 0.2
_ROWS_AT_ONCE = 2000
_ELEMENT_SECONDS = 60.0
"""How long one element may take to tell what changed since it was listed."""
_LAST_CHANGES_SECONDS = 5.0
"""The same while the followers are held off."""
_HOLD_SECONDS = 60.0
"""How long the followers may be held off."""
_SWAPS = 20
_log = get_logger(__name__)


@dataclass
class _Progress:
    """What the row tells of the attempt that is under way."""

    documents: int = 0
    expected: int = 0
    kept: set[str] = field(default_factory=set)
    waits_for: str | None = None

    def columns(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "expected": self.expected,
            "kept": sorted(self.kept),
            "waits_for": self.waits_for,
        }


class Rebuilder:
    """Does what was asked for, here or in another process. ``run`` never returns.

    ``database`` has `CONNECTIONS` for this alone: while the followers are held off, they wait with theirs.
    """

    def __init__(self, database: Database, listing: ElementListing, directory: ElementDirectory) -> None:
        self._database = database
        self._repository = RebuildRepository()
        self._listing = listing
        self._directory = directory
        self._asked = asyncio.Event()

    async def ask(self) -> None:
        """Ask for a rebuild; while one is under way this changes nothing. Raises DatabaseDown."""
        async with self._database.write() as db:
            await self._repository.ask(db)
        self._asked.set()

    async def run(self) -> NoReturn:
        while True:
            self._asked.clear()
            with suppress(DatabaseDown):  # told by others; what was asked for is not forgotten
                if await self._claimed(builder := uuid4()):
                    await self._attempt(builder)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS * random.uniform(0.5, 1.0)):
                    await self._asked.wait()

    async def _claimed(self, builder: UUID) -> bool:
        async with self._database.read() as db:
            last = await self._repository.last(db)
        if last is None or last.finished_at is not None:
            return False
        async with self._database.write() as db:
            claimed = await self._repository.claim(db, builder)
            if claimed:
                await self._repository.prepare(db)
        return claimed

    async def _attempt(self, builder: UUID) -> None:
        """From nothing to the end. Where it fails, somebody begins anew a few seconds later."""
        _log.warning("the catalog is being rebuilt")
        try:
            await _Attempt(self._database, self._listing, self._directory, builder).run()
        except NotTheBuilder:
            _log.warning("another process has taken the rebuild of the catalog up")
        except Exception as error:
            reason = error.reason if isinstance(error, DatabaseDown) else type(error).__name__
            _log.warning("a rebuild of the catalog begins anew", reason=reason)
            async with self._database.write() as db:
                await self._repository.give_back(db, builder, f"it failed, and begins anew: {reason}")
            if not isinstance(error, DatabaseDown):
                raise


class _Attempt:
    """One builder's work. Everything raises NotTheBuilder and DatabaseDown."""

    def __init__(
        self, database: Database, listing: ElementListing, directory: ElementDirectory, builder: UUID
    ) -> None:
        self._database = database
        self._listing = listing
        self._directory = directory
        self._builder = builder
        self._repository = RebuildRepository()
        self._next = Catalog(database, NextCatalogRepository(builder))
        self._progress = _Progress()
        self._places = asyncio.Semaphore(_ELEMENTS_AT_ONCE)

    async def run(self) -> None:
        work = asyncio.create_task(self._work(), name="rebuild")
        beat = asyncio.create_task(self._beat(), name="rebuild is alive")
        try:
            done, _ = await asyncio.wait((work, beat), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)

    async def _beat(self) -> NoReturn:
        while True:
            async with self._database.write() as db:
                await self._repository.beat(db, self._builder, **self._progress.columns())
            await asyncio.sleep(_BEAT_EVERY_SECONDS)

    async def _work(self) -> None:
        announced = {element.element_id: element.documents for element in self._directory.elements()}
        async with self._database.read() as db:
            known = await CatalogRepository().positions(db)
        self._progress.expected = sum(announced.values())
        await _all(self._fill(element_id) for element_id in sorted(known.keys() | announced.keys()))
        self._progress.waits_for = None
        async with self._database.write() as db:
            await self._repository.make_indexes(db, self._builder)
        await self._swap()
        _log.warning("the catalog was rebuilt", **self._progress.columns())

    async def _fill(self, element_id: str) -> None:
        """All that an element has, by its listing; where it cannot be asked, what the catalog had of it."""
        for attempt in range(_ATTEMPTS):
            try:
                await self._list(element_id)
            except ListingUnavailable as error:
                self._progress.waits_for = f"{element_id}: {error}"
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.0))
            else:
                return
        self._progress.kept.add(element_id)
        await self._copy_ahead(element_id)

    async def _copy_ahead(self, element_id: str) -> None:
        after: UUID | None = None
        while True:
            async with self._database.write() as db:
                after = await self._repository.copy_ahead(db, self._builder, element_id, after, _ROWS_AT_ONCE)
            if after is None:
                return

    async def _list(self, element_id: str) -> None:
        """What an element has that is not beside yet. Raises ListingUnavailable, also where it is silent."""
        element = self._directory.get(element_id)
        if element is None or element.health is ElementHealth.AWAY:
            raise ListingUnavailable("it does not announce itself")
        url = element.url

        async def fetch(since: int, cursor: str | None) -> ElementDocumentPage:
            page = await self._listing.page(url, since=since, cursor=cursor)
            self._progress.documents += len(page.items)
            return page

        async with self._places:
            since = (await self._next.positions()).get(element_id, NOTHING_KNOWN)
            await catch_up(self._next, element_id, since, fetch)

    async def _swap(self) -> None:
        """Catch up, then hold the followers off, take what came meanwhile, and change places."""
        for attempt in range(1, _SWAPS + 1):
            await self._catch_up(_ELEMENT_SECONDS)
            try:
                async with asyncio.timeout(_HOLD_SECONDS), self._database.write() as db:
                    positions = await self._repository.hold_followers(db, self._builder)
                    await self._catch_up(_LAST_CHANGES_SECONDS)
                    await self._repository.take_over(db, await self._to_take_over(positions))
                    await self._repository.take_place(db, **self._progress.columns())
            except (DatabaseDown, TimeoutError) as error:
                if attempt == _SWAPS:
                    raise DatabaseDown("the catalog was too busy to be changed") from error
                self._progress.waits_for = "searches that are under way"
                await asyncio.sleep(random.uniform(0.5, 1.5))
            else:
                return

    async def _catch_up(self, seconds: float) -> None:
        """What changed since, of all elements that can be asked, each for so long at most."""
        await _all(
            self._list_rest(element_id, seconds)
            for element_id in await self._next.positions()
            if element_id not in self._progress.kept
        )

    async def _list_rest(self, element_id: str, seconds: float) -> None:
        with suppress(ListingUnavailable, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._list(element_id)

    async def _to_take_over(self, positions: Mapping[str, int]) -> list[str]:
        """Elements of which the catalog knows more than what is beside: it would be lost, or seen less.

        They came while this was under way, or could not be asked.
        """
        beside = await self._next.positions()
        silent = {
            element_id for element_id, position in beside.items() if position < positions.get(element_id, -1)
        }
        self._progress.kept |= silent
        return [
            element_id
            for element_id in positions
            if element_id not in beside or element_id in self._progress.kept
        ]


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Everything at once; where one raises, the others end before it is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
