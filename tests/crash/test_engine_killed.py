"""The engine's process is killed at every named point of the write path, and at random moments."""

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artstore.engine import FindingKind, failpoints
from tests.crash.promises import Promises

CLIENTS = 32
RANDOM_KILLS = int(os.environ.get("ARTSTORE_TEST_KILLS", "20"))
RECOVERY = sorted(name for name in failpoints.NAMES if name.startswith("recovery."))
CLOSING = sorted(name for name in failpoints.NAMES if name.startswith("close."))
"""The process here is killed, and closes nothing: see tests/unit/engine/test_verify_engine."""
TORN = frozenset({FindingKind.TORN_TAIL})
"""A kill in the middle of writing a batch, in whatever thread it strikes; nobody was told of what was in it."""
ELSEWHERE = {name for name in failpoints.NAMES if name.startswith(("resumable.", "batch."))}
"""See test_resumable_killed, test_batches_killed."""
WORKING = sorted(failpoints.NAMES - set(RECOVERY) - set(CLOSING) - ELSEWHERE)


@contextlib.asynccontextmanager
async def working(
    root: Path, seed: int, armed: str = "", **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process under load; killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.engine_child",
        str(root),
        str(seed),
        str(CLIENTS),
        env={**os.environ, failpoints.ENVIRONMENT: armed, **environment},
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def lines_of(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.endswith(b"\n"):
            yield line.decode()


async def run_until_dead(promises: Promises, root: Path, seed: int, armed: str) -> None:
    """Works until the failpoint kills it."""
    async with working(root, seed, armed) as process:
        async with asyncio.timeout(120):
            async for line in lines_of(process):
                promises.hear(line)
        assert await process.wait() == -9, "it ended without being killed"


async def run_and_kill(promises: Promises, root: Path, seed: int, after_lines: int) -> None:
    """Works until so many lines were told, then is killed from outside."""
    async with working(root, seed) as process:
        heard = 0
        async with asyncio.timeout(120):
            async for line in lines_of(process):
                promises.hear(line)
                heard += 1
                if heard == after_lines:
                    process.kill()
        assert heard >= after_lines


class TestNamedPoint:
    @pytest.mark.parametrize("passes", [1, 7])
    @pytest.mark.parametrize("name", WORKING)
    async def test_while_working(self, tmp_path: Path, name: str, passes: int) -> None:
        passes = min(passes, 3) if name.startswith(("segment", "log.released")) else passes
        promises = Promises()

        await run_until_dead(promises, tmp_path / "element", passes, f"{name}=kill@{passes}")
        if (tmp_path / "element" / "element.json").exists():
            await promises.check(tmp_path / "element", TORN)

    @pytest.mark.parametrize("name", RECOVERY)
    async def test_while_recovering(self, tmp_path: Path, name: str) -> None:
        promises = Promises()
        root = tmp_path / "element"
        await run_until_dead(promises, root, 1, "log.before_flush=kill@40;files.before_flush=sleep:0.2")

        for seed in (2, 3):
            await run_until_dead(promises, root, seed, f"{name}=kill@1")

        await promises.check(root, TORN)


async def test_random_moments(tmp_path: Path) -> None:
    """One element survives it all, with what it kept from the kills before."""
    promises = Promises()
    choice = random.Random()
    for seed in range(RANDOM_KILLS):
        await run_and_kill(promises, tmp_path / "element", seed, choice.randrange(1, 600))
        if seed % 10 == 4:
            await promises.check(tmp_path / "element", TORN)
    await promises.check(tmp_path / "element", TORN)
    assert promises.lines > RANDOM_KILLS
