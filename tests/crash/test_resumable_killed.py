"""Whatever kills an element in the middle of resumable uploads, offsets that were told hold, and each upload
becomes its document once."""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from artstore.attributes import FileId
from artstore.engine import Engine, failpoints
from artstore.engine.verify import verify
from tests.crash.forgetful import Disk, build, environment
from tests.crash.resumable_child import content_of, pieces
from tests.support.engines import fetch, options_of

CLIENTS = 4
POINTS = sorted(
    {name for name in failpoints.NAMES if name.startswith("resumable.")}
    | {"upload.staged", "log.before_flush", "log.after_flush", "files.before_flush", "files.after_checkpoint"}
)


@dataclass
class Told:
    file_id: FileId
    number: int
    offset: int


async def work_until_dead(
    root: Path, seed: int, variables: Mapping[str, str], *, lines: int | None = None
) -> dict[str, Told]:
    """What was promised before a failpoint struck, or so many lines were written."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.crash.resumable_child", str(root), str(seed), str(CLIENTS)),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    told: dict[str, Told] = {}
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            async for number, line in numbered(process.stdout):
                heard = json.loads(line)
                told[heard["upload"]] = Told(FileId(UUID(heard["file_id"])), heard["number"], heard["offset"])
                if number == lines:
                    process.kill()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return told


async def numbered(stream: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    number = 0
    async for line in stream:
        if line.endswith(b"\n"):
            number += 1
            yield number, line


async def check(root: Path, told: dict[str, Told]) -> None:
    """Goes on with every upload, as its client would."""
    assert not verify(root).damaged, verify(root).findings
    engine = await Engine.open(root, options_of(keep_free_bytes=0))
    try:
        for upload_id, promised in told.items():
            content = content_of(promised.number)
            upload = engine.resumable.get(upload_id)
            async with upload.hold():
                await upload.settle()
                assert upload.offset >= promised.offset or upload.state.parts
                if not upload.state.parts:
                    await upload.append(
                        upload.offset,
                        pieces(content[upload.offset :]),
                        size=None if upload.offset < len(content) else 0,
                    )
                await upload.complete()
            assert await fetch(engine, promised.file_id) == content
        counted = Counter([each.original_filename async for each in engine.scan()])
        assert set(counted.values()) <= {1}
        assert {f"{each.number}.bin" for each in told.values()} <= counted.keys()
    finally:
        await engine.close()
    assert verify(root).findings == []


@pytest.mark.parametrize("name", POINTS)
async def test_at_a_named_point(tmp_path: Path, name: str) -> None:
    passes = 3 if name.startswith("files.") else random.randint(1, 30)
    armed = {failpoints.ENVIRONMENT: f"{name}=kill@{passes}"}
    told = await work_until_dead(tmp_path / "element", passes, armed)
    await check(tmp_path / "element", told)


@pytest.mark.parametrize("seed", range(3))
async def test_when_the_power_goes(tmp_path: Path, seed: int) -> None:
    library, root, trace = build(tmp_path), tmp_path / "element", tmp_path / "trace"
    lines = random.Random(seed).randrange(30, 300)
    told = await work_until_dead(root, seed, environment(library, root, trace), lines=lines)
    disk = Disk(root).follow(trace)
    disk.strict(tmp_path / "strict")
    await check(tmp_path / "strict", dict(told))
    disk.random(tmp_path / "random", seed)
    await check(tmp_path / "random", dict(told))
