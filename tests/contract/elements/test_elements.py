"""An element behaves alike, wherever its documents lie, and whatever their storage does."""

import os

import pytest

from artstore.attributes import FileAttributes, FileId, attribute_name
from artstore.engine import Coding, CodingPolicy, Damaged, Engine, Mode, NotFound, StoreUnavailable
from tests.contract.elements.conftest import OpenElement
from tests.support.blobs import FaultyBlobs
from tests.support.engines import describe, fetch, store
from tests.support.scrubs import scrubbed, told
from tests.support.system import eventually

SMALL = b"a small document, which travels in the log"
LARGE = os.urandom(9_000_000)
"""Staged, and in S3 of several parts."""
TEXT = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(300_000))


async def filed(engine: Engine) -> None:
    await engine.filed(engine.last_lsn)


class TestStoring:
    @pytest.mark.parametrize("content", [SMALL, os.urandom(300_000), LARGE], ids=["small", "staged", "large"])
    async def test_is_read_at_once_and_later(self, open_element: OpenElement, content: bytes) -> None:
        engine = await open_element()
        stored = await store(engine, content)
        assert await fetch(engine, stored.file_id) == content
        await filed(engine)
        assert await fetch(engine, stored.file_id) == content
        await engine.close()
        engine = await open_element()
        assert await fetch(engine, stored.file_id) == content
        assert await engine.attributes(FileId(stored.file_id)) == stored
        assert (engine.capacity().documents, engine.recovery.findings) == (1, [])

    async def test_bytes_come_before_attributes(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine = await open_element()
        stored = [await store(engine, content) for content in (SMALL, LARGE)]
        await filed(engine)
        written = [path for call, path in faults[0].calls if call in {"put", "put_staged"}]
        for attributes in stored:
            path = attributes.storage_path
            assert written.index(path) < written.index(attribute_name(path))

    async def test_many_at_once(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = [await store(engine, f"{number}".encode()) for number in range(20)]
        await filed(engine)
        found = [attributes async for attributes in engine.scan()]
        assert found == sorted(stored, key=lambda each: attribute_name(each.storage_path).split("/"))
        middle = found[10].storage_path
        assert [each async for each in engine.scan(middle)] == found[11:]
        assert [each async for each in engine.scan(limit=3)] == found[:3]


class TestChanging:
    async def test_update(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine, SMALL)
        await filed(engine)
        await describe(engine, stored.file_id, "signed")
        await filed(engine)
        await engine.close()
        engine = await open_element()
        assert (await engine.attributes(FileId(stored.file_id))).description == "signed"

    async def test_delete(self, open_element: OpenElement, faults: list[FaultyBlobs]) -> None:
        engine = await open_element()
        stored = await store(engine, SMALL)
        await filed(engine)
        await engine.delete(FileId(stored.file_id))
        await filed(engine)
        path = stored.storage_path
        deleted = [path for call, path in faults[0].calls if call == "delete"]
        assert deleted == [attribute_name(path), path]
        with pytest.raises(NotFound):
            await engine.attributes(FileId(stored.file_id))
        assert [each async for each in engine.scan()] == []

    async def test_delete_lets_a_reader_finish(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine, LARGE)
        await filed(engine)
        async with await engine.open_document(FileId(stored.file_id)) as document:
            start = await document.read(0, 1000)
            await engine.delete(FileId(stored.file_id))
            await filed(engine)
            assert start + await document.read(1000, len(LARGE)) == LARGE

    async def test_mode(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        await store(engine, SMALL)
        await engine.set_mode(Mode.RO)
        await filed(engine)
        await engine.close()
        engine = await open_element(mode=Mode.RO)
        assert engine.element.mode is Mode.RO


class TestFaults:
    """What the storage does wrong delays what follows the log, and never an upload."""

    @pytest.mark.parametrize("call", ["put", "put_staged", "flush"])
    @pytest.mark.parametrize("after", [False, True], ids=["fails", "did it and fails"])
    async def test_a_call_fails_once(
        self, open_element: OpenElement, faults: list[FaultyBlobs], call: str, after: bool
    ) -> None:
        engine = await open_element(follow_seconds=0.2)
        faults[0].fail(call, StoreUnavailable("it cannot be reached"), on=2, after=after)
        stored = [await store(engine, content) for content in (SMALL, LARGE, b"another", LARGE[:100_000])]
        contents = [await fetch(engine, each.file_id) for each in stored]
        assert contents == [SMALL, LARGE, b"another", LARGE[:100_000]]
        faults[0].fail(call, StoreUnavailable("it cannot be reached"), on=1, after=after)
        last = await store(engine, b"the last")
        await filed(engine)
        assert [await fetch(engine, each.file_id) for each in stored] == contents
        assert await fetch(engine, last.file_id) == b"the last"

    async def test_it_tells_why_it_does_not_get_on(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine = await open_element()
        faults[0].fail("put", StoreUnavailable("it cannot be reached"), always=True)
        stored = await store(engine, SMALL)
        await eventually(lambda: engine.status().failed is not None, "nobody tells of the failure")
        assert "it cannot be reached" in (engine.status().failed or "")
        assert await fetch(engine, stored.file_id) == SMALL
        faults[0].heal()
        await filed(engine)
        await eventually(lambda: engine.status().failed is None, "the failure is not forgotten")

    async def test_a_crash_while_it_is_away_loses_nothing(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine = await open_element(close_seconds=0.0)
        faults[0].fail("put", StoreUnavailable("it cannot be reached"), always=True)
        faults[0].fail("put_staged", StoreUnavailable("it cannot be reached"), always=True)
        stored = [await store(engine, content) for content in (SMALL, LARGE)]
        await engine.close()
        engine = await open_element()
        assert [await fetch(engine, each.file_id) for each in stored] == [SMALL, LARGE]
        await filed(engine)
        assert [await fetch(engine, each.file_id) for each in stored] == [SMALL, LARGE]

    async def test_a_flipped_bit_in_attributes_is_seen(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine, stored = await self._filed_document(open_element)
        faults[0].change_reads(lambda data: bytes([data[0], data[1], data[2] ^ 4, *data[3:]]))
        with pytest.raises(Damaged):
            await engine.attributes(FileId(stored.file_id))

    async def test_a_short_read_is_seen(self, open_element: OpenElement, faults: list[FaultyBlobs]) -> None:
        engine, stored = await self._filed_document(open_element)
        async with await engine.open_document(FileId(stored.file_id)) as document:
            whole = await document.read(0, 10)
            assert whole == LARGE[:10]
        faults[0].change_pieces(lambda data: data[:-1])
        async with await engine.open_document(FileId(stored.file_id)) as document:
            with pytest.raises(Damaged):
                await document.read(2_000_000, 1_000_000)

    async def _filed_document(self, open_element: OpenElement) -> tuple[Engine, FileAttributes]:
        engine = await open_element()
        stored = await store(engine, LARGE)
        await filed(engine)
        return engine, stored


class TestScrub:
    """The scrub reads what lies there, wherever that is, and names what is not as it was stored."""

    async def test_a_sound_element_gives_no_finding(self, open_element: OpenElement) -> None:
        engine = await open_element()
        for content in (SMALL, LARGE):
            await store(engine, content)
        await filed(engine)
        assert told(await scrubbed(engine)) == []

    async def test_a_changed_document_is_named(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine = await open_element()
        stored = await store(engine, LARGE)
        await filed(engine)
        # Attribute files are smaller; they stay as they are.
        faults[0].change_pieces(lambda data: data if len(data) < 5000 else bytes([data[0] ^ 1]) + data[1:])
        assert told(await scrubbed(engine)) == [("D003", stored.storage_path)]


class TestCoded:
    @pytest.mark.parametrize("coding", Coding)
    async def test_is_read_at_once_and_later_and_found_right(
        self, open_element: OpenElement, coding: Coding
    ) -> None:
        engine = await open_element(coding=CodingPolicy(coding=coding))
        contents = (TEXT[:20_000], TEXT)
        stored = [await store(engine, content) for content in contents]
        assert [each.content_encoding for each in stored] == [coding, coding]
        assert [await fetch(engine, each.file_id) for each in stored] == [*contents]
        await filed(engine)
        for each, content in zip(stored, contents, strict=True):
            async with await engine.open_document(FileId(each.file_id)) as document:
                for start in (len(content) - 100, 5000, 0):
                    assert await document.read(start, 100) == content[start : start + 100]
                assert len(await document.read_stored(0, len(content))) == each.stored_size
                await document.verify()
        assert told(await scrubbed(engine)) == []

    async def test_a_changed_one_is_named_and_not_given_away(
        self, open_element: OpenElement, faults: list[FaultyBlobs]
    ) -> None:
        engine = await open_element(coding=CodingPolicy(coding=Coding.ZSTD))
        stored = await store(engine, TEXT)
        await filed(engine)
        faults[0].change_pieces(lambda data: data if len(data) < 5000 else bytes([data[0] ^ 1]) + data[1:])
        assert told(await scrubbed(engine)) == [("D003", stored.storage_path)]
        with pytest.raises(Damaged):
            await fetch(engine, stored.file_id)
