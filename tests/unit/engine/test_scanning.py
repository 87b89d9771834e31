"""Walking over all documents: each once, in order, wherever it is."""

import os
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, Engine
from tests.support.engines import describe, store
from tests.unit.engine.conftest import OpenElement


async def scanned(engine: Engine, *arguments: object) -> list[FileAttributes]:
    return [found async for found in engine.scan(*arguments)]  # type: ignore[arg-type]  # passed through


def in_order(documents: list[FileAttributes]) -> list[FileAttributes]:
    return sorted(documents, key=lambda found: f"{found.storage_path}.attr.json".split("/"))


async def test_gives_files_and_log_merged(open_element: OpenElement) -> None:
    engine = await open_element()
    documents = [await store(engine, name=f"{letter}.txt") for letter in "cafe"]
    await engine.close()
    engine = await open_element(follow_seconds=60.0, close_seconds=0.0)
    documents += [await store(engine, name=f"{letter}.txt") for letter in "bdgh"]
    documents[0] = await describe(engine, documents[0].file_id, "newer than its file")
    await engine.delete(FileId(documents.pop(1).file_id))
    await engine.delete(FileId(documents.pop().file_id))

    assert await scanned(engine) == in_order(documents)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_goes_on_behind_a_path(open_element: OpenElement, limit: int) -> None:
    engine = await open_element()
    documents = [await store(engine, name=os.urandom(3).hex()) for _ in range(5)]
    await engine.close()
    engine = await open_element(follow_seconds=60.0, close_seconds=0.0)
    documents += [await store(engine, name=os.urandom(3).hex()) for _ in range(5)]

    found: list[FileAttributes] = []
    while page := await scanned(engine, found[-1].storage_path if found else None, limit):
        assert len(page) <= limit
        found += page

    assert found == in_order(documents)


async def test_tells_of_damaged_attributes_and_goes_on(
    open_element: OpenElement, root: Path, damages: None
) -> None:
    engine = await open_element()
    first, second = [await store(engine) for _ in range(2)]
    await engine.filed(engine.last_lsn)
    (root / f"{first.storage_path}.attr.json").write_bytes(b"{}")
    told: list[Damaged] = []

    found = [found async for found in engine.scan(damaged=told.append)]

    assert found == [second]
    assert [str(damage.subject) for damage in told] == [f"{first.storage_path}.attr.json"]


async def test_gives_what_others_wrote_where_it_lies(open_element: OpenElement, root: Path) -> None:
    engine = await open_element()
    stored = await store(engine)
    await engine.filed(engine.last_lsn)
    moved = root / "files" / "2020" / "elsewhere.txt"
    moved.parent.mkdir(parents=True)
    (root / stored.storage_path).rename(moved)
    (root / f"{stored.storage_path}.attr.json").rename(moved.with_name("elsewhere.txt.attr.json"))

    async def locate(file_id: FileId) -> str:
        return "files/2020/elsewhere.txt"

    await engine.close()
    engine = await open_element(locate=locate)
    (found,) = await scanned(engine)

    assert found.storage_path == "files/2020/elsewhere.txt"
    assert await engine.attributes(FileId(stored.file_id)) == found
    await describe(engine, stored.file_id, "rewritten where it is")
    await engine.filed(engine.last_lsn)
    assert [path.name for path in moved.parent.iterdir()] in (
        ["elsewhere.txt", "elsewhere.txt.attr.json"],
        ["elsewhere.txt.attr.json", "elsewhere.txt"],
    )
    await engine.delete(FileId(stored.file_id))
    await engine.filed(engine.last_lsn)
    assert list(moved.parent.iterdir()) == []
