"""What a pass finds: every flipped byte, everything that is missing or nobody's, and nothing else."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, Engine, Mode, NotFound
from artstore.engine.adoption import adopt
from artstore.engine.scrub import ScrubFinding
from artstore.engine.verify import verify
from tests.support.archives import leave
from tests.support.engines import describe, fetch, options_of, store
from tests.support.scrubs import findings, passed, scrubbed, told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "element"


@pytest.fixture
async def engine(root: Path) -> AsyncIterator[Engine]:
    """Of an element with an adopted document, a small one, a large one and a changed one, all in the files."""
    leave(root, "2024/old.txt", b"adopted")
    adopt(root, element_id="el-1", mode=Mode.EDIT)
    engine = await Engine.open(root, options_of(inline_limit=1000, verify_reads_bytes=1000))
    await store(engine, b"small", "small.txt")
    await store(engine, b"large" * 1000, "large.txt")
    changed = await store(engine, b"changed", "changed.txt")
    await describe(engine, changed.file_id, "changed")
    await engine.filed(engine.last_lsn)
    yield engine
    await engine.close()


async def document(engine: Engine, name: str) -> FileAttributes:
    (found,) = [found async for found in engine.scan() if found.original_filename == name]
    return found


def flip(path: Path, position: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


async def without_log(engine: Engine, root: Path) -> Engine:
    """The same element after its log has let everything go."""
    await engine.close()
    for segment in (root / "wal").glob("*.log"):
        if segment.stat().st_size > 128:
            segment.write_bytes(segment.read_bytes()[:128])
    return await Engine.open(root, options_of(inline_limit=1000))


class TestCleanElement:
    async def test_gives_no_finding(self, engine: Engine) -> None:
        scrub = await scrubbed(engine)
        result = scrub.last_result()
        assert result is not None
        assert result.clean
        assert (result.findings, result.findings_count, result.unsure) == ((), 0, 0)
        assert result.documents == 4
        assert result.bytes == engine.capacity().used_bytes

    async def test_nothing_at_all_is_clean_too(self, tmp_path: Path) -> None:
        engine = await Engine.open(tmp_path / "new", options_of())
        scrub = await scrubbed(engine)
        assert told(scrub) == []
        assert scrub.oldest_verified() is None
        await engine.close()

    async def test_leaves_an_element_that_breaks_no_rule(self, engine: Engine, root: Path) -> None:
        await scrubbed(engine)
        await engine.close()
        assert verify(root).findings == []

    async def test_with_documents_offline(self, engine: Engine, root: Path) -> None:
        await engine.close()
        for path in root.rglob("*.attr.json"):
            path.with_name(path.name.removesuffix(".attr.json")).unlink()
        engine = await Engine.open(root, options_of(mode=Mode.AR, confirm_mode=True))
        assert told(await scrubbed(engine)) == []
        await engine.close()


class TestFlippedByte:
    @pytest.mark.parametrize("name", ["small.txt", "large.txt", "changed.txt", "old.txt"])
    @pytest.mark.parametrize("suffix", ["", ".attr.json"])
    async def test_in_documents_and_attributes_is_found_and_named(
        self, engine: Engine, root: Path, name: str, suffix: str
    ) -> None:
        engine = await without_log(engine, root)
        path = (await document(engine, name)).storage_path + suffix
        chance = random.Random(path)
        whole = (root / path).read_bytes()
        scrub = engine.scrub(bytes_per_second=None)
        for position in chance.sample(range(len(whole)), min(len(whole), 12)):
            flip(root / path, position, chance.randrange(8))
            await passed(scrub)
            assert {where for _, where in told(scrub)} & {path, path.removesuffix(".attr.json")}, position
            (root / path).write_bytes(whole)
        await passed(scrub)
        assert told(scrub) == []
        await engine.close()

    async def test_in_the_log_is_found_and_named(self, engine: Engine, root: Path) -> None:
        scrub = engine.scrub(bytes_per_second=None)
        (segment,) = (root / "wal").glob("*.log")
        end = len(segment.read_bytes().rstrip(b"\0"))
        for position in [*range(0, 128, 9), *random.Random(1).sample(range(128, end), 30)]:
            with segment.open("r+b") as file:
                file.seek(position)
                (byte,) = file.read(1)
                file.seek(position)
                file.write(bytes([byte ^ 4]))
                file.flush()
                await passed(scrub)
                file.seek(position)
                file.write(bytes([byte]))
            expected = "W005" if position < 128 else "W001"
            assert told(scrub) == [(expected, f"wal/{segment.name}")], position
        await passed(scrub)
        assert told(scrub) == []

    @pytest.mark.parametrize("start", [128, 200])
    async def test_a_hole_of_zeros_in_the_log(self, engine: Engine, root: Path, start: int) -> None:
        (segment,) = (root / "wal").glob("*.log")
        whole = segment.read_bytes()
        with segment.open("r+b") as file:
            file.seek(start)
            file.write(bytes(len(whole) - start))
        assert ("W001", f"wal/{segment.name}") in told(await scrubbed(engine))
        segment.write_bytes(whole)

    @pytest.mark.parametrize(
        ("path", "codes"),
        [("wal/checkpoint.json", {"W007"}), ("adopted.jsonl", {"E008"}), ("element.json", {"E002", "E006"})],
    )
    async def test_in_other_files_is_found_and_named(
        self, engine: Engine, root: Path, path: str, codes: set[str]
    ) -> None:
        whole = (root / path).read_bytes()
        scrub = engine.scrub(bytes_per_second=None)
        for position in random.Random(path).sample(range(len(whole)), 12):
            (root / path).write_bytes(whole)
            flip(root / path, position, 2)
            await passed(scrub)
            (found,) = findings(scrub)
            assert found.path == path
            assert found.code in codes
        (root / path).write_bytes(whole)
        await passed(scrub)
        assert told(scrub) == []

    async def test_of_element_json_is_put_right_from_memory(self, engine: Engine, root: Path) -> None:
        whole = (root / "element.json").read_bytes()
        flip(root / "element.json", 30)
        damaged = (root / "element.json").read_bytes()
        (found,) = findings(await scrubbed(engine))
        assert found.repaired_from == "memory"
        assert found.kept_as is not None
        assert (root / found.kept_as).read_bytes() == damaged
        assert (root / "element.json").read_bytes() == whole


class TestMissingAndLeftOver:
    async def test_bytes_that_are_missing(self, engine: Engine, root: Path) -> None:
        gone = await document(engine, "large.txt")
        (root / gone.storage_path).unlink()
        (found,) = findings(await scrubbed(engine))
        assert (found.code, found.path, found.file_id) == ("D001", gone.storage_path, str(gone.file_id))
        assert found.open
        assert found.severity == "error"

    async def test_bytes_of_another_size(self, engine: Engine, root: Path) -> None:
        cut = await document(engine, "large.txt")
        (root / cut.storage_path).write_bytes(b"large")
        assert told(await scrubbed(engine)) == [("D002", cut.storage_path)]

    async def test_attributes_that_are_missing(self, engine: Engine, root: Path) -> None:
        engine = await without_log(engine, root)
        lost = await document(engine, "small.txt")
        (root / f"{lost.storage_path}.attr.json").unlink()
        assert told(await scrubbed(engine)) == [("O001", lost.storage_path)]
        assert (root / lost.storage_path).exists()
        await engine.close()

    async def test_files_that_are_nobodys(self, engine: Engine, root: Path) -> None:
        (root / "files/notes.txt").touch()
        (root / "files/2026").mkdir(exist_ok=True)
        (root / "files/2026/.directory").touch()
        assert told(await scrubbed(engine)) == [
            ("O001", "files/notes.txt"),
            ("O005", "files/2026/.directory"),
        ]

    async def test_a_document_that_was_moved_by_hand(self, engine: Engine, root: Path) -> None:
        moved = await document(engine, "small.txt")
        target = root / "files" / moved.storage_filename
        (root / moved.storage_path).rename(target)
        (root / f"{moved.storage_path}.attr.json").rename(f"{target}.attr.json")
        assert told(await scrubbed(engine)) == [("N002", f"files/{moved.storage_filename}")]

    async def test_a_lost_list_of_adopted_documents(self, engine: Engine, root: Path) -> None:
        (root / "adopted.jsonl").unlink()
        assert told(await scrubbed(engine)) == [("E007", "adopted.jsonl")]


class Rows:
    """An index of these rows."""

    def __init__(self, rows: dict[UUID, str]) -> None:
        self.asked = dict(rows)
        self.there = set(rows)

    async def rows(self) -> AsyncIterator[tuple[FileId, str]]:
        for file_id, path in self.asked.items():
            yield FileId(file_id), path

    async def has(self, file_id: FileId) -> bool:
        return file_id in self.there


class TestIndex:
    async def test_rows_of_documents_that_are_not_there(self, engine: Engine) -> None:
        lost = uuid4()
        known = {found.file_id: found.storage_path async for found in engine.scan()}
        (found,) = findings(await scrubbed(engine, index=Rows({**known, lost: "files/2026/x"})))
        assert (found.code, found.path, found.file_id) == ("X001", "files/2026/x", str(lost))

    async def test_rows_that_went_meanwhile_are_none(self, engine: Engine) -> None:
        index = Rows({uuid4(): "files/2026/x"})
        index.there.clear()
        assert told(await scrubbed(engine, index=index)) == []

    async def test_an_index_that_is_away_is_passed_over(self, engine: Engine) -> None:
        class Away(Rows):
            async def has(self, file_id: FileId) -> bool:
                raise ConnectionError("away")

        scrub = await scrubbed(engine, index=Away({uuid4(): "x"}))
        result = scrub.last_result()
        assert result is not None
        assert (result.findings, result.unsure) == ((), 1)


class TestDamagedDocuments:
    async def test_are_not_served(self, engine: Engine, root: Path) -> None:
        damaged = await document(engine, "large.txt")
        flip(root / damaged.storage_path, 7)
        assert await fetch(engine, damaged.file_id)  # large: it is sent as it is read
        await scrubbed(engine)
        with pytest.raises(Damaged, match="another checksum"):
            await engine.open_document(FileId(damaged.file_id))
        flip(root / damaged.storage_path, 7)
        assert await fetch(engine, damaged.file_id) == b"large" * 1000
        assert len(engine.damage) == 0

    async def test_are_not_served_after_a_restart_either(self, engine: Engine, root: Path) -> None:
        damaged = await document(engine, "large.txt")
        flip(root / damaged.storage_path, 7)
        await scrubbed(engine)
        await engine.close()
        engine = await Engine.open(root, options_of())
        scrub = engine.scrub(bytes_per_second=None)
        with pytest.raises(Damaged):
            await engine.open_document(FileId(damaged.file_id))
        flip(root / damaged.storage_path, 7)
        await passed(scrub)
        assert told(scrub) == []
        assert len(engine.damage) == 0
        await engine.close()

    async def test_a_small_one_is_found_by_whoever_reads_it(self, engine: Engine, root: Path) -> None:
        damaged = await document(engine, "small.txt")
        flip(root / damaged.storage_path, 2)
        met: list[tuple[FileId, str]] = []
        engine.damage.told = lambda file_id, reason: met.append((file_id, reason))
        async with await engine.open_document(FileId(damaged.file_id)) as opened:
            with pytest.raises(Damaged, match="another checksum"):
                await opened.read(0, opened.size)
        assert met == [(damaged.file_id, "its bytes have another checksum than its attributes tell")]
        with pytest.raises(Damaged):
            await engine.open_document(FileId(damaged.file_id))


class TestWhileTheElementIsUsed:
    async def test_changes_are_no_findings(self, root: Path) -> None:
        engine = await Engine.open(root, options_of(inline_limit=500, follow_seconds=0.01))
        kept: list[FileAttributes] = []
        done = asyncio.Event()

        async def use(number: int) -> None:
            chance = random.Random(number)
            while not done.is_set():
                stored = await store(engine, chance.randbytes(chance.randrange(1, 3000)), "x.bin")
                await describe(engine, stored.file_id, "changed")
                if chance.random() < 0.7:
                    await engine.delete(FileId(stored.file_id))
                else:
                    kept.append(stored)

        users = [asyncio.create_task(use(number)) for number in range(6)]
        found: list[ScrubFinding] = []
        scrub = engine.scrub(bytes_per_second=None, told=found.append)
        for _ in range(12):
            await passed(scrub)
        done.set()
        await asyncio.gather(*users)
        await passed(scrub)
        assert found == []
        result = scrub.last_result()
        assert result is not None
        assert result.documents == len(kept) > 0
        await engine.close()
        assert verify(root).findings == []

    async def test_a_document_that_goes_while_its_finding_is_judged(self, engine: Engine, root: Path) -> None:
        damaged = await document(engine, "large.txt")
        flip(root / damaged.storage_path, 2)

        class Deleting:
            name = "deleting"

            async def attributes(self, storage_path: str) -> bytes | None:
                return None

            async def document(self, attributes: FileAttributes) -> AsyncIterator[bytes]:
                self.deletion = asyncio.create_task(engine.delete(FileId(attributes.file_id)))
                return
                yield b""

        source = Deleting()
        scrub = await scrubbed(engine, repair=[source])
        await source.deletion
        with pytest.raises(NotFound):
            await engine.attributes(FileId(damaged.file_id))
        await passed(scrub)
        assert told(scrub) == []
