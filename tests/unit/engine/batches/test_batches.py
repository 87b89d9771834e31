"""Documents that are stored together or not at all."""

import asyncio
import errno
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest

from artstore.attributes import FileAttributes, FileId, RetentionPolicy, new_file_id
from artstore.engine import (
    AlreadyStored,
    Batch,
    BatchClosed,
    BatchFull,
    BatchIncomplete,
    BatchUnknown,
    DiskFull,
    Engine,
    FindingKind,
    LogFailed,
    Mode,
    ModeForbids,
    NotFound,
    ResumableUpload,
    TooManyBatches,
)
from artstore.engine.batches import BatchFigures
from artstore.engine.batches.journal import Journal
from artstore.engine.coding import Coding, CodingPolicy
from artstore.engine.failpoints import FailpointHit, arm
from artstore.engine.verify import verify
from tests.support.engines import IN_MEMORY, draft_of, fetch, options_of, store
from tests.unit.engine.conftest import OpenElement


async def put(engine: Engine, batch: Batch, content: bytes = b"content", **fields: Any) -> FileAttributes:
    upload = engine.begin(expected_bytes=len(content), batch=batch)
    try:
        await upload.write(content)
        return await upload.commit(draft_of(**fields))
    except BaseException:
        await upload.abort()
        raise


async def names(engine: Engine) -> list[str]:
    return sorted([each.original_filename async for each in engine.scan()])


async def filled(engine: Engine, count: int = 3) -> tuple[Batch, list[FileAttributes]]:
    batch = await engine.batches.create(owner_id="1")
    return batch, [await put(engine, batch, b"%d" % n, name=f"{n}.txt") for n in range(count)]


def staged(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "staging").iterdir())


