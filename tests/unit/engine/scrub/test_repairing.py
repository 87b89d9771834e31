"""What is damaged is moved away only where a good copy takes its place."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import DiskFull, Engine
from artstore.engine.verify import verify
from tests.support.engines import describe, fetch, options_of, store
from tests.support.scrubs import findings, passed, scrubbed, told

SMALL, LARGE = b"small", b"large" * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture
async def engine(root: Path) -> AsyncIterator[Engine]:
    engine = await Engine.open(root, options_of(inline_limit=1000))
    yield engine
    await engine.close()


async def filed(engine: Engine, content: bytes, name: str = "x.txt") -> FileAttributes:
    stored = await store(engine, content, name)
    await engine.filed(engine.last_lsn)
    return stored


async def without_log(engine: Engine, root: Path) -> Engine:
    """The same element after its log has let everything go."""
    await engine.close()
    for segment in (root / "wal").glob("*.log"):
        segment.write_bytes(segment.read_bytes()[:128])
    return await Engine.open(root, options_of())


class Backup:
    """Copies by path, or something else under their names."""

    name = "backup"

    def __init__(self, documents: dict[str, bytes], error: Exception | None = None) -> None:
        self.documents = documents
        self.error = error
        self.closed = 0

    async def attributes(self, storage_path: str) -> bytes | None:
        if self.error is not None:
            raise self.error
        return self.documents.get(f"{storage_path}.attr.json")

    async def document(self, attributes: FileAttributes) -> AsyncGenerator[bytes, None]:
        try:
            content = self.documents.get(attributes.storage_path, b"")
            for start in range(0, len(content), 1000):
                yield content[start : start + 1000]
                if self.error is not None:
                    raise self.error
        finally:
            self.closed += 1


class TestFromTheLog:
    async def test_bytes(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, SMALL)
        (root / stored.storage_path).write_bytes(b"SMALL")
        scrub = await scrubbed(engine)
        (found,) = findings(scrub)
        assert (found.code, found.repaired_from, found.open) == ("D003", "log", False)
        assert found.kept_as is not None
        assert found.kept_as.startswith("quarantine/")
        assert found.kept_as.endswith(stored.storage_path)
        assert (root / found.kept_as).read_bytes() == b"SMALL"
        assert await fetch(engine, stored.file_id) == SMALL
        result = scrub.last_result()
        assert result is not None
        assert result.clean
        await passed(scrub)
        assert told(scrub) == []
        await engine.close()
        assert verify(root).findings == []

    async def test_bytes_that_are_missing(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, SMALL)
        (root / stored.storage_path).unlink()
        (found,) = findings(await scrubbed(engine))
        assert (found.code, found.repaired_from, found.kept_as) == ("D001", "log", None)
        assert await fetch(engine, stored.file_id) == SMALL

    @pytest.mark.parametrize("content", [b"{}", b"", b"\0" * 100])
    async def test_attributes_as_they_were_written_last(
        self, engine: Engine, root: Path, content: bytes
    ) -> None:
        stored = await filed(engine, SMALL)
        changed = await describe(engine, stored.file_id, "the last")
        await engine.filed(engine.last_lsn)
        (root / f"{stored.storage_path}.attr.json").write_bytes(content)
        (found,) = findings(await scrubbed(engine))
        assert (found.repaired_from, found.path) == ("log", f"{stored.storage_path}.attr.json")
        assert found.kept_as is not None
        assert (root / found.kept_as).read_bytes() == content
        assert await engine.attributes(FileId(stored.file_id)) == changed
        await engine.close()
        assert verify(root).findings == []

    async def test_attributes_that_are_missing(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, SMALL)
        (root / f"{stored.storage_path}.attr.json").unlink()
        (found,) = findings(await scrubbed(engine))
        assert (found.code, found.repaired_from) == ("O001", "log")
        assert await engine.attributes(FileId(stored.file_id)) == stored

    async def test_both_at_once(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, SMALL)
        (root / stored.storage_path).write_bytes(b"")
        (root / f"{stored.storage_path}.attr.json").write_bytes(b"?")
        found = findings(await scrubbed(engine))
        assert {finding.code for finding in found} == {"A001", "D002"}
        assert all(finding.repaired_from == "log" for finding in found)
        assert await fetch(engine, stored.file_id) == SMALL

    async def test_a_document_that_was_deleted_does_not_come_back(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, SMALL)
        await engine.delete(FileId(stored.file_id))
        await engine.filed(engine.last_lsn)
        (root / stored.storage_path).write_bytes(SMALL)
        (found,) = findings(await scrubbed(engine))
        assert (found.code, found.repaired_from) == ("O001", None)
        assert not (root / f"{stored.storage_path}.attr.json").exists()


class TestFromElsewhere:
    async def test_a_large_document(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, LARGE)
        (root / stored.storage_path).write_bytes(b"x" * 5000)
        backup = Backup({stored.storage_path: LARGE})
        (found,) = findings(await scrubbed(engine, repair=[backup]))
        assert found.repaired_from == "backup"
        assert (root / stored.storage_path).read_bytes() == LARGE
        assert list((root / "staging").iterdir()) == []
        assert backup.closed == 1

    @pytest.mark.parametrize("copy", [b"", b"y" * 5000, LARGE[:-1], LARGE + b"x", LARGE * 100])
    async def test_what_is_no_good_copy_changes_nothing(
        self, engine: Engine, root: Path, copy: bytes
    ) -> None:
        stored = await filed(engine, LARGE)
        (root / stored.storage_path).write_bytes(b"x" * 5000)
        backup = Backup({stored.storage_path: copy})
        (found,) = findings(await scrubbed(engine, repair=[backup]))
        assert found.open
        assert (root / stored.storage_path).read_bytes() == b"x" * 5000
        assert list((root / "quarantine").iterdir()) == []
        assert list((root / "staging").iterdir()) == []
        assert backup.closed == 1

    async def test_the_next_source_is_asked_when_one_fails(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, LARGE)
        (root / stored.storage_path).unlink()
        sources = [
            Backup({stored.storage_path: LARGE}, ConnectionError()),
            Backup({stored.storage_path: LARGE}),
        ]
        sources[1].name = "second"
        (found,) = findings(await scrubbed(engine, repair=sources))
        assert found.repaired_from == "second"
        assert (root / stored.storage_path).read_bytes() == LARGE

    async def test_a_document_that_is_deleted_meanwhile_does_not_come_back(
        self, engine: Engine, root: Path
    ) -> None:
        stored = await filed(engine, LARGE)
        attribute_file = root / f"{stored.storage_path}.attr.json"
        copy = attribute_file.read_bytes()
        engine = await without_log(engine, root)
        attribute_file.unlink()

        class Deleting(Backup):
            async def attributes(self, storage_path: str) -> bytes | None:
                (root / storage_path).unlink(missing_ok=True)
                return copy

        await scrubbed(engine, repair=[Deleting({})])
        assert not attribute_file.exists()
        await engine.close()

    async def test_attributes_that_are_missing(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, LARGE)
        attribute_file = root / f"{stored.storage_path}.attr.json"
        copy = attribute_file.read_bytes()
        engine = await without_log(engine, root)
        attribute_file.unlink()
        backup = Backup({f"{stored.storage_path}.attr.json": copy})
        (found,) = findings(await scrubbed(engine, repair=[backup]))
        assert (found.code, found.repaired_from) == ("O001", "backup")
        assert attribute_file.read_bytes() == copy
        await engine.close()

    async def test_no_room_for_a_copy_is_no_end_of_the_pass(self, engine: Engine, root: Path) -> None:
        first, second = await filed(engine, LARGE), await filed(engine, b"other" * 1000)
        for stored in (first, second):
            (root / stored.storage_path).write_bytes(b"x" * 5000)
        backup = Backup({first.storage_path: LARGE}, DiskFull("write"))
        assert len(findings(await scrubbed(engine, repair=[backup]))) == 2

    async def test_without_any_copy_everything_is_left(self, engine: Engine, root: Path) -> None:
        stored = await filed(engine, LARGE)
        (root / stored.storage_path).write_bytes(b"x" * 5000)
        alarms: list[str] = []
        scrub = await scrubbed(engine, told=lambda finding: alarms.append(finding.code))
        assert alarms == ["D003"]
        assert findings(scrub)[0].open
        assert (root / stored.storage_path).read_bytes() == b"x" * 5000
        assert list((root / "quarantine").iterdir()) == []
        result = scrub.last_result()
        assert result is not None
        assert not result.clean


async def test_a_repaired_document_can_be_changed_and_deleted(engine: Engine, root: Path) -> None:
    stored = await filed(engine, LARGE)
    (root / stored.storage_path).write_bytes(b"x" * 5000)
    await scrubbed(engine, repair=[Backup({stored.storage_path: LARGE})])
    await describe(engine, stored.file_id, "after")
    content = await fetch(engine, stored.file_id)
    assert hashlib.sha256(content).hexdigest() == stored.checksum
    await engine.delete(FileId(stored.file_id))
    await engine.filed(engine.last_lsn)
    await engine.close()
    assert verify(root).findings == []
    assert verify(root).documents == 0
