"""Limits counted in a real Redis by several limiters, as several processes have them, and without it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge
from redis.asyncio import Redis

from artstore.kernel import logging as our_logging
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.limits import Limiter, Standing
from artstore.kernel.limits import metrics as told
from artstore.kernel.limits.windows import WINDOW_SECONDS
from artstore.launcher.redis import EmbeddedRedis
from tests.support.system import eventually

PATIENT = 60.0
"""Seconds: a busy machine is no Redis that is away."""
SERVICE = "tested"


@asynccontextmanager
async def limiter(server: EmbeddedRedis, seconds: float = PATIENT) -> AsyncIterator[Limiter]:
    made = Limiter(SERVICE, server.url, seconds=seconds)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def logged(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[[], list[dict[str, Any]]]:
    our_logging.configure("test", "debug")
    return lambda: [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]


def local() -> float:
    return value(told.LOCAL)


def local_decisions() -> float:
    return value(told.LOCAL_DECISIONS)


def value(metric: Counter | Gauge) -> float:
    (family,) = metric.collect()
    return next(
        one.value
        for one in family.samples
        if one.labels == {"service": SERVICE} and not one.name.endswith("_created")
    )


def allowed(standings: list[Standing]) -> int:
    return sum(standing.allowed for standing in standings)


class TestTogether:
    async def test_two_allow_as_many_as_one(self, server: EmbeddedRedis) -> None:
        async with limiter(server) as one, limiter(server) as other:
            asked = [either.take("key", 50) for _ in range(60) for either in (one, other)]
            standings = await asyncio.gather(*asked)
        assert allowed(standings) == 50
        told_remaining = sorted(standing.remaining for standing in standings if standing.allowed)
        assert told_remaining == list(range(50))

    async def test_keys_and_services_are_counted_apart(self, server: EmbeddedRedis) -> None:
        other = Limiter("another", server.url, seconds=PATIENT)
        async with limiter(server) as one:
            for taken in (one.take("a", 1), one.take("b", 1), other.take("a", 1)):
                assert (await taken).allowed
            assert not (await one.take("a", 1)).allowed
        await other.close()

    async def test_what_redis_refuses_is_not_held_against_this_process(self, server: EmbeddedRedis) -> None:
        async with limiter(server) as one, limiter(server) as other:
            assert (await one.take("key", 1)).allowed
            for _ in range(3):
                assert not (await other.take("key", 1)).allowed
            # A higher limit: only one was ever allowed.
            assert (await other.take("key", 2)).remaining == 0

    async def test_looking_counts_nothing(self, server: EmbeddedRedis) -> None:
        async with limiter(server) as one, limiter(server) as other:
            for _ in range(3):
                assert (await one.look("key", 1)).allowed
            assert (await one.take("key", 1)).allowed
            assert not (await other.look("key", 1)).allowed

    async def test_seconds_that_are_over_leave(self, server: EmbeddedRedis, redis: Redis) -> None:
        now, _ = await redis.time()
        name = f"artstore:limits:{SERVICE}:key"
        counts = {now - WINDOW_SECONDS - 1: 7, now - WINDOW_SECONDS // 2: 2, now + 10 * WINDOW_SECONDS: 9}
        await redis.hset(name, mapping={str(second): count for second, count in counts.items()})
        async with limiter(server) as one:
            standing = await one.take("key", 4)
            assert standing.allowed
            assert standing.remaining == 1
            assert (await one.take("key", 4)).allowed
            refused = await one.take("key", 4)
        assert not refused.allowed
        passed = (await redis.time())[0] - now
        for told_seconds in (standing.reset_seconds, refused.reset_seconds):
            assert WINDOW_SECONDS // 2 - passed <= told_seconds <= WINDOW_SECONDS // 2 + 2
        assert sorted(int(field) for field in await redis.hkeys(name))[0] > now - WINDOW_SECONDS
        assert 0 < await redis.ttl(name) <= WINDOW_SECONDS + 1

    async def test_lowered_limit_waits_for_as_many_as_needed(
        self, server: EmbeddedRedis, redis: Redis
    ) -> None:
        now, _ = await redis.time()
        counts = {now - 50: 1, now - 40: 1, now - 20: 1}
        await redis.hset(
            f"artstore:limits:{SERVICE}:key", mapping={str(at): count for at, count in counts.items()}
        )
        async with limiter(server) as one:
            refused = await one.take("key", 1)
        assert not refused.allowed
        passed = (await redis.time())[0] - now
        assert 40 - passed <= refused.reset_seconds <= 42, "all three must be over"


class TestWithoutRedis:
    async def test_killed_one_is_a_local_limit_until_it_is_back(
        self, server: EmbeddedRedis, logged: Callable[[], list[dict[str, Any]]]
    ) -> None:
        async with limiter(server) as one:
            assert allowed([await one.take("key", 10) for _ in range(4)]) == 4
            assert local() == 0
            assert await one.dependency.check() is None
            server.stop()
            before = local_decisions()
            standings = [await one.take("key", 10) for _ in range(30)]
            assert allowed(standings) == 6, "what was counted before is not forgotten"
            assert local() == 1
            assert local_decisions() == before + 6
            with pytest.raises(DependencyDown):
                await one.dependency.check()
            warnings = [line for line in logged() if line["level"] == "warning"]
            assert len(warnings) == 1
            server.start()
            await eventually(lambda: local() == 0, "Redis is not used again")
            assert await one.dependency.check() is None
            assert not (await one.take("key", 10)).allowed, "nor is what was counted without Redis"
            before = local_decisions()
            assert (await one.take("another", 10)).allowed
            assert local_decisions() == before

    async def test_one_that_never_was_there(self, tmp_path: Path) -> None:
        one = Limiter(SERVICE, f"unix://{tmp_path}/nothing.sock", seconds=PATIENT)
        assert allowed([await one.take("key", 2) for _ in range(5)]) == 2
        await one.close()

    async def test_one_that_does_not_answer_costs_a_moment_a_few_times(self, server: EmbeddedRedis) -> None:
        """Were it asked again for each request, the test would run into its time limit."""
        async with limiter(server, seconds=0.2) as one:
            await one.take("key", 10_000)
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                standings = [await one.take("key", 1000) for _ in range(2000)]
                assert allowed(standings) == 999
                assert local() == 1
            finally:
                os.kill(server.process.pid, signal.SIGCONT)
            await eventually(lambda: local() == 0, "Redis is not used again")

    async def test_all_that_ask_while_it_dies_are_answered(self, server: EmbeddedRedis) -> None:
        async with limiter(server, seconds=0.5) as one:
            await one.take("key", 1000)
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGSTOP)
            asked = [asyncio.ensure_future(one.take("key", 1000)) for _ in range(500)]
            await asyncio.sleep(0)
            os.kill(server.process.pid, signal.SIGKILL)
            assert allowed(await asyncio.gather(*asked)) == 500

    async def test_one_that_cannot_write_counts_as_away(self, server: EmbeddedRedis, redis: Redis) -> None:
        """It answers, but with errors: too full, or a replica."""
        async with limiter(server) as one:
            await one.take("key", 1000)
            await redis.config_set("maxmemory-policy", "noeviction")
            await redis.config_set("maxmemory", "1")
            standings = [await one.take("key", 10) for _ in range(20)]
            assert allowed(standings) == 9
            assert local() == 1
            await redis.config_set("maxmemory", "0")
            await eventually(lambda: local() == 0, "Redis is not used again")

    async def test_client_that_goes_away_takes_nobody_with_it(self, server: EmbeddedRedis) -> None:
        async with limiter(server) as one:
            gone = asyncio.ensure_future(one.take("key", 10))
            other = asyncio.ensure_future(one.take("key", 10))
            await asyncio.sleep(0)
            gone.cancel()
            assert (await other).allowed
            assert local() == 0
