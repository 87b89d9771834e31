"""A process that works on an element until somebody kills it, and tells on its output what it was promised.

    python -m tests.crash.engine_child ROOT SEED CLIENTS

Each line is written after the promise, and in one piece: what the reader has, the engine acknowledged.
``…ing`` lines come before an attempt, whose outcome is unknown until its ``…ed`` line.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
from pathlib import Path

from artstore.attributes import FileAttributes, FileId
from artstore.engine import (
    Closed,
    Coding,
    CodingPolicy,
    DiskFull,
    Draft,
    Engine,
    EngineOptions,
    LogFull,
    Lsn,
    Mode,
    NoRoom,
)

FOLLOWER = "index"
INLINE_LIMIT = 4096
_REFUSALS = (DiskFull, LogFull, NoRoom, Closed)


def content_of(number: int) -> bytes:
    """The bytes of the ``number``-th document: mostly small, some larger than a record takes.

    Every third one is worth compressing; of the largest every second seems so by its beginning only.
    """
    choice = random.Random(number)
    size = choice.choice([1, 100, 1000, 4096, 4097, 20_000]) if number % 30 else 1_500_000
    if number % 30 == 0 and number % 60:
        return choice.randbytes(100) * 2700 + choice.randbytes(2_700_000)
    return choice.randbytes(size) if number % 3 else (choice.randbytes(100) * (size // 100 + 1))[:size]


def tell(**line: object) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


async def client(engine: Engine, seed: int) -> None:
    choice = random.Random(seed)
    mine: list[FileId] = []
    while True:
        with contextlib.suppress(*_REFUSALS):
            match choice.choices(["put", "update", "delete", "abort"], [6, 2, 1, 1])[0]:
                case "update" if mine:
                    await update(engine, choice.choice(mine), str(choice.random()))
                case "delete" if len(mine) > 2:
                    await delete(engine, mine.pop(choice.randrange(len(mine))))
                case "abort":
                    upload = engine.begin()
                    await upload.write(content_of(choice.randrange(1 << 30)))
                    await upload.abort()
                case _:
                    mine.append(await put(engine, choice.randrange(1 << 30)))


async def put(engine: Engine, number: int) -> FileId:
    content = content_of(number)
    upload = engine.begin(expected_bytes=len(content))
    try:
        for start in range(0, len(content), 300_000):
            await upload.write(content[start : start + 300_000])
        stored = await upload.commit(
            Draft(
                original_filename=f"document {number}.bin",
                created_by_id="1",
                created_by_username="crash",
                custom_attributes={"number": number},
            )
        )
    except BaseException:
        await upload.abort()
        raise
    tell(did="put", id=str(stored.file_id), number=number)
    return FileId(stored.file_id)


async def update(engine: Engine, file_id: FileId, text: str) -> None:
    def change(found: FileAttributes) -> FileAttributes:
        return found.changed(description=text)

    tell(did="updating", id=str(file_id), text=text)
    await engine.update(file_id, change)
    tell(did="updated", id=str(file_id), text=text)


async def delete(engine: Engine, file_id: FileId) -> None:
    tell(did="deleting", id=str(file_id))
    await engine.delete(file_id)
    tell(did="deleted", id=str(file_id))


async def follow(engine: Engine) -> None:
    """As the index does: takes changes durably (here: tells them), then acknowledges."""
    position = engine.status().followers[FOLLOWER].position
    while True:
        await engine.wait_for(position)
        for change in await engine.changes(position, 100):
            tell(did="followed", lsn=change.lsn, kind=change.kind.name, id=str(change.file_id))
            position = change.lsn
        engine.acknowledge(FOLLOWER, Lsn(position))


def options() -> EngineOptions:
    return EngineOptions(
        element_id="crash",
        mode=Mode.EDIT,
        inline_limit=INLINE_LIMIT,
        segment_bytes=200_000,
        keep_free_bytes=0,
        follow_seconds=0.01,
        followers=(FOLLOWER,),
        coding=CodingPolicy(coding=Coding.GZIP, min_bytes=500, types=("*/*",)),
    )


async def main(root: Path, seed: int, clients: int) -> None:
    engine = await Engine.open(root, options())
    tell(did="opened", findings=[finding.kind for finding in engine.recovery.findings])
    await asyncio.gather(follow(engine), *(client(engine, seed * 1000 + each) for each in range(clients)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
