"""Followers: what they are given, how far they may fall behind, and what goes when they have passed."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from artstore.attributes import FileId, new_file_id
from artstore.engine import ChangeKind, ChangesGone, Engine, LogFull, Lsn, Mode
from tests.support.engines import describe, draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement


async def segments_of(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "wal").glob("*.log"))


class TestChanges:
    async def test_tell_everything_in_order(self, open_element: OpenElement) -> None:
        engine = await open_element()
        first, second = await store(engine), await store(engine, os.urandom(200_000))
        updated = await describe(engine, first.file_id, "new")
        await engine.delete(FileId(second.file_id))

        changes = await engine.changes(Lsn(0), 100)

        assert [(change.lsn, change.kind, change.file_id) for change in changes] == [
            (1, ChangeKind.PUT, first.file_id),
            (2, ChangeKind.PUT, second.file_id),
            (3, ChangeKind.UPDATE, first.file_id),
            (4, ChangeKind.DELETE, second.file_id),
        ]
        assert [change.attributes for change in changes] == [first, second, updated, None]
        assert [change.storage_path for change in changes] == [
            first.storage_path,
            second.storage_path,
            first.storage_path,
            second.storage_path,
        ]
        assert changes[0].at == first.created_at
        assert changes[2].at == updated.updated_at

    async def test_can_be_read_in_pieces(self, open_element: OpenElement) -> None:
        engine = await open_element()
        await asyncio.gather(*(store(engine) for _ in range(25)))

        lsns: list[int] = []
        while changes := await engine.changes(Lsn(lsns[-1] if lsns else 0), 10):
            lsns += [change.lsn for change in changes]

        assert lsns == list(range(1, 26))

    async def test_are_waited_for(self, open_element: OpenElement) -> None:
        engine = await open_element()
        waiting = asyncio.create_task(engine.wait_for(Lsn(0)))
        later = asyncio.create_task(engine.wait_for(Lsn(1)))
        await asyncio.sleep(0)
        assert not waiting.done()

        await store(engine)
        await waiting
        await engine.wait_for(Lsn(0))

        assert not later.done()
        later.cancel()

    async def test_tell_when_they_became_durable(self, open_element: OpenElement) -> None:
        """Which a document with an id of its own, or an earlier time, does not."""
        engine = await open_element()
        before = datetime.now(UTC)
        given = new_file_id(before - timedelta(hours=3))
        upload = engine.begin()
        await upload.write(b"content")
        await upload.commit(draft_of(file_id=given))

        (change,) = await engine.changes(Lsn(0), 10)

        assert change.at < before
        assert change.durable_at is not None
        assert before <= change.durable_at <= datetime.now(UTC)

    async def test_of_a_mode(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        await engine.set_mode(Mode.RO)

        (change,) = await engine.changes(Lsn(0), 10)

        assert (change.kind, change.mode, change.file_id) == (ChangeKind.MODE, Mode.RO, None)

    async def test_that_are_gone_say_so(self, open_element: OpenElement) -> None:
        engine = await open_element(segment_bytes=5000)
        for _ in range(20):
            await store(engine)
        await engine.filed(engine.last_lsn)
        await engine.close()
        engine = await open_element(segment_bytes=5000)

        assert engine.first_lsn > 1
        with pytest.raises(ChangesGone):
            await engine.changes(Lsn(0), 10)
        assert await engine.changes(Lsn(engine.first_lsn - 1), 10) == []


class TestFiles:
    async def test_a_change_that_comes_alone_is_followed_at_once(self, open_element: OpenElement) -> None:
        engine = await open_element(follow_seconds=0.5)
        await store(engine)
        await engine.filed(Lsn(1))
        await asyncio.sleep(0.5)
        assert engine._files._seconds_to_gather() == 0
        began = asyncio.get_running_loop().time()
        await store(engine)
        await engine.filed(Lsn(2))
        await store(engine)
        await engine.filed(Lsn(3))
        assert asyncio.get_running_loop().time() - began > 0.4, "what came soon after it did not wait"

    async def test_a_full_batch_does_not_wait(self, open_element: OpenElement) -> None:
        """Full by its bytes, long before there are as many documents as a batch takes."""
        engine = await open_element(
            follow_seconds=3600.0, close_seconds=0.0, inline_limit=8 << 20, upload_memory_bytes=64 << 20
        )
        content = os.urandom(4 << 20)
        for _ in range(7):
            await store(engine, content)
        assert engine._files._seconds_to_gather() > 3000
        await store(engine, content)
        assert engine._files._seconds_to_gather() == 0


class TestOutside:
    async def fill(self, engine: Engine, count: int = 20) -> None:
        for _ in range(count):
            await store(engine)
        await engine.filed(engine.last_lsn)

    async def test_keep_the_log_until_they_have_passed(self, open_element: OpenElement, root: Path) -> None:
        settings = {"segment_bytes": 5000, "followers": ("index", "events")}
        engine = await open_element(**settings)
        await self.fill(engine)
        kept = await segments_of(root)
        assert len(kept) == 3

        engine.acknowledge("index", Lsn(20))
        await engine.close()
        engine = await open_element(**settings)
        assert engine.first_lsn == 1
        assert engine.status().followers["index"].position == 20
        assert engine.status().followers["events"].lag == 20

        engine.acknowledge("events", Lsn(20))
        await engine.close()
        engine = await open_element(**settings)
        assert engine.first_lsn == 21
        assert len(await segments_of(root)) == 1

    async def test_let_segments_go_while_nothing_else_happens(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element(segment_bytes=5000, followers=("index",))
        await self.fill(engine)

        engine.acknowledge("index", Lsn(20))

        async with asyncio.timeout(20):
            while len(await segments_of(root)) > 1:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)

    async def test_that_are_gone_hold_nothing_back(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(segment_bytes=5000, followers=("index",))
        await self.fill(engine)
        await engine.close()

        await open_element(segment_bytes=5000)

        assert len(await segments_of(root)) == 1

    async def test_are_not_believed_to_be_ahead(self, open_element: OpenElement) -> None:
        engine = await open_element(followers=("index",))
        engine.acknowledge("index", Lsn(1000))
        engine.acknowledge("index", Lsn(0))
        assert engine.status().followers["index"].position == 0
        with pytest.raises(ValueError, match="no follower"):
            engine.acknowledge("stranger", Lsn(0))


class TestBacklog:
    async def test_is_bounded(self, open_element: OpenElement) -> None:
        engine = await open_element(max_backlog_bytes=50_000, followers=("index",))
        stored = [await store(engine, bytes(10_000)) for _ in range(4)]

        with pytest.raises(LogFull):
            await store(engine, bytes(10_000))
        assert engine.capacity().reserved_bytes == 0
        assert engine.status().bytes <= 50_000
        assert await fetch(engine, stored[0].file_id) == bytes(10_000)

        engine.acknowledge("index", engine.last_lsn)
        await engine.filed(engine.last_lsn)
        await store(engine, bytes(10_000))

    async def test_is_bounded_for_many_at_once(self, open_element: OpenElement) -> None:
        engine = await open_element(max_backlog_bytes=50_000, followers=("index",))
        uploads = [engine.begin() for _ in range(20)]
        await asyncio.gather(*(upload.write(bytes(10_000)) for upload in uploads))

        outcomes = await asyncio.gather(
            *(store(engine, bytes(10_000)) for _ in range(20)), return_exceptions=True
        )
        await asyncio.gather(*(upload.abort() for upload in uploads))

        assert sum(isinstance(outcome, LogFull) for outcome in outcomes) == 16
        assert engine.status().bytes <= 50_000
        assert engine.capacity().documents == 4


class TestFlushes:
    async def test_one_serves_many(self, open_element: OpenElement) -> None:
        engine = await open_element(segment_bytes=32 << 20)
        content = os.urandom(16 << 10)

        async def client() -> None:
            for _ in range(20):
                await store(engine, content)

        await asyncio.gather(*(client() for _ in range(32)))

        assert engine.capacity().documents == 640
        assert engine.status().flushes / 640 < 0.3
