"""A staging file whose caller gives up in the middle."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artstore.engine import staging
from artstore.engine.durable import write_all
from artstore.engine.staging import GATHER_BYTES, StagingFile


@pytest.mark.parametrize("step", ["write", "flush"])
async def test_discard_waits_for_a_thread_whose_caller_was_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A descriptor closed under a thread that writes may be another document's by then."""
    reached, go_on = threading.Event(), threading.Event()
    met: list[int] = []

    def held(descriptor: int) -> None:
        reached.set()
        go_on.wait(30)
        met.append(os.fstat(descriptor).st_size)  # raises where it was closed meanwhile

    def held_write(descriptor: int, data: bytes) -> int:
        held(descriptor)
        return write_all(descriptor, data)

    if step == "write":
        monkeypatch.setattr(staging, "write_all", held_write)
    else:
        monkeypatch.setattr(os, "fdatasync", held)

    async def send(file: StagingFile) -> None:
        await file.write(bytes(GATHER_BYTES))
        await file.finish()

    with ThreadPoolExecutor(2) as threads:
        file = StagingFile(tmp_path, threads)
        sending = asyncio.create_task(send(file))
        await asyncio.to_thread(reached.wait, 30)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        discarding = asyncio.create_task(file.discard())
        done, _ = await asyncio.wait([discarding], timeout=0.2)
        assert not done
        go_on.set()
        await discarding
    assert len(met) == 1
    assert list(tmp_path.iterdir()) == []
