"""Long-running tasks: started again when they fail, done when they return, gone when they are stopped."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from artstore.kernel.background import Background


def restarts(task: str) -> float:
    return REGISTRY.get_sample_value("artstore_background_restarts_total", {"task": task}) or 0.0


class TestBackground:
    async def test_failure_starts_it_again(self) -> None:
        background = Background(first_pause=0.001)
        third = asyncio.Event()
        runs = 0

        async def work() -> None:
            nonlocal runs
            runs += 1
            if runs < 3:
                raise OSError("again")
            third.set()
            await asyncio.Event().wait()

        before = restarts("fails")
        background.start("fails", work)
        await third.wait()
        await background.stop()
        assert restarts("fails") == before + 2

    async def test_return_is_the_end(self) -> None:
        background = Background(first_pause=0.001)
        done = asyncio.Event()

        async def work() -> None:
            done.set()

        background.start("once", work)
        await done.wait()
        await asyncio.sleep(0)
        done.clear()
        background.start("once", work)
        await done.wait()
        await background.stop()

    async def test_stop_waits_for_the_end(self) -> None:
        background = Background()
        began = asyncio.Event()
        ended = False

        async def work() -> None:
            nonlocal ended
            try:
                began.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended = True

        background.start("works", work)
        await began.wait()
        await background.stop()
        assert ended
        await background.stop()

    async def test_stop_is_the_end_of_one_that_fails_on_its_way_out(self) -> None:
        """As a task does that wants to say goodbye to a database that is away."""
        background = Background(first_pause=0.001)
        working = asyncio.Event()
        runs = 0

        async def work() -> None:
            nonlocal runs
            runs += 1
            working.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("the database is away")

        background.start("says goodbye", work)
        await working.wait()
        async with asyncio.timeout(20):
            await background.stop()
        assert runs == 1

    async def test_name_is_taken_while_it_runs(self) -> None:
        background = Background()
        background.start("twice", asyncio.Event().wait)
        with pytest.raises(ValueError, match="twice"):
            background.start("twice", asyncio.Event().wait)
        await background.stop()
