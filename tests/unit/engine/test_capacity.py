"""Room: reserved before it is used, exact after anything."""

import asyncio
import os
from pathlib import Path

import pytest

from artstore.attributes import MAX_BYTES, FileId
from artstore.engine import DiskFull, FindingKind, NoRoom
from tests.support.engines import describe, draft_of, store
from tests.unit.engine.conftest import OpenElement

LARGE = os.urandom(300_000)


def bytes_in(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / "files").rglob("*") if path.is_file())


class TestReservation:
    async def test_is_refused_beyond_the_limit(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=100_000)
        with pytest.raises(NoRoom) as refused:
            engine.begin(expected_bytes=100_000)
        assert refused.value.free == 100_000
        assert not isinstance(refused.value, DiskFull)

    async def test_cannot_be_overfilled_by_many(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=1_000_000)

        outcomes = await asyncio.gather(
            *(store(engine, LARGE[:50_000]) for _ in range(100)), return_exceptions=True
        )

        refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(outcome, NoRoom) for outcome in refused)
        assert len(refused) >= 100 - 20
        capacity = engine.capacity()
        assert capacity.documents == 100 - len(refused) >= 10
        assert capacity.used_bytes <= 1_000_000
        assert capacity.free_bytes == 1_000_000 - capacity.used_bytes
        assert capacity.reserved_bytes == 0

    async def test_grows_with_an_upload_that_told_nothing(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=200_000)
        upload = engine.begin()
        await upload.write(LARGE[:100_000])
        assert engine.capacity().reserved_bytes >= 100_000 + MAX_BYTES

        with pytest.raises(NoRoom):
            await upload.write(LARGE[:100_000])
        await upload.abort()

        assert engine.capacity().free_bytes == 200_000

    async def test_is_freed_by_a_deletion(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=310_000)
        stored = await store(engine, LARGE)
        with pytest.raises(NoRoom):
            await store(engine, LARGE)

        await engine.delete(FileId(stored.file_id))
        await store(engine, LARGE)

    async def test_leaves_the_disk_some_room(self, open_element: OpenElement) -> None:
        engine = await open_element(keep_free_bytes=1 << 60)
        with pytest.raises(DiskFull):
            engine.begin(expected_bytes=1)
        assert engine.capacity().free_bytes == 0


class TestUsed:
    async def test_is_what_lies_in_the_files(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        stored = [await store(engine, LARGE[:size]) for size in (1, 1000, 100_000)]
        await describe(engine, stored[0].file_id, "x" * 500)
        await describe(engine, stored[1].file_id, "y")
        await describe(engine, stored[1].file_id, "")
        await engine.delete(FileId(stored[2].file_id))
        await engine.filed(engine.last_lsn)

        capacity = engine.capacity()

        assert capacity.used_bytes == bytes_in(root)
        assert capacity.documents == 2

    @pytest.mark.parametrize("damage", ["remove", "flip"])
    @pytest.mark.parametrize("followed", [True, False])
    async def test_is_counted_when_the_checkpoint_is_bad(
        self, open_element: OpenElement, root: Path, damage: str, followed: bool
    ) -> None:
        engine = await open_element()
        stored = [await store(engine, LARGE[:size]) for size in (1, 1000, 100_000)]
        await engine.close()
        settings = {} if followed else {"follow_seconds": 60.0, "close_seconds": 0.0}
        engine = await open_element(**settings)
        await store(engine, LARGE)
        await describe(engine, stored[0].file_id, "x" * 500)
        await engine.delete(FileId(stored[2].file_id))
        before = engine.capacity()
        await engine.close()
        checkpoint = root / "wal" / "checkpoint.json"
        if damage == "remove":
            checkpoint.unlink()
        else:
            checkpoint.write_bytes(checkpoint.read_bytes().replace(b'"documents": ', b'"documents": 1'))

        engine = await open_element(**settings)

        assert engine.recovery.counted
        assert [finding.kind for finding in engine.recovery.findings] == [
            FindingKind.CHECKPOINT_MISSING if damage == "remove" else FindingKind.CHECKPOINT_DAMAGED
        ]
        assert engine.capacity().used_bytes == before.used_bytes
        assert engine.capacity().documents == before.documents
        await engine.close()
        engine = await open_element()
        assert not engine.recovery.counted
        await engine.filed(engine.last_lsn)
        assert engine.capacity().used_bytes == before.used_bytes == bytes_in(root)


async def test_a_commit_counts_what_it_takes_and_no_more(open_element: OpenElement) -> None:
    engine = await open_element(capacity_bytes=1_000_000, follow_seconds=60.0, close_seconds=0.0)
    upload = engine.begin(expected_bytes=500_000)
    await upload.write(b"only this")
    assert engine.capacity().reserved_bytes == 500_000 + MAX_BYTES

    stored = await upload.commit(draft_of())

    assert engine.capacity().used_bytes == 9 + len(stored.to_bytes())
    assert engine.capacity().reserved_bytes == 0