async def test_nothing_is_there_before_the_commit(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, documents = await filled(engine)
    assert len(batch.members) == 3
    assert await names(engine) == []
    assert engine.last_lsn == 0
    for document in documents:
        with pytest.raises(NotFound):
            await engine.attributes(FileId(document.file_id))


async def test_everything_is_there_after_it(open_element: OpenElement, root: Path) -> None:
    engine = await open_element()
    batch, documents = await filled(engine)
    await batch.commit(3)
    assert batch.committed
    for number, document in enumerate(documents):
        assert await engine.attributes(FileId(document.file_id)) == document
        assert await fetch(engine, document.file_id) == b"%d" % number
    await engine.filed(engine.last_lsn)
    assert await names(engine) == ["0.txt", "1.txt", "2.txt"]
    assert staged(root) == [f"{batch.id}.batch"]
    changes = await engine.changes(0, 10)  # type: ignore[arg-type]
    assert [change.file_id for change in changes] == [each.file_id for each in documents]


async def test_temporary_documents_are_kept_from_the_commit_on(open_element: OpenElement) -> None:
    """Also those that waited for longer than they are to be kept."""
    engine = await open_element()
    batch = await engine.batches.create(owner_id="1")
    began = datetime.now(UTC)
    told: dict[str, Any] = {"retention_policy": RetentionPolicy.TEMPORARY, "ttl_days": 1}
    old = await put(engine, batch, file_id=new_file_id(began - timedelta(days=3)), **told)
    new = await put(engine, batch, **told)
    forever = await put(engine, batch, file_id=new_file_id(began - timedelta(days=3)))
    await batch.commit(3)
    stored = await engine.attributes(FileId(old.file_id))
    assert stored.expires_at is not None
    assert stored.expires_at - began > timedelta(days=1, seconds=-1)
    assert stored.changed(expires_at=old.expires_at) == old
    assert len(stored.to_bytes()) == len(old.to_bytes()), "what fitted before fits then"
    assert new.expires_at is not None
    kept = (await engine.attributes(FileId(new.file_id))).expires_at
    assert kept is not None
    assert new.expires_at <= kept < new.expires_at + timedelta(hours=1)
    assert await engine.attributes(FileId(forever.file_id)) == forever


async def test_readers_see_all_or_none(open_element: OpenElement) -> None:
    # Between the commit and the files, for which there is time enough to look.
    engine = await open_element(follow_seconds=60.0, close_seconds=0.0)
    batch, documents = await filled(engine, 40)
    seen = set()

    async def look() -> None:
        while not batch.committed or 40 not in seen:
            count = 0
            for document in documents:
                try:
                    count += bool(engine._overlay.get(FileId(document.file_id)))
                except NotFound:
                    continue
            seen.add(count)
            await asyncio.sleep(0)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(look())
        await asyncio.sleep(0)
        await batch.commit(None)
    assert seen == {0, 40}


async def test_commit_may_be_repeated(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, _ = await filled(engine)
    await asyncio.gather(batch.commit(3), batch.commit(3), batch.commit(None))
    await batch.commit(3)
    assert engine.last_lsn == 3


async def test_commit_goes_on_without_its_caller(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, _ = await filled(engine)
    commit = asyncio.create_task(batch.commit(None))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    await batch.commit(None)
    assert len(await names(engine)) == 3


async def test_of_another_number_than_expected(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, _ = await filled(engine)
    with pytest.raises(BatchIncomplete) as refused:
        await batch.commit(4)
    assert (refused.value.expected, refused.value.found) == (4, 3)
    assert batch.is_open
    await put(engine, batch, name="the fourth.txt")
    await batch.commit(4)
    with pytest.raises(BatchClosed, match="committed with 4"):
        await batch.commit(3)


async def test_of_two_numbers_at_once(open_element: OpenElement) -> None:
    """The wrong one is refused, and the right one is not refused with it."""
    engine = await open_element()
    batch, _ = await filled(engine)
    wrong, right = await asyncio.gather(batch.commit(2), batch.commit(3), return_exceptions=True)
    assert isinstance(wrong, BatchIncomplete)
    assert right is None
    assert batch.committed


async def test_of_nothing(open_element: OpenElement) -> None:
    engine = await open_element()
    batch = await engine.batches.create(owner_id="1")
    with pytest.raises(BatchIncomplete):
        await batch.commit(None)
    assert await batch.read(0, 10) == ([], None)


async def test_a_closed_one_takes_nothing(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, _ = await filled(engine)
    late = engine.begin(batch=batch)
    await late.write(b"late")
    await batch.commit(None)
    with pytest.raises(BatchClosed):
        await late.commit(draft_of())
    await late.abort()
    with pytest.raises(BatchClosed):
        engine.begin(batch=batch)
    assert len(await names(engine)) == 3


async def test_given_up(open_element: OpenElement, root: Path) -> None:
    engine = await open_element()
    before = engine.capacity().reserved_bytes
    batch, documents = await filled(engine)
    assert engine.capacity().reserved_bytes > before
    await batch.remove()
    assert staged(root) == []
    assert engine.capacity().reserved_bytes == before
    with pytest.raises(BatchUnknown):
        engine.batches.get(batch.id)
    with pytest.raises(BatchClosed):
        await batch.commit(None)
    assert await names(engine) == []
    await store(engine, name="again.txt", file_id=documents[0].file_id)


async def test_many_at_once_with_few_flushes(open_element: OpenElement) -> None:
    engine = await open_element()
    batch = await engine.batches.create(owner_id="1")
    added = await asyncio.gather(*(put(engine, batch, name=f"{n}.txt") for n in range(100)))
    assert list(batch.members) != []
    assert set(batch.members) == {each.file_id for each in added}
    flushes = engine.status().flushes
    await batch.commit(100)
    assert engine.status().flushes == flushes + 1


async def test_ten_thousand() -> None:
    """They become durable by one flush, and are there after a restart."""
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        engine = await Engine.open(Path(folder), options_of(segment_bytes=64 << 20))
        batch = await engine.batches.create(owner_id="1")
        for first in range(0, 10_000, 50):
            await asyncio.gather(*(put(engine, batch, name=f"{first + n}.txt") for n in range(50)))
        with pytest.raises(BatchFull):
            engine.begin(batch=batch)
        flushes = engine.status().flushes
        await batch.commit(10_000)
        assert engine.status().flushes == flushes + 1
        await engine.close()
        engine = await Engine.open(Path(folder), options_of())
        assert engine.capacity().documents == 10_000
        assert engine.batches.get(batch.id).committed
        await engine.close()


async def test_is_read_in_pages(open_element: OpenElement) -> None:
    engine = await open_element()
    batch, documents = await filled(engine, 5)
    for is_committed in (False, True):
        found, place = [], 0
        while True:
            members, following = await batch.read(place, 2)
            found += [member.file_id for member in members]
            if following is None:
                break
            place = following
        assert found == [each.file_id for each in documents]
        with pytest.raises(ValueError, match="place"):
            await batch.read(1, 2)
        with pytest.raises(ValueError, match="place"):
            await batch.read(1 << 40, 2)
        if not is_committed:
            await batch.commit(None)


async def test_limits(open_element: OpenElement) -> None:
    engine = await open_element(batch_documents=2, batches=1)
    batch, _ = await filled(engine, 2)
    with pytest.raises(BatchFull):
        engine.begin(batch=batch)
    with pytest.raises(TooManyBatches):
        await engine.batches.create(owner_id="1")
    await engine.batches.create(owner_id="2")
    await batch.commit(2)
    await engine.batches.create(owner_id="1")


async def test_limit_of_documents_at_once(open_element: OpenElement) -> None:
    engine = await open_element(batch_documents=5)
    batch = await engine.batches.create(owner_id="1")
    outcomes = await asyncio.gather(
        *(put(engine, batch, name=f"{n}.txt") for n in range(9)), return_exceptions=True
    )
    assert sum(isinstance(outcome, BatchFull) for outcome in outcomes) == 4
    await batch.commit(5)


async def test_not_where_nothing_is_taken(open_element: OpenElement) -> None:
    engine = await open_element(mode=Mode.RW)
    batch, _ = await filled(engine)
    await engine.set_mode(Mode.RO)
    with pytest.raises(ModeForbids):
        await batch.commit(None)
    with pytest.raises(ModeForbids):
        await engine.batches.create(owner_id="1")
    assert await names(engine) == []
    await batch.remove()


class TestGivenIds:
    async def test_twice_in_one_batch(self, open_element: OpenElement) -> None:
        engine = await open_element()
        batch, (first, *_) = await filled(engine)
        with pytest.raises(AlreadyStored) as again:
            await put(engine, batch, b"0", name="0.txt", file_id=FileId(first.file_id))
        assert again.value.stored == first
        await batch.commit(3)

    async def test_beside_a_batch(self, open_element: OpenElement) -> None:
        engine = await open_element()
        _, (first, *_) = await filled(engine)
        with pytest.raises(AlreadyStored):
            await store(engine, b"0", file_id=FileId(first.file_id))

    async def test_in_another_batch(self, open_element: OpenElement) -> None:
        """It is not answered as if it were in this one."""
        engine = await open_element()
        _, (first, *_) = await filled(engine)
        other = await engine.batches.create(owner_id="1")
        with pytest.raises(AlreadyStored) as refused:
            await put(engine, other, b"0", name="0.txt", file_id=FileId(first.file_id))
        assert refused.value.stored is None
        with pytest.raises(AlreadyStored) as beside:
            await store(engine, b"0", "0.txt", file_id=FileId(first.file_id))
        assert beside.value.stored is None

    async def test_of_a_document_that_is_stored(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        batch = await engine.batches.create(owner_id="1")
        with pytest.raises(AlreadyStored) as refused:
            await put(engine, batch, file_id=FileId(stored.file_id))
        assert refused.value.stored is None

    async def test_at_the_same_time(self, open_element: OpenElement) -> None:
        engine = await open_element()
        batch = await engine.batches.create(owner_id="1")
        given = new_file_id(datetime.now(UTC))
        outcomes = await asyncio.gather(
            put(engine, batch, file_id=given),
            store(engine, file_id=given),
            put(engine, batch, file_id=given),
            return_exceptions=True,
        )
        assert sum(isinstance(each, FileAttributes) for each in outcomes) == 1
        assert sum(isinstance(each, AlreadyStored) for each in outcomes) == 2


def _id(upload: ResumableUpload) -> FileId:
    assert upload.state.file_id is not None
    return upload.state.file_id


class TestRestart:
    async def test_an_open_one_goes_on(self, open_element: OpenElement) -> None:
        engine = await open_element()
        batch, documents = await filled(engine)
        reserved = engine.capacity().reserved_bytes
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert list(again.members) == [each.file_id for each in documents]
        assert (again.head, again.is_open, again.bytes) == (batch.head, True, 3)
        assert engine.capacity().reserved_bytes == reserved
        await put(engine, again, name="3.txt")
        await again.commit(4)
        assert await names(engine) == ["0.txt", "1.txt", "2.txt", "3.txt"]

    @pytest.mark.parametrize("followed", [False, True])
    async def test_a_committed_one_is_remembered(self, open_element: OpenElement, followed: bool) -> None:
        engine = await open_element(follow_seconds=0.0 if followed else 60.0, close_seconds=0.0)
        batch, _ = await filled(engine)
        await batch.commit(3)
        if followed:
            await engine.filed(engine.last_lsn)
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert again.committed
        assert len((await again.read(0, 10))[0]) == 3
        await again.commit(3)
        assert await names(engine) == ["0.txt", "1.txt", "2.txt"]

    @pytest.mark.parametrize("followed", [False, True])
    async def test_one_that_does_not_tell_that_it_is(self, open_element: OpenElement, followed: bool) -> None:
        engine = await open_element(follow_seconds=0.0 if followed else 60.0, close_seconds=0.0)
        batch, _ = await filled(engine)
        arm("batch.committed=raise")
        try:
            with pytest.raises(FailpointHit):
                await batch.commit(3)
        finally:
            arm("")
        if followed:
            await engine.filed(engine.last_lsn)
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert again.committed
        await again.commit(3)
        assert engine.last_lsn == 3
        assert await names(engine) == ["0.txt", "1.txt", "2.txt"]

    @pytest.mark.parametrize("left", [0, 2, 3])
    async def test_a_loss_of_power_brings_its_files_back(
        self, open_element: OpenElement, root: Path, left: int
    ) -> None:
        """They were removed from staging, not durably, and the journal was not to tell any more."""
        engine = await open_element()
        batch, documents = await filled(engine)
        files = {path: path.read_bytes() for path in (root / "staging").glob("*.part")}
        journal = root / "staging" / f"{batch.id}.batch"
        begun = journal.read_bytes()
        await batch.commit(3)
        await engine.filed(engine.last_lsn)
        await engine.close()
        journal.write_bytes(begun)
        for path, content in list(files.items())[:left]:
            path.write_bytes(content)
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert again.committed
        await again.commit(3)
        assert (engine.last_lsn, engine.capacity().documents) == (3, 3)
        assert staged(root) == [journal.name]
        assert await fetch(engine, documents[0].file_id) == b"0"

    async def test_a_part_of_which_somebody_removed(self, open_element: OpenElement, root: Path) -> None:
        """What is left is not removed: somebody was told that it is safe."""
        engine = await open_element()
        batch, _ = await filled(engine)
        await engine.close()
        next((root / "staging").glob("*.part")).unlink()
        assert "W010" in {finding.rule.name for finding in verify(root).findings}
        engine = await open_element()
        assert [finding.kind for finding in engine.recovery.findings] == [FindingKind.BROKEN_BATCH]
        assert engine.recovery.loss
        with pytest.raises(BatchUnknown):
            engine.batches.get(batch.id)
        assert staged(root) == []
        kept = {path.name for path in (root / "quarantine").iterdir()}
        assert len([name for name in kept if name.endswith(".part")]) == 2
        assert f"staging-{batch.id}.batch" in kept

    @pytest.mark.parametrize("damage", ["one place", "all"])
    async def test_the_log_has_lost_it(self, open_element: OpenElement, root: Path, damage: str) -> None:
        """One that was acknowledged is not taken for one that a crash interrupted: staging has it still."""
        engine = await open_element(follow_seconds=60.0, close_seconds=0.0)
        batch, documents = await filled(engine)
        await batch.commit(3)
        for segment in (root / "wal").glob("*.log"):
            data = bytearray(segment.read_bytes())
            for document in documents[: 1 if damage == "one place" else 3]:
                at = data.find(str(document.file_id).encode())
                data[at] ^= 1
            lost = bytes(data)
        copy = root.with_name("copy")
        shutil.copytree(root, copy)
        max((copy / "wal").glob("*.log")).write_bytes(lost)
        again = await open_element(root=copy)
        assert FindingKind.LOST_BATCH in [finding.kind for finding in again.recovery.findings]
        assert again.batches.get(batch.id).committed
        for number, document in enumerate(documents):
            assert await fetch(again, document.file_id) == b"%d" % number
        assert again.capacity().documents == 3

    async def test_torn_line(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        batch, documents = await filled(engine)
        await engine.close()
        with (root / "staging" / f"{batch.id}.batch").open("ab") as journal:
            journal.write(b'{"file_id":"01')
        engine = await open_element()
        again = engine.batches.get(batch.id)
        added = await put(engine, again, name="3.txt")
        assert list(again.members) == [*(each.file_id for each in documents), added.file_id]
        await again.commit(4)
        assert len(await names(engine)) == 4

    async def test_damaged_journal(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        batch, _ = await filled(engine)
        await engine.close()
        (root / "staging" / f"{batch.id}.batch").write_bytes(b"x")
        assert "O007" in {finding.rule.name for finding in verify(root).findings}
        engine = await open_element()
        assert [finding.kind for finding in engine.recovery.findings] == [FindingKind.BROKEN_BATCH]
        with pytest.raises(BatchUnknown):
            engine.batches.get(batch.id)
        assert len(list((root / "quarantine").glob("*.part"))) == 3

    async def test_damaged_line(self, open_element: OpenElement, root: Path) -> None:
        """What stands behind it was acknowledged: neither is it passed over, nor are the files removed."""
        engine = await open_element()
        batch, _ = await filled(engine)
        await engine.close()
        path = root / "staging" / f"{batch.id}.batch"
        lines = path.read_bytes().split(b"\n")
        lines[2] = lines[2].replace(b'"size":1', b'"size":2')
        path.write_bytes(b"\n".join(lines))
        engine = await open_element()
        assert [finding.kind for finding in engine.recovery.findings] == [FindingKind.BROKEN_BATCH]
        assert len(list((root / "quarantine").glob("*.part"))) == 3

    async def test_a_hole_in_what_was_written_last(self, open_element: OpenElement, root: Path) -> None:
        """As a loss of power leaves it: nobody was told of anything from there on."""
        engine = await open_element()
        batch, _ = await filled(engine)
        await engine.close()
        path = root / "staging" / f"{batch.id}.batch"
        whole = path.read_bytes()
        path.write_bytes(whole + bytes(100) + b"\n" + whole.split(b"\n")[1] + b"\n")
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert again.documents == 3
        await put(engine, again, name="3.txt")
        await engine.close()
        assert path.read_bytes().startswith(whole)
        assert path.read_bytes().count(b"\n") == 5
        engine = await open_element()
        await engine.batches.get(batch.id).commit(4)

    async def test_nothing_is_wrong_with_an_open_one(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        await filled(engine)
        await engine.close()
        assert verify(root).findings == []


class TestExpiry:
    async def test_of_open_and_committed_ones(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(batch_seconds=3600.0)
        committed, _ = await filled(engine)
        await committed.commit(None)
        left, _ = await filled(engine)
        fresh, _ = await filled(engine)
        assert engine.batches.figures() == BatchFigures(2, 6, 6)
        committed.written_at = left.written_at = time.time() - 3601
        with pytest.raises(BatchUnknown):
            engine.batches.get(left.id)
        assert await engine.batches.expire() == 1
        assert engine.batches.figures() == BatchFigures(1, 3, 3)
        assert engine.batches.get(fresh.id) is fresh
        assert len(await names(engine)) == 3
        await engine.filed(engine.last_lsn)
        assert len(staged(root)) == 1 + 3

    async def test_while_the_element_is_stopped(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        batch, _ = await filled(engine)
        await engine.close()
        path = root / "staging" / f"{batch.id}.batch"
        os.utime(path, (0, time.time() - 25 * 3600))
        engine = await open_element()
        assert engine.batches.figures() == BatchFigures(0, 0, 0)
        assert staged(root) == []


class TestFailures:
    async def test_a_refused_document_is_none_after_a_restart(self, open_element: OpenElement) -> None:
        """Its line got into the journal before the flush failed, its bytes are gone."""
        engine = await open_element()
        batch, _ = await filled(engine)
        arm("batch.before_flush=raise:ENOSPC")
        try:
            with pytest.raises(DiskFull):
                await put(engine, batch, name="not.txt")
        finally:
            arm("")
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        assert again.documents == 3
        await again.commit(3)

    async def test_in_doubt(self, open_element: OpenElement, damages: None) -> None:
        """A commit that may be in the log is left to the next start, with its bytes."""
        engine = await open_element()
        batch, documents = await filled(engine)
        arm("log.before_flush=raise:EIO")
        try:
            with pytest.raises(LogFailed):
                await batch.commit(3)
        finally:
            arm("")
        if not batch.is_open:
            with pytest.raises(BatchClosed, match="started again"):
                await batch.remove()
            assert await engine.batches.expire() == 0
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        await again.commit(3)
        assert await fetch(engine, documents[0].file_id) == b"0"

    async def test_the_creation_fails(self, open_element: OpenElement) -> None:
        engine = await open_element(batches=1)
        before = engine.capacity().reserved_bytes
        with (
            patch.object(Journal, "create", side_effect=OSError(errno.EIO, "no")),
            pytest.raises(OSError, match="no"),
        ):
            await engine.batches.create(owner_id="1")
        assert engine.capacity().reserved_bytes == before
        assert await engine.batches.expire() == 0
        await engine.batches.create(owner_id="1")

    async def test_the_removal_fails_and_is_tried_again(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        before = engine.capacity().reserved_bytes
        batch, documents = await filled(engine)
        failing = patch("artstore.engine.batches.batch.remove_behind", side_effect=OSError(errno.EIO, "no"))
        with failing, pytest.raises(OSError, match="no"):
            await batch.remove()
        assert engine.capacity().reserved_bytes > before
        assert await engine.batches.attributes(FileId(documents[0].file_id)) is None
        await batch.remove()
        assert engine.capacity().reserved_bytes == before
        assert staged(root) == []

    async def test_whoever_waits_goes_away_and_comes_again(self, open_element: OpenElement) -> None:
        engine = await open_element()
        batch = await engine.batches.create(owner_id="1")
        given = new_file_id(datetime.now(UTC))
        arm("batch.before_flush=sleep:0.2")
        try:
            first = asyncio.create_task(put(engine, batch, b"x", file_id=given))
            for _ in range(1000):
                if batch.holds(given):
                    break
                await asyncio.sleep(0.01)
            first.cancel()
            with pytest.raises(AlreadyStored):
                await put(engine, batch, b"x", file_id=given)
            await put(engine, batch, b"y", name="y.txt")
        finally:
            arm("")
        await batch.commit(2)
        assert await names(engine) == ["a note.txt", "y.txt"]

    async def test_of_the_journal(self, open_element: OpenElement) -> None:
        """Nobody is told of what was not noted, and the batch goes on."""
        engine = await open_element()
        batch, _ = await filled(engine)
        arm("batch.before_flush=raise:EIO")
        try:
            outcomes = await asyncio.gather(
                *(put(engine, batch, name=f"not {n}.txt") for n in range(5)), return_exceptions=True
            )
        finally:
            arm("")
        assert all(isinstance(each, OSError) and each.errno == errno.EIO for each in outcomes)
        assert len(batch.members) == 3
        await put(engine, batch, name="3.txt")
        await batch.commit(4)
        assert await names(engine) == ["0.txt", "1.txt", "2.txt", "3.txt"]

    async def test_of_the_journal_that_cannot_be_cut(self, open_element: OpenElement, root: Path) -> None:
        """It names what nobody was told of: the bytes of that stay, and nothing is added before a restart."""
        engine = await open_element()
        batch, _ = await filled(engine)
        arm("batch.before_flush=raise:EIO")
        try:
            with (
                patch("artstore.engine.batches.journal.os.ftruncate", side_effect=OSError(errno.EIO, "no")),
                pytest.raises(OSError, match="no"),
            ):
                await put(engine, batch, name="3.txt")
        finally:
            arm("")
        with pytest.raises(BatchClosed):
            engine.begin(batch=batch)
        assert len(list((root / "staging").glob("*.part"))) == 4
        await engine.close()
        engine = await open_element()
        again = engine.batches.get(batch.id)
        await again.commit(again.documents)
        assert {"0.txt", "1.txt", "2.txt"} <= set(await names(engine))

    async def test_of_the_log(self, open_element: OpenElement) -> None:
        engine = await open_element()
        batch, _ = await filled(engine)
        arm("log.before_write=raise:ENOSPC")
        try:
            with pytest.raises(Exception, match="full"):
                await batch.commit(3)
        finally:
            arm("")
        assert batch.is_open
        assert await names(engine) == []
        await batch.commit(3)
        assert len(await names(engine)) == 3


async def test_resumable_uploads_go_into_it(open_element: OpenElement) -> None:
    async def pieces(data: bytes) -> Any:
        yield data

    engine = await open_element()
    batch, _ = await filled(engine)
    upload = await engine.resumable.create(
        owner_id="1", draft=draft_of("3.txt"), length=100_000, batch_id=batch.id
    )
    async with upload.hold():
        await upload.append(0, pieces(bytes(100_000)))
        await upload.complete()
    assert len(batch.members) == 4
    assert await names(engine) == []
    await engine.close()
    engine = await open_element()
    await engine.batches.get(batch.id).commit(4)
    assert len(await names(engine)) == 4
    assert await fetch(engine, _id(upload)) == bytes(100_000)


async def test_a_resumable_upload_whose_batch_is_gone_holds_no_more_room(open_element: OpenElement) -> None:
    async def pieces(data: bytes) -> Any:
        yield data

    engine = await open_element(coding=CodingPolicy(coding=Coding.GZIP, min_bytes=1))
    batch = await engine.batches.create(owner_id="1")
    draft = draft_of("a.txt", content_type="text/plain")
    upload = await engine.resumable.create(owner_id="1", draft=draft, length=200_000, batch_id=batch.id)
    async with upload.hold():
        await upload.append(0, pieces(b"a" * 200_000))
        await batch.remove()
        reserved = engine.capacity().reserved_bytes
        for _ in range(3):
            with pytest.raises(BatchUnknown):
                await upload.complete()
        assert engine.capacity().reserved_bytes == reserved


async def test_a_resumable_upload_that_does_not_know_is_no_danger(open_element: OpenElement) -> None:
    """Its bytes are those of the batch, though its state does not tell, and it expires."""

    async def pieces(data: bytes) -> Any:
        yield data

    engine = await open_element()
    batch = await engine.batches.create(owner_id="1")
    upload = await engine.resumable.create(owner_id="1", draft=draft_of(), length=10, batch_id=batch.id)
    async with upload.hold():
        await upload.append(0, pieces(bytes(10)))
        arm("resumable.committed=raise")
        try:
            with pytest.raises(FailpointHit):
                await upload.complete()
        finally:
            arm("")
    await engine.close()
    engine = await open_element()
    again = engine.resumable.get(upload.id)
    again.written_at = 0
    await engine.resumable.expire()
    await engine.batches.get(batch.id).commit(1)
    assert await fetch(engine, _id(upload)) == bytes(10)
