"""An element that was killed before its files showed any of its documents: how long until it serves them again.

Figure: 100,000 records in less than 30 s. Beside cat, which reads the same bytes.
"""

import asyncio
import multiprocessing
import os
import subprocess
import tempfile
import time
from pathlib import Path

from artstore.engine import Draft, Engine, EngineOptions, Mode

RECORDS = 100_000
CLIENTS = 50
CONTENT = os.urandom(1024)


def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="artstore-bench-") as folder:
        root = Path(folder) / "element"
        # Ends without closing anything, as if it were killed.
        storing = multiprocessing.get_context("spawn").Process(target=_store_and_die, args=(root,))
        storing.start()
        storing.join()
        segments = sorted((root / "wal").glob("*.log"))
        size = sum(segment.stat().st_size for segment in segments)
        print(f"{RECORDS} records, {size >> 20} MiB of log")
        reference = min(_read(segments) for _ in range(3))
        print(f"cat (reference)                {reference:8.2f} s")
        asyncio.run(_recover(root, reference))


def _read(segments: list[Path]) -> float:
    started = time.perf_counter()
    subprocess.run(["cat", *map(str, segments)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


async def _recover(root: Path, reference: float) -> None:
    started = time.perf_counter()
    engine = await Engine.open(root, _options(follow_seconds=0.05))
    opened = time.perf_counter() - started
    try:
        assert engine.recovery.unfollowed == RECORDS, engine.recovery
        print(f"opened: all can be read        {opened:8.2f} s  {opened / reference:6.1f} times cat")
        await engine.filed(engine.last_lsn)
        filed = time.perf_counter() - started
        print(f"all are below files/           {filed:8.2f} s  {filed / reference:6.1f} times cat")
    finally:
        await engine.close()


def _store_and_die(root: Path) -> None:
    asyncio.run(_store(root))
    os._exit(0)


async def _store(root: Path) -> None:
    engine = await Engine.open(root, _options(follow_seconds=3600.0))
    draft = Draft(original_filename="small.bin", created_by_id="0", created_by_username="bench")

    async def client() -> None:
        for _ in range(RECORDS // CLIENTS):
            upload = engine.begin(expected_bytes=len(CONTENT))
            await upload.write(CONTENT)
            await upload.commit(draft)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _options(follow_seconds: float) -> EngineOptions:
    return EngineOptions(
        element_id="bench", mode=Mode.EDIT, max_backlog_bytes=8 << 30, follow_seconds=follow_seconds
    )
