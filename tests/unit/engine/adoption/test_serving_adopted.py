"""An adopted element in the engine: everything that works with documents works with adopted ones."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from artstore.attributes import FileId, is_sealed
from artstore.engine import Damaged, Engine, Mode, NotFound
from artstore.engine.adoption import adopt
from artstore.engine.verify import verify
from tests.support.archives import VERSION_2, leave, tree
from tests.support.engines import describe, fetch, options_of, store

PLACES: dict[str, dict[str, Any]] = {
    "2024/01/15/10/name.pdf": {},
    "2024/01/15/10/second.pdf": {"storage_path": "/somewhere/else", **VERSION_2},
    "in the root.txt": {"storage_path": None},
    "files/old.txt": {},
    "Отчёты/акт.docx": {},
    "timed/a.txt": {"file_id": "018d0d6a-5b9c-7000-8000-000000000001", **VERSION_2},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def documents(root: Path) -> dict[str, str]:
    """The path of each document by its id."""
    found = {leave(root, path, path.encode() * 9, **fields): path for path, fields in PLACES.items()}
    assert adopt(root, element_id="el-1", mode=Mode.EDIT).fits
    return found


def id_of(documents: dict[str, str], path: str) -> FileId:
    return FileId(UUID(next(file_id for file_id, each in documents.items() if each == path)))


async def opened(root: Path, **options: Any) -> Engine:
    return await Engine.open(root, options_of(**options))


async def closed_and_sound(engine: Engine, root: Path) -> None:
    await engine.close()
    assert [str(finding) for finding in verify(root).findings] == []


async def test_opening_finds_everything_as_it_was_left(root: Path, documents: dict[str, str]) -> None:
    engine = await opened(root)
    assert engine.recovery.findings == []
    assert not engine.recovery.counted
    capacity = engine.capacity()
    assert capacity.documents == len(documents)
    assert capacity.used_bytes == sum(
        (root / f"{path}{suffix}").stat().st_size for path in PLACES for suffix in ("", ".attr.json")
    )
    await closed_and_sound(engine, root)


async def test_documents_are_found_without_an_index(root: Path, documents: dict[str, str]) -> None:
    engine = await opened(root)
    for file_id, path in documents.items():
        attributes = await engine.attributes(FileId(UUID(file_id)))
        assert (str(attributes.file_id), attributes.storage_path) == (file_id, path)
        assert attributes.storage_filename == path.rpartition("/")[2]
        assert attributes.schema_version == "2.0"
        assert await fetch(engine, UUID(file_id)) == path.encode() * 9
    with pytest.raises(NotFound):
        await engine.attributes(FileId(UUID(int=5)))
    await closed_and_sound(engine, root)


async def test_documents_are_listed_together_with_new_ones(root: Path, documents: dict[str, str]) -> None:
    engine = await opened(root)
    new = await store(engine, b"new", "new.txt")
    assert new.storage_path.startswith("files/2")
    listed = {str(found.file_id): found.storage_path async for found in engine.scan()}
    assert listed == {**documents, str(new.file_id): new.storage_path}
    await engine.close()
    engine = await opened(root)
    walked = [found.storage_path async for found in engine.scan()]
    assert set(walked) == set(listed.values())
    for number, path in enumerate(walked):
        assert [found.storage_path async for found in engine.scan(path)] == walked[number + 1 :]
    await closed_and_sound(engine, root)


async def test_reading_rewrites_nothing(root: Path, documents: dict[str, str]) -> None:
    before = {path: content for path, content in tree(root).items() if not path.startswith("wal/")}
    engine = await opened(root)
    for file_id in documents:
        await fetch(engine, UUID(file_id))
    await closed_and_sound(engine, root)
    assert {path: content for path, content in tree(root).items() if not path.startswith("wal/")} == before


@pytest.mark.parametrize("path", PLACES)
async def test_an_update_replaces_that_attribute_file_alone(
    root: Path, documents: dict[str, str], path: str
) -> None:
    before = tree(root)
    engine = await opened(root)
    file_id = id_of(documents, path)
    await describe(engine, file_id, "changed")
    assert (await engine.attributes(file_id)).description == "changed"
    await engine.filed(engine.last_lsn)
    assert (await engine.attributes(file_id)).description == "changed"
    used = engine.capacity().used_bytes
    await closed_and_sound(engine, root)
    after = tree(root)
    changed = {name for name in before if not name.startswith("wal/") and before[name] != after[name]}
    assert changed == {f"{path}.attr.json"}
    assert after.keys() - before.keys() <= {name for name in after if name.startswith("wal/")}
    written = after[f"{path}.attr.json"][0]
    assert is_sealed(written)
    assert json.loads(written)["storage_path"] == path
    assert json.loads(written)["metadata"] == {"legacy": True}
    (root / "wal/checkpoint.json").unlink()
    engine = await opened(root)
    assert engine.recovery.counted
    assert engine.capacity().used_bytes == used
    await closed_and_sound(engine, root)


@pytest.mark.parametrize("path", PLACES)
async def test_a_deletion_removes_both_files(root: Path, documents: dict[str, str], path: str) -> None:
    engine = await opened(root)
    file_id = id_of(documents, path)
    await engine.delete(file_id)
    for _ in range(2):
        with pytest.raises(NotFound):
            await engine.attributes(file_id)
        with pytest.raises(NotFound):
            await engine.open_document(file_id)
        await engine.filed(engine.last_lsn)
    assert not (root / path).exists()
    assert not (root / f"{path}.attr.json").exists()
    assert engine.capacity().documents == len(documents) - 1
    await closed_and_sound(engine, root)


async def test_changed_attributes_are_not_served_as_what_was_adopted(
    root: Path, documents: dict[str, str]
) -> None:
    path = root / "2024/01/15/10/name.pdf.attr.json"
    path.write_bytes(path.read_bytes().replace(b"left by", b"lost by"))
    engine = await opened(root)
    with pytest.raises(Damaged, match="not those that were adopted"):
        await engine.attributes(id_of(documents, "2024/01/15/10/name.pdf"))
    damaged: list[Damaged] = []
    listed = [found.storage_path async for found in engine.scan(damaged=damaged.append)]
    assert len(listed) == len(documents) - 1
    assert len(damaged) == 1
    await engine.close()


async def test_without_its_list_the_element_serves_by_the_index(
    root: Path, documents: dict[str, str]
) -> None:
    (root / "adopted.jsonl").unlink()

    async def locate(file_id: FileId) -> str | None:
        return documents.get(str(file_id))

    engine = await Engine.open(root, options_of(), locate=locate)
    for file_id, path in documents.items():
        assert await fetch(engine, UUID(file_id)) == path.encode() * 9
    await engine.close()


async def test_files_that_are_nobodys_are_not_counted(root: Path, documents: dict[str, str]) -> None:
    (root / "2024/Thumbs.db").write_bytes(b"x" * 1000)
    (root / "stray in the root").write_bytes(b"x" * 1000)
    engine = await opened(root)
    before = engine.capacity()
    await engine.close()
    (root / "wal/checkpoint.json").unlink()
    engine = await opened(root)
    assert engine.recovery.counted
    assert engine.capacity().used_bytes == before.used_bytes
    assert engine.capacity().documents == before.documents
    await engine.close()
