"""A real element process under a mixed load of 32 clients is killed at every named point of its write path, and
at random moments; so are PostgreSQL and Redis. What was acknowledged is there afterwards, as a client sees it.

A killed process leaves what it wrote and did not flush in the memory of the kernel. So these tests show that
acknowledgement, order of writing, recovery and followers are right; that a flush comes before each answer is
shown by test_element_flushes.

ARTSTORE_CRASH_KILLS says how many random kills there are of each kind. A failure tells where the element, its
log and the history of what was sent and answered lie.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator

import pytest

from artstore.engine import failpoints
from artstore.launcher.errors import CannotStart
from tests.support.element_stand import ElementStand
from tests.support.mixed_load import MixedLoad, large
from tests.support.survivor import Survivor, Survivors, kept

KILLS = int(os.environ.get("ARTSTORE_CRASH_KILLS", "6"))
LOOK_EVERY = 10
"""So often a random kill is followed by reading every byte of the dead element."""
FEW_PASSES = {name: 3 for name in failpoints.NAMES if name.startswith("files.")} | {
    "files.after_document": 60
}
"""Most passes that are let go before the kill; batches of the files follower are few and large."""
AT_START = sorted(name for name in failpoints.NAMES if name.startswith(("recovery.", "segment.")))
AT_A_FULL_SEGMENT = ("segment.before_header", "segment.created", "log.released")
WHILE_STOPPING = sorted(name for name in failpoints.NAMES if name.startswith("close."))
ELSEWHERE = {
    name for name in failpoints.NAMES if name.startswith(("resumable.", "batch.")) or name == "upload.undone"
}
"""See test_resumable_killed, test_batches_killed, and test_engine_killed for an element that compresses."""
WHILE_WORKING = sorted(
    failpoints.NAMES - set(AT_START) - set(AT_A_FULL_SEGMENT) - set(WHILE_STOPPING) - ELSEWHERE
)
INLINE_LIMIT = {"ARTSTORE_STORAGE_INLINE_LIMIT": str(1 << 20)}


@pytest.fixture(scope="session")
def survivors(stand: ElementStand) -> Iterator[Survivors]:
    survivors = Survivors(stand)
    yield survivors
    asyncio.run(survivors.finish())


class TestNamedPoint:
    @pytest.mark.parametrize("name", WHILE_WORKING)
    async def test_while_working(self, survivors: Survivors, name: str) -> None:
        async with survivors.one() as it:
            await it.dies_at(f"{name}=kill@{random.randint(1, FEW_PASSES.get(name, 20))}")
            await survives(it)

    @pytest.mark.parametrize("name", AT_A_FULL_SEGMENT)
    async def test_while_the_log_goes_on_in_a_new_segment(self, survivors: Survivors, name: str) -> None:
        """The first pass is that of the start. Large records fill a segment soon."""
        async with survivors.one() as it:
            await it.dies_at(f"{name}=kill@2", sizes=large, settings=INLINE_LIMIT)
            await survives(it)

    @pytest.mark.parametrize("name", WHILE_STOPPING)
    async def test_while_stopping(self, survivors: Survivors, name: str) -> None:
        async with survivors.one() as it:
            await it.start(f"{name}=kill")
            await it.is_killed(by_a_stop)
            await survives(it)

    async def test_while_starting(self, survivors: Survivors) -> None:
        """One start after the other dies, each in the middle of what the one before left."""
        async with survivors.one() as it:
            await it.dies_at("log.after_flush=kill@30;files.before_flush=sleep:5")
            for name in random.sample(AT_START, len(AT_START)):
                await it.dies_at(f"{name}=kill@1")
                it.lies_whole()
            await survives(it)


@pytest.mark.timeout(120 + 30 * KILLS)
async def test_random_moments(survivors: Survivors) -> None:
    async with survivors.one() as it:
        await it.start()
        for number in range(KILLS):
            await it.is_killed(random.choice([under_load, under_load, its_worker, while_stopping]))
            if random.random() < 0.2:
                await killed_while_starting(it)
            if number % LOOK_EVERY == 0:
                it.lies_whole()
            await it.start()
            await it.is_whole()
        await it.is_whole(everything=True)


async def survives(it: Survivor) -> None:
    it.lies_whole()
    await it.start()
    await it.is_whole()


async def under_load(it: Survivor, load: MixedLoad) -> None:
    await load.acknowledged(random.randint(1, 400))
    await it.element.kill()


async def its_worker(it: Survivor, load: MixedLoad) -> None:
    """As the kernel does it to whoever takes too much memory."""
    await load.acknowledged(random.randint(1, 400))
    await it.element.kill(worker_first=True)


async def while_stopping(it: Survivor, load: MixedLoad) -> None:
    await load.acknowledged(random.randint(1, 400))
    load.tolerated.add(503)
    it.element.begin_to_stop()
    await asyncio.sleep(random.uniform(0, 0.5))
    await it.element.kill()


async def by_a_stop(it: Survivor, load: MixedLoad) -> None:
    """It is armed to die in the middle of it."""
    await load.acknowledged(100)
    load.tolerated.add(503)
    it.element.begin_to_stop()
    await it.element.died()


async def killed_while_starting(it: Survivor) -> None:
    """At any moment of it, also before it began and after it was ready."""
    starting = asyncio.create_task(it.start())
    await asyncio.wait([starting], timeout=random.uniform(0, 3))
    await it.element.kill()
    with contextlib.suppress(CannotStart):
        await starting
        await it.element.kill()  # there was nothing to kill yet


class Accidents:
    """Some of the element, PostgreSQL and Redis die while clients work, and come back in any order."""

    def __init__(self, victims: list[str]) -> None:
        self._victims = victims
        self._element_is_there = asyncio.Event()
        self._element_is_there.set()

    async def happen(self, it: Survivor, load: MixedLoad) -> None:
        await load.acknowledged(random.randint(1, 100))
        for victim in self._victims:
            it.history.note("kill", victim=victim)
            if victim == "element":
                self._element_is_there.clear()
                await it.element.kill()
            else:
                await it.stand.kill(victim)
        if "element" not in self._victims:
            await load.acknowledged(100)  # the element works on without them
        for victim in random.sample(self._victims, len(self._victims)):
            it.history.note("revive", victim=victim)
            if victim == "element":
                await it.element.start()
                self._element_is_there.set()
            else:
                await it.stand.revive(victim)
        await load.acknowledged(100)

    async def are_over(self) -> None:
        """For a client whose connection broke."""
        assert not self._element_is_there.is_set(), "a connection broke, and nobody killed the element"
        await self._element_is_there.wait()


@pytest.mark.timeout(120 + 60 * KILLS)
async def test_random_victims(stand: ElementStand) -> None:
    """The index has everything afterwards. Of the events Redis loses what it had; what is there is right."""
    everybody = ["element", "postgres", "redis"]
    async with kept(Survivor(stand)) as it:
        await it.start()
        await it.is_whole()
        for _ in range(KILLS):
            accidents = Accidents(random.sample(everybody, random.randint(1, len(everybody))))
            await it.goes_through(accidents.happen, accidents.are_over)
            await it.is_whole(whole_stream=False)
        await it.element.kill()
        it.lies_whole()
        await it.start()
        await it.is_whole(everything=True, whole_stream=False)
        await it.stops_clean()
