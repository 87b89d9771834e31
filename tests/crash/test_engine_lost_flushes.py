"""A power cut: whatever was not flushed may be gone, and every promise is kept all the same."""

import copy
import random
from pathlib import Path

import pytest

from artstore.engine import FindingKind
from tests.crash.forgetful import Disk, build, environment
from tests.crash.promises import Promises
from tests.crash.test_engine_killed import lines_of, working

CUTS = 4
DISKS_FOR_EACH = 3


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("forgetful"))


async def work_until_cut(library: Path, folder: Path, seed: int, drop: str = "") -> tuple[Promises, Disk]:
    """A process works for a while, then the power goes: what it was promised, and what it did to its files."""
    root, trace = folder / "element", folder / "trace"
    variables = environment(library, root, trace, drop)
    promises = Promises()
    last_line = random.Random(seed).randrange(50, 800)
    async with working(root, seed, **variables) as process:
        async for line in lines_of(process):
            promises.hear(line)
            if promises.lines == last_line:
                process.kill()
    assert promises.lines >= last_line
    return promises, Disk(root).follow(trace)


@pytest.mark.parametrize("seed", range(CUTS))
async def test_nothing_that_was_not_flushed_survives(library: Path, tmp_path: Path, seed: int) -> None:
    promises, disk = await work_until_cut(library, tmp_path, seed)

    disk.strict(tmp_path / "disk")

    await promises.check(tmp_path / "disk")


@pytest.mark.parametrize("seed", range(CUTS))
async def test_some_of_it_survives(library: Path, tmp_path: Path, seed: int) -> None:
    promises, disk = await work_until_cut(library, tmp_path, seed)

    for number in range(DISKS_FOR_EACH):
        root = tmp_path / f"disk {number}"
        disk.random(root, seed * 100 + number)
        await copy.deepcopy(promises).check(root, allowed=frozenset({FindingKind.TORN_TAIL}))


@pytest.mark.parametrize("forgotten", ["/wal/.tmp-segment", "/wal", "/staging", "/files"])
async def test_a_forgotten_flush_would_be_noticed(library: Path, tmp_path: Path, forgotten: str) -> None:
    """Each of the flushes is needed: without those of one place, promises are broken, mostly at once.

    Whether the cut meets a document that the flush was for is chance, so it is tried until it does.
    """
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        promises, disk = await work_until_cut(library, folder, seed, drop=forgotten)
        disk.strict(folder / "disk")
        try:
            await promises.check(folder / "disk")
        except Exception:  # noqa: BLE001 - however it shows; a failed assertion is one, too
            return
    pytest.fail("nobody noticed that the flushes were forgotten")
