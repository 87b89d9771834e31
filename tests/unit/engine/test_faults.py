"""A disk that is full or fails: nothing half-written, reads go on, and it goes on when the disk does."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.attributes import FileAttributes, FileId
from artstore.engine import (
    Damaged,
    DiskFull,
    Engine,
    EngineError,
    FindingKind,
    LogFailed,
    LogFull,
    failpoints,
)
from tests.support.engines import describe, draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

LARGE = os.urandom(300_000)


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


async def fill(engine: Engine, content: bytes = b"content") -> tuple[list[FileAttributes], EngineError]:
    """Stores until it is refused."""
    taken: list[FileAttributes] = []
    while True:
        try:
            taken.append(await store(engine, content))
        except EngineError as refusal:
            return taken, refusal


class TestFullDisk:
    @pytest.mark.parametrize("point", ["log.before_write", "log.before_flush"])
    async def test_refuses_a_commit_and_takes_the_next(self, open_element: OpenElement, point: str) -> None:
        engine = await open_element()
        before = await store(engine, b"before")
        failpoints.arm(f"{point}=raise:ENOSPC@1")

        with pytest.raises(DiskFull):
            await store(engine, b"refused")

        assert await fetch(engine, before.file_id) == b"before"
        after = await store(engine, b"after")
        assert engine.last_lsn == 2
        assert [found.file_id async for found in engine.scan()] == [before.file_id, after.file_id]
        assert engine.capacity().reserved_bytes == 0
        await engine.close()
        engine = await open_element()
        assert await fetch(engine, after.file_id) == b"after"
        assert engine.recovery.findings == []

    async def test_refuses_all_of_a_batch(self, open_element: OpenElement) -> None:
        engine = await open_element()
        failpoints.arm("log.before_flush=raise:ENOSPC@1")

        outcomes = await asyncio.gather(*(store(engine) for _ in range(10)), return_exceptions=True)

        stored = [outcome for outcome in outcomes if not isinstance(outcome, DiskFull)]
        assert len(stored) < 10
        assert engine.last_lsn == len(stored)
        assert engine.capacity().documents == len(stored)

    async def test_can_be_committed_again_when_there_is_room(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = engine.begin(expected_bytes=len(LARGE))
        await upload.write(LARGE)
        failpoints.arm("log.before_write=raise:ENOSPC@1")
        with pytest.raises(DiskFull):
            await upload.commit(draft_of())

        stored = await upload.commit(draft_of())

        assert await fetch(engine, stored.file_id) == LARGE

    async def test_under_a_staging_file_leaves_nothing(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        failpoints.arm("upload.before_staging_flush=raise:ENOSPC")

        with pytest.raises(DiskFull):
            await store(engine, LARGE)

        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0
        assert engine.last_lsn == 0

    async def test_when_a_segment_is_full_leaves_the_log_going(self, open_element: OpenElement) -> None:
        engine = await open_element(segment_bytes=5000)
        failpoints.arm("segment.before_header=raise:ENOSPC")
        taken, refusal = await fill(engine)
        assert isinstance(refusal, DiskFull)
        failpoints.arm("")

        taken.append(await store(engine))

        assert len(taken) > 2
        assert engine.capacity().documents == len(taken)

    @pytest.mark.parametrize(
        "point",
        ["files.before_batch", "files.before_attributes", "files.before_flush", "files.before_checkpoint"],
    )
    async def test_under_the_files_is_waited_out(self, open_element: OpenElement, point: str) -> None:
        engine = await open_element(max_backlog_bytes=50_000)
        failpoints.arm(f"{point}=raise:ENOSPC")
        taken, refusal = await fill(engine, bytes(10_000))
        assert isinstance(refusal, LogFull)

        async with asyncio.timeout(20):
            while engine.status().failed is None:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
        assert "No space" in str(engine.status().failed)
        for stored in taken:
            assert await fetch(engine, stored.file_id) == bytes(10_000)
        failpoints.arm("")
        await engine.filed(engine.last_lsn)
        assert await fetch(engine, taken[0].file_id) == bytes(10_000)
        await store(engine)


class TestFailingDisk:
    @pytest.mark.parametrize("point", ["log.before_write", "log.before_flush"])
    async def test_fails_the_log_until_it_is_opened_again(
        self, open_element: OpenElement, point: str
    ) -> None:
        engine = await open_element()
        before = await store(engine, b"before")
        failpoints.arm(f"{point}=raise:EIO@1")

        with pytest.raises(LogFailed) as first:
            await store(engine, b"refused")
        with pytest.raises(LogFailed) as second:
            await store(engine, b"refused too")
        assert (first.value.maybe_written, second.value.maybe_written) == (True, False)
        with pytest.raises(LogFailed):
            await describe(engine, before.file_id, "refused too")

        assert engine.status().failed is not None
        assert await fetch(engine, before.file_id) == b"before"
        assert engine.capacity().documents == 1
        await engine.close()
        engine = await open_element()
        assert {finding.kind for finding in engine.recovery.findings} <= {FindingKind.SHORT_LOG}
        assert [found.file_id async for found in engine.scan()] == [before.file_id]
        await store(engine, b"after")

    async def test_ends_an_upload_that_it_met(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        failpoints.arm("upload.before_staging_flush=raise:EIO@1")

        with pytest.raises(OSError, match="staging_flush"):
            await store(engine, LARGE)

        assert list((root / "staging").iterdir()) == []
        assert await fetch(engine, (await store(engine, LARGE)).file_id) == LARGE

    async def test_never_gives_wrong_bytes(
        self, open_element: OpenElement, root: Path, damages: None
    ) -> None:
        engine = await open_element()
        stored = [await store(engine, LARGE[:1000]) for _ in range(3)]
        await engine.filed(engine.last_lsn)
        (root / stored[0].storage_path).write_bytes(LARGE[:999])
        (root / stored[1].storage_path).unlink()
        (root / f"{stored[2].storage_path}.attr.json").write_bytes(b"not attributes")

        for each in stored:
            with pytest.raises(Damaged):
                await engine.open_document(FileId(each.file_id))


class TestFailpoints:
    @pytest.mark.parametrize("text", ["nowhere=kill", "log.before_write=explode", "log.before_write"])
    def test_that_do_not_exist_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="failpoint"):
            failpoints.arm(text)

    def test_act_at_their_pass(self) -> None:
        failpoints.arm("log.before_write=raise@2; log.before_flush=sleep:0")
        failpoints.hit("log.before_write")
        with pytest.raises(failpoints.FailpointHit):
            failpoints.hit("log.before_write")
        failpoints.hit("log.before_write")
        failpoints.hit("log.before_flush")
