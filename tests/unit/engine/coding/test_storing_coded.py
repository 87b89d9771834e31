"""Documents that are coded on disk: stored, read, changed, checked, whatever becomes of it."""

import asyncio
import gzip
import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId, parse
from artstore.engine import Arrival, ChecksumMismatch, Coding, CodingPolicy, Damaged, DiskFull, Engine
from artstore.engine import staging as staging_module
from artstore.engine.verify import verify
from tests.support.engines import describe, draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

SMALL = b"number;name;amount\n" * 1000
LARGE = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(150_000))
GAINS_LATE_NOTHING = SMALL * 60 + os.urandom(12 << 20)
"""Promises much by its first MiB."""


def policy(coding: Coding = Coding.ZSTD, **fields: object) -> CodingPolicy:
    return CodingPolicy(coding=coding, **fields)  # type: ignore[arg-type]


async def filed(engine: Engine) -> None:
    await engine.filed(engine.last_lsn)


def lies(root: Path, stored: FileAttributes) -> bytes:
    return (root / stored.storage_path).read_bytes()


@pytest.mark.parametrize("coding", Coding)
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["in the record", "staged"])
class TestStoring:
    async def test_is_coded_on_disk_and_the_same_for_readers(
        self, open_element: OpenElement, root: Path, coding: Coding, content: bytes
    ) -> None:
        engine = await open_element(coding=policy(coding), follow_seconds=0.3)

        stored = await store(engine, content, "отчёт.csv")

        assert await fetch(engine, stored.file_id) == content
        await filed(engine)
        assert await fetch(engine, stored.file_id) == content
        on_disk = lies(root, stored)
        assert stored.content_encoding == coding
        assert (stored.file_size, stored.checksum) == (len(content), hashlib.sha256(content).hexdigest())
        assert (stored.stored_size, stored.stored_checksum) == (
            len(on_disk),
            hashlib.sha256(on_disk).hexdigest(),
        )
        assert stored.storage_filename.endswith(f"_{stored.file_id}.csv{coding.suffix}")
        assert engine.capacity().used_bytes == len(on_disk) + len(stored.to_bytes())
        assert engine.coding.documents == {coding: 1}
        assert engine.coding.original_bytes == {coding: len(content)}
        assert engine.coding.stored_bytes == {coding: len(on_disk)}

    async def test_is_read_in_ranges(self, open_element: OpenElement, coding: Coding, content: bytes) -> None:
        engine = await open_element(coding=policy(coding))
        stored = await store(engine, content)
        chosen = random.Random(len(content))
        async with await engine.open_document(FileId(stored.file_id)) as document:
            assert document.size == len(content)
            for _ in range(6):
                start = chosen.randrange(len(content))
                assert await document.read(start, 1000) == content[start : start + 1000]
            assert await document.read(len(content) - 1, 9) == content[-1:]
            assert await document.read(len(content), 9) == b""

    async def test_survives_a_restart_and_an_update(
        self, open_element: OpenElement, root: Path, coding: Coding, content: bytes
    ) -> None:
        engine = await open_element(coding=policy(coding), follow_seconds=30.0, close_seconds=0)
        stored = await store(engine, content)
        await engine.close()
        engine = await open_element()
        changed = await describe(engine, stored.file_id, "signed")
        await filed(engine)
        assert await fetch(engine, stored.file_id) == content
        assert changed.checksum_on_disk == stored.checksum_on_disk
        assert changed.content_encoding == coding
        assert parse((root / f"{stored.storage_path}.attr.json").read_bytes()) == changed
        await engine.delete(FileId(stored.file_id))
        await filed(engine)
        assert engine.capacity().used_bytes == 0

    async def test_a_byte_that_flips_is_found(
        self, open_element: OpenElement, root: Path, damages: None, coding: Coding, content: bytes
    ) -> None:
        engine = await open_element(coding=policy(coding))
        stored = await store(engine, content)
        await filed(engine)
        await engine.close()
        on_disk = bytearray(lies(root, stored))
        on_disk[len(on_disk) // 2] ^= 1
        (root / stored.storage_path).write_bytes(on_disk)
        assert [(each.code, each.path) for each in verify(root).findings] == [("D003", stored.storage_path)]
        engine = await open_element()
        with pytest.raises(Damaged):
            async with await engine.open_document(FileId(stored.file_id)) as document:
                await document.verify()
        with pytest.raises(Damaged):
            await fetch(engine, stored.file_id)


class TestNotCoded:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"short " * 600, "a.txt"),
            (os.urandom(20_000), "a.txt"),
            (os.urandom(2 << 20), "a.txt"),
            (gzip.compress(LARGE), "table.csv.gz"),
            (SMALL, "a.jpg"),
        ],
        ids=["too small", "random", "large and random", "compressed already", "of another type"],
    )
    async def test_lies_as_it_came(
        self, open_element: OpenElement, root: Path, content: bytes, name: str
    ) -> None:
        engine = await open_element(coding=policy())
        kind = "image/jpeg" if name.endswith(".jpg") else None
        stored = await store(engine, content, name, content_type=kind)
        await filed(engine)
        assert stored.content_encoding is None
        assert lies(root, stored) == content
        assert engine.coding.documents == {}
        assert engine.coding.undone == 0

    async def test_a_large_one_by_what_is_said_of_it_before(self, open_element: OpenElement) -> None:
        engine = await open_element(coding=policy())
        upload = engine.begin()
        upload.expect("photo.jpg", "image/jpeg")
        await upload.write(LARGE)
        stored = await upload.commit(draft_of("photo.jpg", content_type="image/jpeg"))
        assert stored.content_encoding is None


