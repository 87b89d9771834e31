"""How slowly a client may send, in a time that passes only where a test lets it."""

import asyncio
import selectors
from collections.abc import Iterator, Sequence

import pytest

from artstore.ingester.uploads.pace import Pace, PaceLimits
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

LIMITS = PaceLimits(silence_seconds=20, bytes_per_second=100, slow_seconds=30)


class Hurry(selectors.SelectSelector):
    """Does not wait, but says how long it would have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waited += timeout or 0.0
        return super().select(0)


class QuickLoop(asyncio.SelectorEventLoop):
    """Its time jumps to where the next timer ends."""

    def __init__(self) -> None:
        self._hurry = Hurry()
        super().__init__(self._hurry)

    def time(self) -> float:
        return self._hurry.waited


@pytest.fixture
def loop() -> Iterator[QuickLoop]:
    loop = QuickLoop()
    yield loop
    loop.close()


async def _arrive(size: int, after: float) -> bytes:
    await asyncio.sleep(after)
    return bytes(size)


def waited(loop: QuickLoop, limits: PaceLimits, pieces: Sequence[tuple[float, int]]) -> float | None:
    """When the client is cut off; None where it is not. Each piece comes some seconds after the last."""
    pace = Pace(limits)

    async def read() -> None:
        for after, size in pieces:
            await pace.wait(_arrive(size, after))

    try:
        loop.run_until_complete(read())
    except Problem as problem:
        return loop.time() if problem.kind is ProblemType.REQUEST_TIMEOUT else -1
    return None


def test_the_rate_is_kept(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(1, 100)] * 1000) is None


def test_a_byte_now_and_then(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(1, 1)] * 1000) == pytest.approx(30, abs=1)


def test_half_of_the_rate_is_borne_for_twice_as_long(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(1, 50)] * 1000) == pytest.approx(60, abs=2)


def test_silence(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(0, 1 << 30), (21, 1)]) == 20


def test_a_line_that_was_dead_for_a_while_goes_on(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(1, 100_000), (19, 1), (1, 100_000), (19, 1), (1, 100_000)]) is None


def test_nobody_can_pay_ahead(loop: QuickLoop) -> None:
    assert waited(loop, LIMITS, [(0, 1 << 30)] + [(1, 1)] * 1000) == pytest.approx(30, abs=1)


def test_pieces_that_wait_for_us_are_not_late(loop: QuickLoop) -> None:
    pace = Pace(LIMITS)

    async def read_slowly() -> None:
        for _ in range(100):
            await asyncio.sleep(10)
            await pace.wait(_arrive(1, 0))

    loop.run_until_complete(read_slowly())


def test_without_a_rate_only_silence_counts(loop: QuickLoop) -> None:
    limits = PaceLimits(silence_seconds=20)
    assert waited(loop, limits, [(19, 1)] * 100) is None
    assert waited(loop, limits, [(21, 1)]) is not None
