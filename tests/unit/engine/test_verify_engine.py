"""Verification of elements that the engine wrote, while it runs, after it was closed and after it was killed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artstore.engine import Draft, Engine, EngineOptions, Locked, Mode, RecoveryReport
from artstore.engine.failpoints import ENVIRONMENT
from artstore.engine.verify import verify

OPTIONS = EngineOptions(
    element_id="e", mode=Mode.EDIT, keep_free_bytes=0, inline_limit=1000, segment_bytes=1 << 16
)


async def store(engine: Engine, name: str, content: bytes) -> None:
    upload = engine.begin(expected_bytes=len(content))
    await upload.write(content)
    await upload.commit(Draft(original_filename=name, created_by_id="1", created_by_username="u"))


async def test_is_refused_while_a_service_runs(tmp_path: Path) -> None:
    engine = await Engine.open(tmp_path / "root", OPTIONS)
    with pytest.raises(Locked):
        verify(tmp_path / "root")
    await engine.close()
    assert verify(tmp_path / "root").clean


async def test_holds_off_a_service_meanwhile(tmp_path: Path) -> None:
    root = tmp_path / "root"
    engine = await Engine.open(root, OPTIONS)
    await store(engine, "a.txt", b"a")
    await engine.close()
    refused: list[type[Exception]] = []

    def open_meanwhile(_: object) -> None:
        try:
            asyncio.run(Engine.open(root, OPTIONS))
        except Locked:
            refused.append(Locked)

    report = await asyncio.to_thread(lambda: verify(root, progress=open_meanwhile))
    assert report.clean
    assert refused


async def test_everything_that_was_stored_is_counted(tmp_path: Path) -> None:
    engine = await Engine.open(tmp_path / "root", OPTIONS)
    for number in range(30):
        await store(engine, f"документ {number}.txt", b"x" * (100 * number + 1))
    await engine.close()
    report = verify(tmp_path / "root")
    assert report.findings == []
    assert (report.documents, report.bytes) == (30, sum(100 * number + 1 for number in range(30)))


@pytest.mark.parametrize(
    "failpoint",
    [
        "log.before_flush=kill@5",
        "log.after_flush=kill@5",
        "upload.staged=kill@3",
        "files.before_batch=kill",
        "files.before_attributes=kill",
        "files.after_document=kill@2",
        "files.before_flush=kill",
        "files.before_checkpoint=kill",
        "files.after_checkpoint=kill",
        "close.told=kill",
        "close.trimmed=kill",
    ],
)
def test_nothing_acknowledged_is_missing_after_a_kill(tmp_path: Path, failpoint: str) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from artstore.engine import *
async def main():
    options = EngineOptions(element_id="e", mode=Mode.EDIT, keep_free_bytes=0, inline_limit=1000)
    engine = await Engine.open(Path(sys.argv[1]), options)
    for number in range(100):
        upload = engine.begin()
        await upload.write(b"x" * (700 * (number % 3) + 1))
        await upload.commit(Draft(original_filename="a.txt", created_by_id="1", created_by_username="u"))
        print(number, flush=True)
    await engine.close()
asyncio.run(main())
"""
    root = tmp_path / "root"
    done = subprocess.run(
        [sys.executable, "-c", program, root],
        env={**os.environ, ENVIRONMENT: failpoint},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == -9
    report = verify(root)
    assert not report.damaged, [str(finding) for finding in report.findings]
    acknowledged = len(done.stdout.splitlines())
    assert report.documents in (acknowledged, acknowledged + 1)
    assert recovery_of(root).findings == []


def recovery_of(root: Path) -> RecoveryReport:
    async def opened() -> RecoveryReport:
        engine = await Engine.open(root, OPTIONS)
        await engine.close()
        return engine.recovery

    return asyncio.run(opened())
