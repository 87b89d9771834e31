"""Updates, deletions and modes."""

import asyncio
import os
from pathlib import Path

import pytest

from artstore.attributes import AttributesInvalid, AttributesTooLarge, FileAttributes, FileId
from artstore.engine import (
    ElementMismatch,
    Engine,
    Lsn,
    Mode,
    ModeForbids,
    NotAnElement,
    NotFound,
    RevisionMismatch,
    revision_of,
)
from artstore.engine.layout import Layout, read_description
from tests.support.engines import describe, draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

LARGE = os.urandom(300_000)


@pytest.fixture(params=["in the log", "in the files"])
def settings(request: pytest.FixtureRequest) -> dict[str, float]:
    """Where a document is when it is changed: not followed at all, or as soon as it can be."""
    lagging = {"follow_seconds": 60.0, "close_seconds": 0.0}
    return lagging if request.param == "in the log" else {"follow_seconds": 0.0}


async def settle(engine: Engine, settings: dict[str, float]) -> None:
    if not settings["follow_seconds"]:
        await engine.filed(engine.last_lsn)


class TestUpdate:
    async def test_replaces_attributes(self, open_element: OpenElement, settings: dict[str, float]) -> None:
        engine = await open_element(**settings)
        stored = await store(engine)
        await settle(engine, settings)

        updated = await describe(engine, stored.file_id, "new")
        await settle(engine, settings)

        assert updated.description == "new"
        assert updated.updated_at >= stored.updated_at
        assert await engine.attributes(FileId(stored.file_id)) == updated
        assert await fetch(engine, stored.file_id) == b"content"
        await engine.close()
        engine = await open_element()
        assert await engine.attributes(FileId(stored.file_id)) == updated

    async def test_cannot_change_what_describes_the_bytes(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)

        updated = await engine.update(
            FileId(stored.file_id),
            lambda found: found.changed(
                checksum="0" * 64, file_size=1, storage_path="files/elsewhere", created_by_id="2", version="2"
            ),
        )

        assert updated == stored.changed(version="2", updated_at=updated.updated_at)

    async def test_with_the_revision_that_was_read(
        self, open_element: OpenElement, settings: dict[str, float]
    ) -> None:
        engine = await open_element(**settings)
        stored = await store(engine)
        await settle(engine, settings)
        revision = revision_of(stored)

        first = await describe(engine, stored.file_id, "first", if_revision=revision)
        await settle(engine, settings)
        with pytest.raises(RevisionMismatch) as refused:
            await describe(engine, stored.file_id, "second", if_revision=revision)

        assert refused.value.current == revision_of(first)
        assert (await engine.attributes(FileId(stored.file_id))).description == "first"

    async def test_none_is_lost_among_many(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine, custom_attributes={"count": 0})

        def count(found: FileAttributes) -> FileAttributes:
            return found.changed(custom_attributes={"count": found.custom_attributes["count"] + 1})

        await asyncio.gather(*(engine.update(FileId(stored.file_id), count) for _ in range(50)))

        assert (await engine.attributes(FileId(stored.file_id))).custom_attributes == {"count": 50}

    async def test_only_one_of_many_with_the_same_revision_wins(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        revision = revision_of(stored)

        outcomes = await asyncio.gather(
            *(describe(engine, stored.file_id, str(n), if_revision=revision) for n in range(20)),
            return_exceptions=True,
        )

        (winner,) = [outcome for outcome in outcomes if isinstance(outcome, FileAttributes)]
        assert await engine.attributes(FileId(stored.file_id)) == winner

    async def test_that_cannot_be_stored_changes_nothing(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)

        with pytest.raises(AttributesTooLarge):
            await describe(engine, stored.file_id, "x" * 5000)
        with pytest.raises(AttributesInvalid):
            await describe(engine, stored.file_id, "\0")

        assert await engine.attributes(FileId(stored.file_id)) == stored
        assert engine.last_lsn == 1

    async def test_of_nothing(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        await engine.delete(FileId(stored.file_id))
        with pytest.raises(NotFound):
            await describe(engine, stored.file_id, "x")


class TestDelete:
    @pytest.mark.parametrize("content", [b"small", LARGE])
    async def test_leaves_nothing(
        self, open_element: OpenElement, settings: dict[str, float], content: bytes
    ) -> None:
        engine = await open_element(**settings)
        stored = await store(engine, content)
        await settle(engine, settings)

        await engine.delete(FileId(stored.file_id))
        await settle(engine, settings)

        for _ in range(2):
            with pytest.raises(NotFound):
                await engine.attributes(FileId(stored.file_id))
            with pytest.raises(NotFound):
                await engine.open_document(FileId(stored.file_id))
            assert [found async for found in engine.scan()] == []
            capacity = engine.capacity()
            assert (capacity.used_bytes, capacity.documents, capacity.reserved_bytes) == (0, 0, 0)
            await engine.close()
            engine = await open_element()
            await engine.filed(engine.last_lsn)

    @pytest.mark.parametrize("content", [b"small" * 10, LARGE])
    async def test_lets_a_download_finish(
        self, open_element: OpenElement, settings: dict[str, float], content: bytes
    ) -> None:
        engine = await open_element(**settings)
        stored = await store(engine, content)
        await settle(engine, settings)
        document = await engine.open_document(FileId(stored.file_id))
        begun = await document.read(0, 10)

        await engine.delete(FileId(stored.file_id))
        await settle(engine, settings)

        assert begun + await document.read(10, len(content)) == content
        await document.close()

    async def test_twice(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)

        outcomes = await asyncio.gather(
            *(engine.delete(FileId(stored.file_id)) for _ in range(5)), return_exceptions=True
        )

        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 4


class TestMode:
    async def test_decides_what_is_allowed(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        stored = await store(engine)
        await describe(engine, stored.file_id, "x")
        with pytest.raises(ModeForbids):
            await engine.delete(FileId(stored.file_id))

        await engine.set_mode(Mode.RO)
        with pytest.raises(ModeForbids):
            engine.begin()
        with pytest.raises(ModeForbids):
            await describe(engine, stored.file_id, "y")
        assert await fetch(engine, stored.file_id) == b"content"

        await engine.set_mode(Mode.AR)
        with pytest.raises(ModeForbids):
            await engine.open_document(FileId(stored.file_id))
        assert (await engine.attributes(FileId(stored.file_id))).description == "x"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            *[(Mode.EDIT, mode) for mode in (Mode.RW, Mode.RO, Mode.AR)],
            *[(Mode.RW, mode) for mode in (Mode.EDIT, Mode.AR)],
        ],
    )
    async def test_goes_one_way(self, open_element: OpenElement, before: Mode, after: Mode) -> None:
        engine = await open_element(mode=before)
        with pytest.raises(ModeForbids):
            await engine.set_mode(after)
        await engine.set_mode(before)
        assert engine.element.mode is before
        assert engine.last_lsn == 0

    async def test_is_remembered_and_compared(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(mode=Mode.RW, follow_seconds=60.0, close_seconds=0.0)
        await engine.set_mode(Mode.RO)
        for _ in range(2):  # out of the log, then out of element.json
            await engine.close()
            with pytest.raises(ElementMismatch, match="mode"):
                await open_element(mode=Mode.RW)
            assert read_description(Layout(root)).mode is Mode.RO
            engine = await open_element(mode=Mode.RO)
            assert engine.element.mode is Mode.RO
            await engine.filed(engine.last_lsn)

    async def test_goes_back_with_a_confirmation(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        await engine.set_mode(Mode.RO)
        await engine.close()

        engine = await open_element(mode=Mode.RW, confirm_mode=True)

        await store(engine)
        assert [change.mode for change in await engine.changes(Lsn(engine.first_lsn - 1), 9) if change.mode][
            -1
        ] == "rw"

    async def test_refuses_an_upload_that_is_under_way(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        upload = engine.begin()
        await upload.write(LARGE)

        await engine.set_mode(Mode.RO)
        with pytest.raises(ModeForbids):
            await upload.commit(draft_of())
        await upload.abort()

        assert engine.capacity().reserved_bytes == 0


class TestIdentity:
    async def test_is_compared(self, open_element: OpenElement) -> None:
        await (await open_element(element_id="el-1")).close()
        with pytest.raises(ElementMismatch, match="el-2"):
            await open_element(element_id="el-2")
        assert (await open_element(element_id=None, mode=None)).element.id == "el-1"

    async def test_nothing_is_made_unless_asked_for(self, open_element: OpenElement) -> None:
        with pytest.raises(NotAnElement):
            await open_element(create=False)
        with pytest.raises(NotAnElement):
            await open_element(element_id=None)
