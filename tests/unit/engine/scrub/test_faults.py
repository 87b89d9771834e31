"""A disk that cannot read, a store that is away, and damage in random places."""

import asyncio
import errno
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Engine, StoreUnavailable
from artstore.engine.blobs import LocalBlobs
from artstore.engine.verify import verify
from tests.support.blobs import FaultyBlobs
from tests.support.engines import options_of, store
from tests.support.scrubs import findings, passed, scrubbed, told

CONTENT = b"content" * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture
def blobs(root: Path) -> FaultyBlobs:
    return FaultyBlobs(LocalBlobs(root))


@pytest.fixture
async def engine(root: Path, blobs: FaultyBlobs) -> AsyncIterator[Engine]:
    engine = await Engine.open(root, options_of(inline_limit=0), blobs=blobs)
    yield engine
    await engine.close()


async def filed(engine: Engine, content: bytes = CONTENT) -> FileAttributes:
    stored = await store(engine, content)
    await engine.filed(engine.last_lsn)
    return stored


async def test_a_disk_that_cannot_read_is_a_finding(engine: Engine, blobs: FaultyBlobs) -> None:
    await filed(engine)
    blobs.fail("open", OSError(errno.EIO, "Input/output error"), always=True)
    scrub = await scrubbed(engine)
    (found,) = findings(scrub)
    assert (found.code, found.open) == ("E005", True)
    assert "Input/output error" in found.what
    blobs.heal()
    await passed(scrub)
    assert told(scrub) == []


async def test_one_error_that_does_not_come_again_is_none(engine: Engine, blobs: FaultyBlobs) -> None:
    await filed(engine)
    blobs.fail("open", OSError(errno.EIO, "Input/output error"))
    assert told(await scrubbed(engine)) == []


async def test_a_store_that_is_away_is_waited_for(engine: Engine, blobs: FaultyBlobs) -> None:
    await filed(engine)
    blobs.fail("entries", StoreUnavailable("it cannot be reached"))
    scrub = await scrubbed(engine)
    assert told(scrub) == []
    result = scrub.last_result()
    assert result is not None
    assert result.documents == 1


async def test_a_store_that_stays_away_does_not_hold_up_a_stop(engine: Engine, blobs: FaultyBlobs) -> None:
    await filed(engine)
    blobs.fail("entries", StoreUnavailable("it cannot be reached"), always=True)
    scrub = engine.scrub(bytes_per_second=None)
    scrub.start()
    while not blobs.calls or blobs.calls[-1][0] != "entries":  # noqa: ASYNC110 - a thread gets there by itself
        await asyncio.sleep(0.01)
    await scrub.stop()
    assert scrub.interrupted
    assert scrub.progress().failed is None


async def test_bytes_that_are_read_wrongly(engine: Engine, blobs: FaultyBlobs) -> None:
    stored = await filed(engine)
    blobs.change_pieces(lambda data: data.replace(b"contentcontent", b"contentcontend"))
    assert told(await scrubbed(engine)) == [("D003", stored.storage_path)]
    assert FileId(stored.file_id) in engine.damage


@pytest.mark.parametrize("seed", range(8))
async def test_of_any_damage_everything_is_found_and_nothing_else(
    root: Path, engine: Engine, seed: int
) -> None:
    chance = random.Random(seed)
    documents = [await filed(engine, chance.randbytes(chance.randint(1, 3000))) for _ in range(30)]
    damaged = set()
    for stored in chance.sample(documents, chance.randint(0, 12)):
        path = root / stored.storage_path
        match chance.randrange(4):
            case 0:
                content = bytearray(path.read_bytes())
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
                path.write_bytes(content)
            case 1:
                path.write_bytes(path.read_bytes()[:-1])
            case 2:
                path.unlink()
            case 3:
                path.write_bytes(path.read_bytes() + b"\0")
        damaged.add(stored.storage_path)
    scrub = await scrubbed(engine)
    assert {path for _, path in told(scrub)} == damaged
    assert all(finding.open for finding in findings(scrub))
    await engine.close()
    assert {finding.path for finding in verify(root).findings} == damaged
