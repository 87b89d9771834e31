"""Documents of a batch are compressed as all others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artstore.attributes import FileId
from artstore.engine import Coding, CodingPolicy
from tests.support.engines import draft_of, fetch
from tests.unit.engine.conftest import OpenElement

TEXT = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(60_000))


@pytest.mark.parametrize("reopened", [False, True])
async def test_are_coded_and_counted_by_what_lies_on_disk(
    open_element: OpenElement, root: Path, reopened: bool
) -> None:
    engine = await open_element(coding=CodingPolicy(coding=Coding.ZSTD))
    batch = await engine.batches.create(owner_id="1")
    contents = [TEXT, TEXT[:20_000], b"short"]
    stored = []
    for content in contents:
        upload = engine.begin(expected_bytes=len(content), batch=batch)
        await upload.write(content)
        stored.append(await upload.commit(draft_of("table.csv")))
    resumable = await engine.resumable.create(
        owner_id="1", draft=draft_of("sent in pieces.csv"), length=len(TEXT), batch_id=batch.id
    )

    async def pieces() -> AsyncIterator[bytes]:
        yield TEXT

    async with resumable.hold():
        await resumable.settle()
        await resumable.append(0, pieces())
        await resumable.complete()
    assert batch.bytes == sum(path.stat().st_size for path in (root / "staging").glob("*.part"))
    reserved = engine.capacity().reserved_bytes
    assert reserved == batch.bytes + (4 + 1) * 4096  # attributes of each, and the batch itself
    if reopened:
        await engine.close()
        engine = await open_element()
        batch = engine.batches.get(batch.id)
        assert engine.capacity().reserved_bytes == reserved

    await batch.commit(4)

    await engine.filed(engine.last_lsn)
    assert [each.content_encoding for each in stored] == ["zstd", "zstd", None]
    assert [await fetch(engine, each.file_id) for each in stored] == contents
    assert resumable.state.file_id is not None
    assert (await engine.attributes(FileId(resumable.state.file_id))).content_encoding == "zstd"
    assert await fetch(engine, resumable.state.file_id) == TEXT
    assert list((root / "staging").glob("*.part")) == []
    assert engine.capacity().reserved_bytes == 0
