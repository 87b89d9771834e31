"""Storing documents and getting them back, in and out of the log."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from artstore.attributes import AttributesTooLarge, FileId, FilenameInvalid, new_file_id, parse
from artstore.engine import ChecksumMismatch, Closed, Locked, NotFound, TooLarge
from tests.support.engines import draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

LARGE = os.urandom(3 << 20)


class TestSmall:
    async def test_can_be_read_as_soon_as_it_is_acknowledged(self, open_element: OpenElement) -> None:
        engine = await open_element(follow_seconds=30.0, close_seconds=0)

        stored = await store(engine, b"hello", tags=["a"], custom_attributes={"year": 2026})

        assert engine.status().followers["files"].lag == 1
        assert await fetch(engine, stored.file_id) == b"hello"
        assert await engine.attributes(FileId(stored.file_id)) == stored
        assert [found async for found in engine.scan()] == [stored]

    async def test_gets_its_files_in_the_folder_of_its_hour(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element()

        stored = await store(engine, b"hello", "отчёт.pdf")
        await engine.filed(engine.last_lsn)

        assert (root / stored.storage_path).read_bytes() == b"hello"
        assert parse((root / f"{stored.storage_path}.attr.json").read_bytes()) == stored
        assert await fetch(engine, stored.file_id) == b"hello"
        assert await engine.attributes(FileId(stored.file_id)) == stored

    async def test_carries_size_checksum_and_type(self, open_element: OpenElement) -> None:
        engine = await open_element()

        stored = await store(engine, b"%PDF-1.7 and so on", "contract")

        assert stored.file_size == 18
        assert stored.checksum == hashlib.sha256(b"%PDF-1.7 and so on").hexdigest()
        assert stored.content_type == "application/pdf"
        assert stored.created_at == stored.updated_at

    async def test_in_many_pieces(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = engine.begin()
        piece = bytearray(b"abc")
        for _ in range(5):
            await upload.write(memoryview(piece))
            piece[:] = b"xyz"  # the caller may reuse its buffer

        stored = await upload.commit(draft_of())

        assert await fetch(engine, stored.file_id) == b"abcxyzxyzxyzxyz"


class TestLarge:
    async def test_is_staged_and_read_in_ranges(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(follow_seconds=30.0, close_seconds=0)

        stored = await store(engine, LARGE, "large.bin")

        assert len(list((root / "staging").iterdir())) == 1
        async with await engine.open_document(FileId(stored.file_id)) as document:
            assert await document.read(1_000_000, 10) == LARGE[1_000_000:1_000_010]
            assert await document.read(len(LARGE) - 3, 100) == LARGE[-3:]
            assert await document.read(len(LARGE), 100) == b""

    async def test_moves_to_its_place(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()

        stored = await store(engine, LARGE, "large.bin")
        await engine.filed(engine.last_lsn)

        assert list((root / "staging").iterdir()) == []
        assert await fetch(engine, stored.file_id) == LARGE

    @pytest.mark.parametrize("size", [99, 100, 101])
    async def test_begins_behind_the_inline_limit(
        self, open_element: OpenElement, root: Path, size: int
    ) -> None:
        engine = await open_element(inline_limit=100, follow_seconds=30.0, close_seconds=0)

        stored = await store(engine, LARGE[:size])

        assert len(list((root / "staging").iterdir())) == (size > 100)
        assert await fetch(engine, stored.file_id) == LARGE[:size]

    async def test_every_document_when_nothing_may_be_inline(self, open_element: OpenElement) -> None:
        engine = await open_element(inline_limit=0)

        stored = await store(engine, b"x")

        assert await fetch(engine, stored.file_id) == b"x"


class TestRefused:
    async def test_larger_than_allowed(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(max_file_bytes=2 << 20)
        upload = engine.begin()
        await upload.write(LARGE[: 2 << 20])

        with pytest.raises(TooLarge):
            await upload.write(b"x")
        await upload.abort()

        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0

    @pytest.mark.parametrize("content", [b"small", LARGE[: 1 << 20]], ids=["small", "large"])
    async def test_another_checksum_than_announced(
        self, open_element: OpenElement, root: Path, content: bytes
    ) -> None:
        engine = await open_element()
        upload = engine.begin()
        await upload.write(content)

        with pytest.raises(ChecksumMismatch) as refused:
            await upload.commit(draft_of(), announced_checksum="0" * 64)
        await upload.abort()

        assert refused.value.found == hashlib.sha256(content).hexdigest()
        assert (engine.last_lsn, engine.capacity().documents, engine.capacity().reserved_bytes) == (0, 0, 0)
        assert list((root / "staging").iterdir()) == []

    async def test_attributes_that_do_not_fit_can_be_corrected(self, open_element: OpenElement) -> None:
        engine = await open_element(inline_limit=1)
        upload = engine.begin()
        await upload.write(b"twelve bytes")

        with pytest.raises(AttributesTooLarge):
            await upload.commit(draft_of(description="x" * 5000))
        with pytest.raises(FilenameInvalid):
            await upload.commit(draft_of(name="../x"))
        stored = await upload.commit(draft_of())

        assert await fetch(engine, stored.file_id) == b"twelve bytes"
        assert engine.capacity().documents == 1

    async def test_an_empty_document(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = engine.begin()

        with pytest.raises(ValueError, match="at least one byte"):
            await upload.commit(draft_of())
        await upload.abort()

    @pytest.mark.parametrize("size", [10, 3 << 20])
    async def test_abort_leaves_nothing(self, open_element: OpenElement, root: Path, size: int) -> None:
        engine = await open_element()
        upload = engine.begin(expected_bytes=size)
        await upload.write(LARGE[:size])

        await upload.abort()
        await upload.abort()

        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0
        assert engine.last_lsn == 0
        with pytest.raises(ValueError, match="ended"):
            await upload.write(b"more")

    async def test_abort_after_commit_takes_nothing_back(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = engine.begin()
        await upload.write(LARGE)
        stored = await upload.commit(draft_of())

        await upload.abort()

        assert await fetch(engine, stored.file_id) == LARGE

    async def test_a_commit_that_is_cancelled_is_stored_whole_or_not_at_all(
        self, open_element: OpenElement
    ) -> None:
        engine = await open_element()
        upload = engine.begin()
        await upload.write(b"whole")
        commit = asyncio.create_task(upload.commit(draft_of()))
        await asyncio.sleep(0)  # the record is submitted by now

        commit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await commit
        await upload.abort()
        if engine.last_lsn == 0:
            await engine.wait_for(engine.last_lsn)

        (stored,) = [found async for found in engine.scan()]
        assert await fetch(engine, stored.file_id) == b"whole"
        assert engine.capacity().reserved_bytes == 0

    async def test_an_unknown_document(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)

        for file_id in (new_file_id(stored.created_at), FileId(type(stored.file_id)(int=4 << 76))):
            with pytest.raises(NotFound):
                await engine.attributes(file_id)
            with pytest.raises(NotFound):
                await engine.open_document(file_id)


class TestReopened:
    async def test_has_everything(self, open_element: OpenElement) -> None:
        engine = await open_element(follow_seconds=30.0, close_seconds=0)
        small, large = await store(engine, b"small"), await store(engine, LARGE)
        before = engine.capacity()
        await engine.close()

        engine = await open_element()

        assert engine.recovery.findings == []
        assert engine.recovery.unfollowed == 2
        assert await fetch(engine, small.file_id) == b"small"
        assert await fetch(engine, large.file_id) == LARGE
        assert engine.capacity().used_bytes == before.used_bytes
        assert engine.capacity().documents == 2

    async def test_finds_a_followed_document_by_its_id_alone(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        await engine.close()

        engine = await open_element()

        assert engine.recovery.unfollowed == 0
        assert await fetch(engine, stored.file_id) == b"content"

    async def test_asks_the_index_first_and_survives_what_it_says(self, open_element: OpenElement) -> None:
        asked = []

        async def wrong(file_id: FileId) -> str | None:
            asked.append(file_id)
            return "files/2020/01/01/00/nothing"

        async def away(file_id: FileId) -> str | None:
            raise ConnectionError

        engine = await open_element()
        stored = await store(engine)
        for locate in (wrong, away):
            await engine.close()
            engine = await open_element(locate=locate)
            assert await fetch(engine, stored.file_id) == b"content"
        assert asked == [stored.file_id]

    async def test_goes_on_counting(self, open_element: OpenElement) -> None:
        for number in range(1, 4):
            engine = await open_element()
            await store(engine)
            assert engine.last_lsn == number
            await engine.close()

    async def test_refuses_a_second_process(self, open_element: OpenElement) -> None:
        await open_element()

        with pytest.raises(Locked):
            await open_element()

    async def test_forgets_uploads_that_were_not_committed(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element()
        await engine.close()
        (root / "staging" / "left.part").write_bytes(b"half")

        engine = await open_element()

        assert engine.recovery.staging_removed == 1
        assert list((root / "staging").iterdir()) == []

    async def test_closed_refuses_everything(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        upload = engine.begin()
        await upload.write(b"x")
        waiting = asyncio.create_task(engine.wait_for(engine.last_lsn))
        await asyncio.sleep(0)

        await engine.close()
        await engine.close()

        with pytest.raises(Closed):
            await waiting
        with pytest.raises(Closed):
            engine.begin()
        with pytest.raises(Closed):
            await upload.commit(draft_of())
        with pytest.raises(Closed):
            await engine.attributes(FileId(stored.file_id))
        with pytest.raises(Closed):
            await engine.delete(FileId(stored.file_id))
