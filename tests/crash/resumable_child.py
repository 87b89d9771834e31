"""A process that takes resumable uploads until somebody kills it, and tells on its output what it promised.

    python -m tests.crash.resumable_child ROOT SEED CLIENTS

As ``engine_child``: what the reader has, the engine acknowledged.
"""

import asyncio
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from artstore.engine import (
    Checksum,
    Coding,
    CodingPolicy,
    Draft,
    Engine,
    EngineOptions,
    Mode,
    ResumableUpload,
)
from tests.crash.engine_child import tell

OWNER = "1"


def content_of(number: int) -> bytes:
    """Every second one is worth compressing, if it is large enough."""
    choice = random.Random(number)
    size = choice.choice([1, 5000, 70_000, 1_500_000])
    return choice.randbytes(size) if number % 2 else (choice.randbytes(100) * (size // 100 + 1))[:size]


async def client(engine: Engine, seed: int) -> None:
    choice = random.Random(seed)
    while True:
        number = choice.randrange(1 << 30)
        content = content_of(number)
        if choice.random() < 0.2:
            parts = [await part(engine, half) for half in halves(content)]
            upload = await engine.resumable.put_together(parts, owner_id=OWNER, draft=draft_of(number))
            tell(upload=upload.id, file_id=str(upload.state.file_id), number=number, offset=0)
        else:
            upload = await engine.resumable.create(
                owner_id=OWNER, draft=draft_of(number), length=len(content)
            )
            tell(upload=upload.id, file_id=str(upload.state.file_id), number=number, offset=0)
            await send(upload, content, choice, number)
        async with upload.hold():
            await upload.settle()
            await upload.complete()
        tell(upload=upload.id, file_id=str(upload.state.file_id), number=number, offset=len(content))


def draft_of(number: int) -> Draft:
    return Draft(original_filename=f"{number}.bin", created_by_id=OWNER, created_by_username="tester")


def halves(content: bytes) -> list[bytes]:
    middle = len(content) // 2
    return [content[:middle], content[middle:]] if middle else [content]


async def part(engine: Engine, content: bytes) -> ResumableUpload:
    upload = await engine.resumable.create(owner_id=OWNER, draft=None, length=len(content))
    async with upload.hold():
        await upload.append(0, pieces(content))
    return upload


async def send(upload: ResumableUpload, content: bytes, choice: random.Random, number: int) -> None:
    while upload.offset < len(content):
        start = upload.offset
        data = content[start : start + choice.choice([1, 4096, 100_000, 1 << 20])]
        is_checked = choice.random() < 0.3
        checksum = Checksum("sha1", hashlib.sha1(data).digest(), hashlib.sha1()) if is_checked else None
        async with upload.hold():
            await upload.append(start, pieces(data), checksum=checksum)
        tell(upload=upload.id, file_id=str(upload.state.file_id), number=number, offset=upload.offset)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 50_000):
        yield data[start : start + 50_000]


async def main(root: Path, seed: int, clients: int) -> None:
    options = EngineOptions(
        element_id="el-1",
        mode=Mode.EDIT,
        segment_bytes=1 << 20,
        follow_seconds=0.0,
        keep_free_bytes=0,
        coding=CodingPolicy(coding=Coding.ZSTD, types=("*/*",)),
    )
    engine = await Engine.open(root, options)
    await asyncio.gather(*(client(engine, seed * 1000 + each) for each in range(clients)))


if __name__ == "__main__":
    os.umask(0o027)
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
