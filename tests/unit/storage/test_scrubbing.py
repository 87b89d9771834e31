"""What the service does with a scrub when nobody asks: nothing, going on, trying again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from artstore.engine import Engine
from artstore.storage.scrub.schedule import Schedule
from artstore.storage.scrub.scrubbing import Scrubbing
from tests.support.engines import options_of, store
from tests.support.system import eventually

SIZE = 64 * 1024


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = await Engine.open(tmp_path / "element", options_of(inline_limit=100))
    for number in range(8):
        await store(engine, bytes(SIZE), f"{number}.txt")
    await engine.filed(engine.last_lsn)
    yield engine
    await engine.close()


@asynccontextmanager
async def at_work(
    engine: Engine,
    *,
    enabled: bool = True,
    days: float = 30,
    bytes_per_second: int = 1 << 30,
    note_seconds: float = 5.0,
) -> AsyncIterator[Scrubbing]:
    schedule = Schedule(enabled, timedelta(days=days), bytes_per_second)
    scrub = engine.scrub(bytes_per_second=bytes_per_second, note_seconds=note_seconds)
    scrubbing = Scrubbing(engine, scrub, schedule, first_pause=0.05)
    running = asyncio.create_task(scrubbing.run())
    try:
        yield scrubbing
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await scrub.stop()


async def passes(scrubbing: Scrubbing, number: int) -> None:
    def through() -> bool:
        last = scrubbing.scrub.last_result()
        return last is not None and last.number >= number

    await eventually(through, f"pass {number} does not end")


async def interrupted(engine: Engine) -> None:
    """A pass was begun, has read something, and is not complete."""
    async with at_work(engine, enabled=False, bytes_per_second=SIZE * 3) as scrubbing:
        await scrubbing.request(anew=False)
        await eventually(lambda: scrubbing.scrub.progress().documents > 1, "nothing is read")


async def test_goes_on_with_what_was_interrupted(engine: Engine) -> None:
    await interrupted(engine)
    async with at_work(engine) as scrubbing:
        assert scrubbing.scrub.progress().documents > 0
        await passes(scrubbing, 1)
        result = scrubbing.scrub.last_result()
        assert result is not None
        assert result.documents == 8


async def test_switched_off_it_does_nothing_by_itself(engine: Engine) -> None:
    await interrupted(engine)
    async with at_work(engine, enabled=False, days=1e-9) as scrubbing:
        assert scrubbing.due_at() is None
        for _ in range(20):  # turns of the loop, in which it would have begun
            await asyncio.sleep(0)
        assert not scrubbing.scrub.running
        await scrubbing.request(anew=False)
        await passes(scrubbing, 1)
        await scrubbing.scrub.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not scrubbing.scrub.running


async def test_begins_again_and_again_by_itself(engine: Engine) -> None:
    async with at_work(engine, days=1e-6) as scrubbing:
        await passes(scrubbing, 3)


async def test_a_pause_holds_against_the_schedule(engine: Engine) -> None:
    async with at_work(engine, days=1e-6) as scrubbing:
        await passes(scrubbing, 1)
        await scrubbing.pause()
        assert scrubbing.due_at() is None
        for _ in range(20):
            await asyncio.sleep(0)
        assert not scrubbing.scrub.running
        last = scrubbing.scrub.last_result()
        assert last is not None
        await scrubbing.request(anew=False)
        await passes(scrubbing, last.number + 1)


async def test_what_failed_is_tried_again(engine: Engine, tmp_path: Path) -> None:
    in_the_way = tmp_path / "element" / "scrub"
    in_the_way.write_bytes(b"where the scrub keeps its notes")
    async with at_work(engine, enabled=False, note_seconds=0) as scrubbing:
        await scrubbing.request(anew=False)
        await eventually(lambda: scrubbing.scrub.progress().failed is not None, "it does not fail")
        assert scrubbing.scrub.last_result() is None
        in_the_way.unlink()
        await eventually(in_the_way.is_dir, "it is not tried again")
        await passes(scrubbing, 1)
        assert scrubbing.scrub.progress().failed is None


async def test_who_asks_while_a_pass_just_ends_gets_another_one(engine: Engine) -> None:
    async with at_work(engine, enabled=False) as scrubbing:
        await scrubbing.request(anew=False)
        while scrubbing.scrub.interrupted:  # noqa: ASYNC110 - nobody announces this moment
            await asyncio.sleep(0)
        assert scrubbing.scrub.running, "its thread has still to end"
        await scrubbing.request(anew=False)
        assert scrubbing.scrub.progress().number == 2
        await passes(scrubbing, 2)
