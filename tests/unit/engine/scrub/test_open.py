"""What is wrong now: by the last whole pass, the one under way, and whoever read or removed something since."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, Engine
from artstore.engine.scrub import Scrub
from tests.support.engines import fetch, options_of, store
from tests.support.scrubs import passed, scrubbed

SIZE = 1 << 16


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture
async def engine(root: Path) -> AsyncIterator[Engine]:
    engine = await Engine.open(root, options_of(inline_limit=100))
    yield engine
    await engine.close()


async def spoiled(engine: Engine, root: Path, name: str = "a.txt") -> FileAttributes:
    """A document whose bytes are not those that were stored, and not in the log."""
    document = await store(engine, b"x" * SIZE, name)
    await engine.filed(engine.last_lsn)
    (root / document.storage_path).write_bytes(b"y" * SIZE)
    return document


def mend(root: Path, document: FileAttributes) -> None:
    (root / document.storage_path).write_bytes(b"x" * SIZE)


def told(scrub: Scrub) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in scrub.open_findings()]


async def test_until_a_pass_does_not_find_it(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    scrub = await scrubbed(engine)
    assert told(scrub) == [("D003", document.storage_path)]
    assert scrub.open_findings() is scrub.open_findings()
    mend(root, document)
    await passed(scrub)
    assert told(scrub) == []


async def test_until_somebody_reads_it_and_finds_it_right(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    scrub = await scrubbed(engine)
    with pytest.raises(Damaged):
        await fetch(engine, document.file_id)
    assert len(told(scrub)) == 1
    mend(root, document)
    await fetch(engine, document.file_id)
    assert told(scrub) == []


async def test_until_the_document_is_deleted(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    scrub = await scrubbed(engine)
    await engine.delete(FileId(document.file_id))
    assert told(scrub) == []
    assert len(engine.damage) == 0


async def test_until_a_pass_misses_the_document_that_was_removed_by_hand(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    scrub = await scrubbed(engine)
    for path in (document.storage_path, f"{document.storage_path}.attr.json"):
        (root / path).unlink()
    await passed(scrub)
    assert told(scrub) == []
    assert len(engine.damage) == 0


async def test_repaired_ones_are_none(engine: Engine, root: Path) -> None:
    document = await store(engine, b"in the log")
    await engine.filed(engine.last_lsn)
    (root / document.storage_path).write_bytes(b"not this one")
    assert told(await scrubbed(engine)) == []


async def test_after_a_restart(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    await scrubbed(engine)
    await engine.close()
    engine = await Engine.open(root, options_of())
    scrub = engine.scrub()
    assert told(scrub) == [("D003", document.storage_path)]
    await engine.close()


async def test_the_pass_under_way_counts_where_it_has_been(engine: Engine, root: Path) -> None:
    """Once each, though both passes found it; and what the last one found elsewhere."""
    document = await spoiled(engine, root)
    # Read behind the document, for its folder is.
    (root / "files" / "zzz").mkdir()
    (root / "files" / "zzz" / "nobodys.txt").write_bytes(b"nobody's")
    expected = [("D003", document.storage_path), ("O001", "files/zzz/nobodys.txt")]
    meanwhile: list[list[tuple[str, str]]] = []
    scrub = engine.scrub(bytes_per_second=None, told=lambda finding: meanwhile.append(sorted(told(scrub))))
    await passed(scrub)
    assert meanwhile == [expected[:1], expected]
    await passed(scrub)
    assert meanwhile[2:] == [expected, expected]
    assert sorted(told(scrub)) == expected


async def test_begun_anew_what_the_pass_found_is_found_again(engine: Engine, root: Path) -> None:
    document = await spoiled(engine, root)
    scrub = engine.scrub(bytes_per_second=SIZE)
    for number in range(4):
        await store(engine, b"x" * SIZE, f"{number}.txt")
    scrub.start()
    await scrub.stop()
    scrub.bytes_per_second = None
    scrub.start(anew=True)
    assert scrub.progress().documents == 0
    await scrub.wait()
    assert told(scrub) == [("D003", document.storage_path)]
    result = scrub.last_result()
    assert result is not None
    assert (result.number, result.documents) == (1, 5)
