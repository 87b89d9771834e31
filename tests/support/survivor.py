"""An element that is put under load, killed, started again and looked at, over and over."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from artstore.engine.verify import verify
from artstore.launcher.errors import CannotStart
from tests.support.element_stand import ElementStand
from tests.support.inspection import Inspection
from tests.support.load_history import History
from tests.support.mixed_load import MixedLoad, Sizes, small_and_large

LOAD_SECONDS = 90.0
Killer = Callable[["Survivor", MixedLoad], Awaitable[None]]

_numbers = itertools.count(1)


class Survivor:
    """One element with all that it has been through. Whatever fails raises an AssertionError."""

    def __init__(self, stand: ElementStand) -> None:
        self.stand = stand
        self.element = stand.element(f"crash-{next(_numbers)}")
        self.history = History(stand.folder.path / f"{self.element.element_id}.history.jsonl")
        self.inspection = Inspection(stand, self.element, self.history)
        self.token = ""

    async def start(self, failpoints: str = "", *, settings: Mapping[str, str] | None = None) -> None:
        self.token = await self.stand.token()
        self.history.note("start", failpoints=failpoints)
        await self.element.start(failpoints, settings=settings)

    async def dies_at(
        self, failpoints: str, *, sizes: Sizes = small_and_large, settings: Mapping[str, str] | None = None
    ) -> None:
        """Works, armed like this, until it dies of it: under load, or on its way to be ready."""
        try:
            await self.start(failpoints, settings=settings)
        except CannotStart as error:
            if "Unexpected exit from worker" not in str(error):
                raise
        else:
            await self._works_until_dead(sizes)
        self.history.note("dead")

    async def is_killed(self, how: Killer) -> None:
        """Works until ``how`` has killed it."""
        load = self.load()
        async with asyncio.timeout(LOAD_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(load.run())
            await how(self, load)
            load.stop()
        assert not self.element.runs
        self.history.note("killed")

    async def goes_through(self, what: Killer, returns: Callable[[], Awaitable[None]]) -> None:
        """Works while something happens to it; clients whose connection breaks wait for ``returns``."""
        load = self.load(returns=returns)
        load.tolerated.add(503)
        async with asyncio.timeout(LOAD_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(load.run())
            await what(self, load)
            load.stop()

    def lies_whole(self) -> None:
        """As it lies there, dead, a crash may have left it, and nothing worse."""
        report = verify(self.element.root)
        assert not report.damaged, report.findings

    async def is_whole(self, *, everything: bool = False, whole_stream: bool = True) -> None:
        """Now, running: everything that was acknowledged is there, and nothing by halves."""
        await self.inspection.run(self.token, everything=everything, whole_stream=whole_stream)

    async def stops_clean(self) -> None:
        """Stopped in order it breaks no rule at all, and takes the room that it said."""
        await self.element.stop()
        report = verify(self.element.root)
        assert report.clean, report.findings
        assert report.documents == sum(1 for _ in self.history.there())

    def load(
        self, sizes: Sizes = small_and_large, returns: Callable[[], Awaitable[None]] | None = None
    ) -> MixedLoad:
        return MixedLoad(self.element.url, self.token, self.history, sizes=sizes, returns=returns)

    async def _works_until_dead(self, sizes: Sizes) -> None:
        async with asyncio.timeout(LOAD_SECONDS):
            await self.load(sizes).run()
        await self.element.died()


class Survivors:
    """Tests share one element, which so survives them all; one that failed a test is left as it is."""

    def __init__(self, stand: ElementStand) -> None:
        self._stand = stand
        self._current: Survivor | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Survivor]:
        """The element, dead; left dead."""
        survivor, self._current = self._current or Survivor(self._stand), None
        async with kept(survivor):
            yield survivor
            await survivor.element.kill()
        self._current = survivor

    async def finish(self) -> None:
        """Looks at everything once more, and stops it in order."""
        if self._current is not None:
            async with kept(self._current) as survivor:
                await survivor.start()
                await survivor.is_whole(everything=True)
                await survivor.stops_clean()


@asynccontextmanager
async def kept(survivor: Survivor) -> AsyncIterator[Survivor]:
    """Says with a failure where the element and its history lie."""
    try:
        yield survivor
    except BaseException as error:
        await survivor.element.kill()
        error.add_note(f"kept: {survivor.element.root}, {survivor.history.path}, {survivor.element.log}")
        raise
    finally:
        survivor.history.write()
