"""The engine alone: durable commits of small documents beside bare loops that do the least, in one run.

    python benchmarks/engine_bench.py [--seconds 3] [--root DIR]

Each figure stands beside a bare append + fdatasync loop measured right before it, because disks differ, and
the same disk differs from minute to minute. "behind" is what the files follower had not made when the time
was over; "settled" counts until it had made everything.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from artstore.engine import Draft, Engine, EngineOptions, Mode

DOCUMENT = os.urandom(16 * 1024)
SIDECAR = os.urandom(700)


def bare_append(root: Path, seconds: float, batch: int) -> float:
    """Documents a second of appending ``batch`` documents and flushing once, into a growing file."""
    path = root / "bare"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    count = 0
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        os.writev(descriptor, [DOCUMENT, SIDECAR] * batch)
        os.fdatasync(descriptor)
        count += batch
    os.close(descriptor)
    path.unlink()
    return count / passed


async def engine_commits(root: Path, seconds: float, clients: int) -> str:
    options = EngineOptions(element_id="bench", mode=Mode.EDIT, max_backlog_bytes=8 << 30)
    engine = await Engine.open(root / "element", options)
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds
    draft = Draft(original_filename="a document.bin", created_by_id="0", created_by_username="bench")

    async def client() -> None:
        while time.perf_counter() < end:
            begun = time.perf_counter()
            upload = engine.begin(expected_bytes=len(DOCUMENT))
            await upload.write(DOCUMENT)
            await upload.commit(draft)
            latencies.append(time.perf_counter() - begun)

    cpu = time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    passed = time.perf_counter() - started
    cpu = time.process_time() - cpu
    status = engine.status()
    behind = status.followers["files"].lag
    await engine.close()
    settled = time.perf_counter() - started
    shutil.rmtree(root / "element")
    count = len(latencies)
    p50, p99 = (statistics.quantiles(latencies, n=100)[at] * 1000 for at in (49, 98))
    return (
        f"{count / passed:7.0f}/s  p50 {p50:5.2f} ms  p99 {p99:6.2f} ms"
        f"  flushes {status.flushes / count:.3f}  cpu {cpu / count * 1e6:4.0f} us"
        f"  behind {behind:6d}  settled {count / settled:6.0f}/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument(
        "--root", type=Path, help="a folder on the disk to measure; default: the temporary one"
    )
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="engine-bench-", dir=arguments.root))
    try:
        for clients in (1, 32):
            bare = bare_append(root, min(arguments.seconds, 3.0), clients)
            print(f"{clients:2d} at once  bare append + fdatasync {bare:7.0f}/s")
            print(f"            engine {asyncio.run(engine_commits(root, arguments.seconds, clients))}")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
