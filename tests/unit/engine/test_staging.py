"""What becomes of the bytes of large documents when something is cut short."""

import asyncio
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artstore.engine import FindingKind, staging
from artstore.engine.durable import write_all
from artstore.engine.gathered import GATHER_BYTES
from artstore.engine.staging import StagingFile
from artstore.engine.verify import verify
from tests.support.engines import store
from tests.unit.engine.conftest import OpenElement


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


async def test_bytes_that_a_damaged_record_may_have_named_are_kept(
    open_element: OpenElement, root: Path, damages: None
) -> None:
    """They are all that is left of a document that was acknowledged."""
    engine = await open_element(inline_limit=100, follow_seconds=60.0, close_seconds=0.0)
    await store(engine, b"large" * 100)
    await store(engine, b"small")
    await engine.close()
    (segment,) = [path for path in (root / "wal").glob("*.log") if b"large" not in path.read_bytes()]
    log = bytearray(segment.read_bytes())
    log[log.index(b'"file_id"')] ^= 1
    segment.write_bytes(log)
    (staged,) = (root / "staging").iterdir()

    engine = await open_element()

    assert engine.recovery.loss
    assert list((root / "staging").iterdir()) == []
    assert (root / "quarantine" / f"staging-{staged.name}").read_bytes() == b"large" * 100


@pytest.mark.parametrize("left", ["nothing", "first checkpoint"])
@pytest.mark.parametrize("small", [True, False], ids=["beside files", "alone"])
async def test_bytes_that_a_lost_log_may_have_named_are_kept(
    open_element: OpenElement, root: Path, damages: None, small: bool, left: str
) -> None:
    """All of the log is gone, and the checkpoint, if it is there, does not know how far the log went."""
    await (await open_element()).close()
    first = (root / "wal/checkpoint.json").read_bytes()
    engine = await open_element(inline_limit=100)
    if small:
        await store(engine, b"small")
    await engine.close()
    engine = await open_element(inline_limit=100, follow_seconds=60.0, close_seconds=0.0)
    await store(engine, b"large" * 100)
    await engine.close()
    (staged,) = (root / "staging").iterdir()
    shutil.rmtree(root / "wal")
    if left == "first checkpoint":
        (root / "wal").mkdir()
        (root / "wal/checkpoint.json").write_bytes(first)
    told = {(each.code, each.path) for each in verify(root).findings if each.code != "W011"}
    assert told == {("O008", f"staging/{staged.name}")}

    engine = await open_element()

    assert FindingKind.SHORT_LOG in {finding.kind for finding in engine.recovery.findings}
    assert list((root / "staging").iterdir()) == []
    assert (root / "quarantine" / f"staging-{staged.name}").read_bytes() == b"large" * 100


async def test_bytes_that_a_damaged_record_may_have_named_are_not_told_as_nobodys(
    open_element: OpenElement, root: Path, damages: None
) -> None:
    engine = await open_element(inline_limit=100, follow_seconds=60.0, close_seconds=0.0)
    await store(engine, b"large" * 100)
    await store(engine, b"small")
    await engine.close()
    (segment,) = [path for path in (root / "wal").glob("*.log") if b"large" not in path.read_bytes()]
    log = bytearray(segment.read_bytes())
    log[log.index(b'"file_id"')] ^= 1
    segment.write_bytes(log)
    assert {each.code for each in verify(root).findings} == {"W001", "O008"}
