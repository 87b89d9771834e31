"""Whatever kills an element in the middle of batches: all documents of one are stored, or none is, and what
was put into one that was not committed is still in it."""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import BatchUnknown, Engine, failpoints
from artstore.engine.verify import verify
from tests.crash.batch_child import content_of
from tests.crash.forgetful import Disk, build, environment
from tests.support.engines import fetch, options_of

CLIENTS = 3
POINTS = sorted(
    {name for name in failpoints.NAMES if name.startswith("batch.")}
    | {"upload.staged", "log.before_write", "log.before_flush", "log.after_flush", "files.before_attributes",
       "files.before_flush", "files.after_checkpoint", "segment.created"}
)  # fmt: skip


@dataclass
class Told:
    documents: dict[FileId, str] = field(default_factory=dict)
    committed: bool = False
    removed: bool = False


async def work_until_dead(
    root: Path, seed: int, variables: Mapping[str, str], *, lines: int | None = None
) -> dict[str, Told]:
    """What was promised before a failpoint struck, or so many lines were written."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.crash.batch_child", str(root), str(seed), str(CLIENTS)),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    told: dict[str, Told] = defaultdict(Told)
    number = 0
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            async for line in process.stdout:
                if not line.endswith(b"\n"):
                    break
                heard = json.loads(line)
                batch = told[heard["batch"]]
                if "file_id" in heard:
                    batch.documents[FileId(UUID(heard["file_id"]))] = heard["name"]
                batch.committed |= heard.get("committed", False)
                batch.removed |= heard.get("removed", False)
                number += 1
                if number == lines:
                    process.kill()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    assert process.returncode != 1, "it was to be killed, and failed"
    return told


async def check(root: Path, told: dict[str, Told]) -> None:
    assert not verify(root).damaged, verify(root).findings
    engine = await Engine.open(root, options_of(keep_free_bytes=0))
    try:
        stored: dict[str, list[FileAttributes]] = defaultdict(list)
        async for document in engine.scan():
            assert document.description is not None
            stored[document.description].append(document)
            assert await fetch(engine, document.file_id) == content_of(document.original_filename)
        for batch_id, promised in told.items():
            ids = {FileId(each.file_id) for each in stored.get(batch_id, ())}
            try:
                batch = engine.batches.get(batch_id)
            except BatchUnknown:
                assert promised.removed or not promised.committed
                assert ids == set()
                continue
            members = {member.file_id for member in (await batch.read(0, 1000))[0]}
            assert promised.documents.keys() <= members
            assert ids == (members if batch.committed else set())
            assert batch.committed or not promised.committed
            assert not promised.removed
            await batch.commit(None)
            for file_id in members:
                await fetch(engine, file_id)
        assert stored.keys() <= told.keys() | _without_a_word(engine, stored)
    finally:
        await engine.close()
    assert verify(root).findings == []


def _without_a_word(engine: Engine, stored: Mapping[str, object]) -> set[str]:
    """Of a batch whose first document was acknowledged to nobody, nothing can be told; it is whole as well."""
    return {batch_id for batch_id in stored if engine.batches.get(batch_id).committed}


@pytest.mark.parametrize("name", POINTS)
async def test_at_a_named_point(tmp_path: Path, name: str) -> None:
    passes = random.randint(1, 3 if name.startswith(("files.after", "segment.")) else 20)
    armed = {failpoints.ENVIRONMENT: f"{name}=kill@{passes}"}
    told = await work_until_dead(tmp_path / "element", passes, armed)
    await check(tmp_path / "element", told)


@pytest.mark.parametrize("seed", range(3))
async def test_when_the_power_goes(tmp_path: Path, seed: int) -> None:
    library, root, trace = build(tmp_path), tmp_path / "element", tmp_path / "trace"
    lines = random.Random(seed).randrange(30, 200)
    told = await work_until_dead(root, seed, environment(library, root, trace), lines=lines)
    disk = Disk(root).follow(trace)
    disk.strict(tmp_path / "strict")
    await check(tmp_path / "strict", told)
    disk.random(tmp_path / "random", seed)
    await check(tmp_path / "random", told)
