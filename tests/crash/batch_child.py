"""A process that stores documents in batches until somebody kills it, and tells on its output what it promised.

    python -m tests.crash.batch_child ROOT SEED CLIENTS

As ``engine_child``: what the reader has, the engine acknowledged.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from artstore.engine import Batch, Draft, Engine, EngineOptions, Mode
from tests.crash.engine_child import tell

OWNER = "1"


def content_of(name: str) -> bytes:
    choice = random.Random(name)
    return choice.randbytes(choice.choice([1, 500, 70_000]))


async def client(engine: Engine, seed: int) -> None:
    choice = random.Random(seed)
    for number in range(1000):
        batch = await engine.batches.create(owner_id=OWNER)
        count = choice.choice([1, 2, 5, 30])
        await asyncio.gather(*(put(engine, batch, f"{seed}-{number}-{each}") for each in range(count)))
        if choice.random() < 0.1:
            await batch.remove()
            tell(batch=batch.id, removed=True)
            continue
        await batch.commit(count)
        tell(batch=batch.id, committed=True)


async def put(engine: Engine, batch: Batch, name: str) -> None:
    content = content_of(name)
    upload = engine.begin(expected_bytes=len(content), batch=batch)
    await upload.write(content)
    draft = Draft(
        original_filename=name, created_by_id=OWNER, created_by_username="tester", description=batch.id
    )
    attributes = await upload.commit(draft)
    tell(batch=batch.id, file_id=str(attributes.file_id), name=name)


async def main(root: Path, seed: int, clients: int) -> None:
    options = EngineOptions(
        element_id="el-1", mode=Mode.EDIT, segment_bytes=1 << 16, follow_seconds=0.0, keep_free_bytes=0
    )
    engine = await Engine.open(root, options)
    await asyncio.gather(*(client(engine, seed * 1000 + each) for each in range(clients)))


if __name__ == "__main__":
    os.umask(0o027)
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