class TestUndone:
    @pytest.mark.parametrize("coding", Coding)
    async def test_what_saves_too_little_in_the_end_is_written_as_it_came(
        self, open_element: OpenElement, root: Path, coding: Coding
    ) -> None:
        engine = await open_element(coding=policy(coding), follow_seconds=30.0, close_seconds=0)
        stored = await store(engine, GAINS_LATE_NOTHING)
        assert stored.content_encoding is None
        assert [each.stat().st_size for each in (root / "staging").iterdir()] == [len(GAINS_LATE_NOTHING)]
        assert await fetch(engine, stored.file_id) == GAINS_LATE_NOTHING
        assert engine.coding.undone == 1

    @pytest.mark.parametrize("content", [SMALL, LARGE], ids=["in the record", "staged"])
    async def test_attributes_that_have_no_room_to_tell_of_it(
        self, open_element: OpenElement, root: Path, content: bytes
    ) -> None:
        """They fit without; a document does not fail by how it is stored."""
        engine = await open_element(coding=policy())
        spare = 4096 - len((await store(engine, SMALL[:100])).to_bytes())
        stored = await store(engine, content, description="x" * (spare - 50))
        await filed(engine)
        assert stored.content_encoding is None
        assert lies(root, stored) == content
        assert await fetch(engine, stored.file_id) == content

    async def test_without_room_for_both_it_stays_coded(self, open_element: OpenElement, root: Path) -> None:
        """Rather than being refused."""
        engine = await open_element(coding=policy(), capacity_bytes=len(GAINS_LATE_NOTHING) + 20_000)
        stored = await store(engine, GAINS_LATE_NOTHING)
        assert stored.content_encoding == "zstd"
        assert await fetch(engine, stored.file_id) == GAINS_LATE_NOTHING

    async def test_a_disk_that_is_full_then_leaves_nothing(
        self, open_element: OpenElement, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = await open_element(coding=policy())

        def full(descriptor: int, data: bytes) -> int:
            raise DiskFull("write the document")

        upload = engine.begin()
        await upload.write(GAINS_LATE_NOTHING)
        real = staging_module._Undoing.read

        def fail_then(undoing: staging_module._Undoing, most: int) -> object:
            monkeypatch.setattr(staging_module, "write_all", full)
            return real(undoing, most)

        monkeypatch.setattr(staging_module._Undoing, "read", fail_then)
        with pytest.raises(DiskFull):
            await upload.commit(draft_of())
        await upload.abort()
        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0

    async def test_an_abort_while_it_is_undone_leaves_nothing(
        self, open_element: OpenElement, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reached, go_on = threading.Event(), threading.Event()
        real = staging_module._Undoing.read

        def held(undoing: staging_module._Undoing, most: int) -> Iterator[bytes]:
            reached.set()
            go_on.wait(30)
            return real(undoing, most)

        monkeypatch.setattr(staging_module._Undoing, "read", held)
        engine = await open_element(coding=policy())
        upload = engine.begin()
        await upload.write(GAINS_LATE_NOTHING)
        commit = asyncio.create_task(upload.commit(draft_of()))
        await asyncio.to_thread(reached.wait, 30)
        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        aborting = asyncio.create_task(upload.abort())
        go_on.set()
        await aborting
        assert list((root / "staging").iterdir()) == []


class TestRefused:
    async def test_the_announced_checksum_is_of_the_original(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element(coding=policy())
        for content in (SMALL, LARGE):
            upload = engine.begin()
            await upload.write(content)
            with pytest.raises(ChecksumMismatch):
                await upload.commit(draft_of(), announced_checksum="0" * 64)
            await upload.abort()
            upload = engine.begin()
            await upload.write(content)
            await upload.commit(draft_of(), announced_checksum=hashlib.sha256(content).hexdigest())
        await filed(engine)
        assert list((root / "staging").iterdir()) == []


class TestArriving:
    async def test_the_target_codes_as_it_is_told(
        self, open_element: OpenElement, root: Path, tmp_path: Path
    ) -> None:
        source = await open_element(coding=policy(Coding.GZIP))
        target = await open_element(root=tmp_path / "other", coding=policy(Coding.BROTLI), element_id="el-2")
        for content in (SMALL, LARGE):
            stored = await store(source, content, "table.csv")
            coming = Arrival.of(stored.to_json_object())
            upload = target.begin()
            upload.expect(coming.told.original_filename, coming.told.content_type)
            await upload.write(await fetch(source, stored.file_id))
            arrived = await target.take_in(upload, coming)
            assert (arrived.checksum, arrived.content_encoding) == (stored.checksum, "br")
            assert arrived.storage_filename.endswith(".csv.br")
            assert await fetch(target, arrived.file_id) == content


class TestHostile:
    async def test_a_bomb_in_the_place_of_a_document(
        self, open_element: OpenElement, root: Path, damages: None
    ) -> None:
        """With attributes that were made to fit it."""
        engine = await open_element(coding=policy(Coding.GZIP))
        stored = await store(engine, LARGE)
        await filed(engine)
        await engine.close()
        bomb = gzip.compress(bytes(50 << 20), 6)
        told = stored.changed(stored_size=len(bomb), stored_checksum=hashlib.sha256(bomb).hexdigest())
        (root / stored.storage_path).write_bytes(bomb)
        (root / f"{stored.storage_path}.attr.json").write_bytes(told.to_bytes())
        findings = [each for each in verify(root).findings if each.code.startswith("D")]
        assert [each.code for each in findings] == ["D004"]
        assert f"more than {len(LARGE)} bytes" in findings[0].what
        engine = await open_element()
        with pytest.raises(Damaged):
            await fetch(engine, stored.file_id)

    async def test_a_coding_that_nobody_knows(
        self, open_element: OpenElement, root: Path, damages: None
    ) -> None:
        engine = await open_element(coding=policy(Coding.GZIP))
        stored = await store(engine, SMALL)
        await filed(engine)
        await engine.close()
        told = stored.changed(content_encoding="rot13")
        (root / f"{stored.storage_path}.attr.json").write_bytes(told.to_bytes())
        assert [each.code for each in verify(root).findings] == ["D005"]
        engine = await open_element()
        with pytest.raises(Damaged, match="rot13"):
            await fetch(engine, stored.file_id)
        assert FileId(stored.file_id) not in engine.damage
