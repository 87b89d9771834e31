"""What a resumable upload takes, keeps through interruptions, and becomes."""

import asyncio
import errno
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from artstore.attributes import FileAttributes, FileId, RetentionPolicy, new_file_id
from artstore.engine import (
    Checksum,
    Engine,
    Mode,
    ModeForbids,
    NoRoom,
    NotFound,
    OffsetMismatch,
    PartsUnfit,
    PieceMismatch,
    ResumableUpload,
    StoreUnavailable,
    TooLarge,
    TooManyUploads,
    UploadClosed,
    UploadUnknown,
)
from artstore.engine.failpoints import FailpointHit, arm
from artstore.engine.resumable import ResumableFigures
from artstore.engine.resumable.state import state_path
from artstore.engine.verify import verify
from tests.support.engines import draft_of, fetch
from tests.unit.engine.conftest import OpenElement

CONTENT = bytes(range(256)) * 5000


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def begin(engine: Engine, length: int | None = len(CONTENT), **more: Any) -> ResumableUpload:
    draft = more.pop("draft", draft_of())
    return await engine.resumable.create(owner_id="1", draft=draft, length=length, **more)


async def append(upload: ResumableUpload, offset: int, *given: bytes, **more: Any) -> int:
    """One request; the offset after it."""
    async with upload.hold():
        await upload.settle()
        await upload.append(offset, pieces(*given), **more)
        return upload.offset


async def offset_of(upload: ResumableUpload) -> int:
    async with upload.hold():
        await upload.settle()
        return upload.offset


async def complete(upload: ResumableUpload) -> None:
    async with upload.hold():
        await upload.settle()
        await upload.complete()


async def left_in_doubt(upload: ResumableUpload) -> None:
    """Its document is there, and its state does not tell."""
    arm("resumable.committed=raise")
    try:
        with pytest.raises(FailpointHit):
            await complete(upload)
    finally:
        arm("")


async def documents(engine: Engine) -> list[bytes]:
    return [await fetch(engine, each.file_id) async for each in engine.scan()]


def sha256(data: bytes) -> Checksum:
    return Checksum("sha256", hashlib.sha256(data).digest(), hashlib.sha256())


def losing_once(flushed: int) -> Callable[[int], None]:
    """A flush that fails once for bytes of an upload, as the disk of a kernel that then drops the pages.

    The next one reports success. ``flushed``: so many bytes had reached the disk before.
    """
    flush, failed = os.fdatasync, False

    def fdatasync(descriptor: int) -> None:
        nonlocal failed
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.suffix == ".part" and not failed:
            failed = True
            with path.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.truncate(flushed)
                file.truncate(size)
            raise OSError(errno.EIO, "the pages are lost")
        flush(descriptor)

    return fdatasync


class TestTimeOfATemporaryDocument:
    """It is kept from when its last byte was taken, however long the others took."""

    async def stored(self, engine: Engine, batch_id: str = "") -> FileAttributes:
        draft = draft_of(retention_policy=RetentionPolicy.TEMPORARY, ttl_days=1)
        upload = await begin(engine, draft=draft, batch_id=batch_id)
        draft = replace(draft, file_id=new_file_id(datetime.now(UTC) - timedelta(days=3)))
        upload._state_file.state = upload.state.changed(draft=draft)  # begun three days ago
        await append(upload, 0, CONTENT)
        await complete(upload)
        if batch_id:
            await engine.batches.get(batch_id).commit(1)
        assert draft.file_id is not None
        return await engine.attributes(draft.file_id)

    def kept_for(self, document: FileAttributes, began: datetime) -> timedelta:
        assert document.expires_at is not None
        return document.expires_at - began

    async def test_by_itself(self, open_element: OpenElement) -> None:
        engine, began = await open_element(), datetime.now(UTC)
        document = await self.stored(engine)
        assert timedelta(days=1, seconds=-1) < self.kept_for(document, began) < timedelta(days=1, hours=1)
        assert document.created_at < began - timedelta(days=2)

    async def test_in_a_batch(self, open_element: OpenElement) -> None:
        engine, began = await open_element(), datetime.now(UTC)
        batch = await engine.batches.create(owner_id="1")
        document = await self.stored(engine, batch.id)
        assert timedelta(days=1, seconds=-1) < self.kept_for(document, began) < timedelta(days=1, hours=1)


class TestWay:
    async def test_pieces_become_one_document(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine, draft=draft_of("a.bin", tags=["x"]))
        assert await append(upload, 0, CONTENT[:1000], CONTENT[1000:2000]) == 2000
        assert await append(upload, 2000, CONTENT[2000:]) == len(CONTENT)
        await complete(upload)
        assert upload.state.file_id is not None
        attributes = await engine.attributes(upload.state.file_id)
        assert attributes.checksum == hashlib.sha256(CONTENT).hexdigest()
        assert (attributes.original_filename, attributes.tags) == ("a.bin", ["x"])
        assert await documents(engine) == [CONTENT]

    async def test_completed_again_it_is_the_same_document(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT)
        await asyncio.gather(complete(upload), complete(upload))
        await complete(upload)
        assert await append(upload, len(CONTENT), size=0) == len(CONTENT)
        assert len(await documents(engine)) == 1

    async def test_length_told_late(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine, None)
        await append(upload, 0, CONTENT)
        assert not upload.is_full
        async with upload.hold():
            await upload.tell_length(len(CONTENT))
            with pytest.raises(UploadClosed):
                await upload.tell_length(len(CONTENT) + 1)
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_removed(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        async with upload.hold():
            await upload.remove()
        with pytest.raises(UploadUnknown):
            engine.resumable.get(upload.id)
        with pytest.raises(UploadUnknown):
            async with upload.hold():
                pass
        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0


class TestRefusals:
    async def test_another_offset(self, open_element: OpenElement) -> None:
        upload = await begin(await open_element())
        await append(upload, 0, CONTENT[:10])
        for offset in (0, 9, 11):
            with pytest.raises(OffsetMismatch):
                await append(upload, offset, b"x")
        assert await offset_of(upload) == 10

    async def test_more_than_was_told(self, open_element: OpenElement) -> None:
        upload = await begin(await open_element(), 10)
        with pytest.raises(TooLarge):
            await append(upload, 0, b"x" * 11, size=11)
        with pytest.raises(TooLarge):
            await append(upload, 0, b"x" * 4, b"x" * 7)
        assert await offset_of(upload) == 4

    async def test_more_than_one_document_may_have(self, open_element: OpenElement) -> None:
        engine = await open_element(max_file_bytes=100)
        with pytest.raises(TooLarge):
            await begin(engine, 101)
        upload = await begin(engine, None)
        with pytest.raises(TooLarge):
            await append(upload, 0, b"x" * 101)

    async def test_no_room(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=100_000)
        await begin(engine, 60_000)
        with pytest.raises(NoRoom):
            await begin(engine, 60_000)

    async def test_too_many_of_one_owner(self, open_element: OpenElement) -> None:
        engine = await open_element(resumable_uploads=2)
        first = await begin(engine, 1)
        await begin(engine, 1)
        with pytest.raises(TooManyUploads):
            await begin(engine, 1)
        await engine.resumable.create(owner_id="2", draft=draft_of(), length=1)
        await append(first, 0, b"x")
        await complete(first)
        await begin(engine, 1)

    async def test_another_mode(self, open_element: OpenElement) -> None:
        engine = await open_element(mode=Mode.RW)
        upload = await begin(engine, 10)
        await append(upload, 0, b"x" * 9)
        await engine.set_mode(Mode.RO)
        with pytest.raises(ModeForbids):
            await append(upload, 9, b"x")
        with pytest.raises(ModeForbids):
            await begin(engine)


class TestChecksums:
    async def test_right(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        await append(upload, 10, CONTENT[10:], checksum=sha256(CONTENT[10:]))
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_wrong_drops_the_piece(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        with pytest.raises(PieceMismatch):
            await append(upload, 10, b"damaged", checksum=sha256(b"right"))
        assert upload.offset == 10
        await append(upload, 10, CONTENT[10:])
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_cut_drops_the_piece(self, open_element: OpenElement) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield CONTENT[10:20]
            raise ConnectionError

        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        async with upload.hold():
            with pytest.raises(ConnectionError):
                await upload.append(10, broken(), checksum=sha256(CONTENT[10:]))
        assert await offset_of(upload) == 10

    async def test_a_restart_in_the_middle_drops_the_piece(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        async with upload.hold():
            upload._file.begin_checked(hashlib.sha256())
            await upload._take(10, pieces(b"never compared"))
        await engine.close()
        engine = await open_element()
        again = engine.resumable.get(upload.id)
        assert await offset_of(again) == 10
        await append(again, 10, CONTENT[10:])
        await complete(again)
        assert await documents(engine) == [CONTENT]


class TestInterruptions:
    async def test_what_came_is_kept(self, open_element: OpenElement) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield CONTENT[:100]
            raise ConnectionError

        upload = await begin(await open_element())
        async with upload.hold():
            with pytest.raises(ConnectionError):
                await upload.append(0, broken())
        assert await offset_of(upload) == 100

    async def test_a_newer_request_takes_over(self, open_element: OpenElement) -> None:
        came = asyncio.Event()

        async def hanging() -> AsyncIterator[bytes]:
            yield CONTENT[:100]
            came.set()
            await asyncio.Event().wait()

        async def old() -> None:
            async with upload.hold():
                await upload.append(0, hanging())

        engine = await open_element()
        upload = await begin(engine)
        task = asyncio.create_task(old())
        await came.wait()
        assert await append(upload, await offset_of(upload), CONTENT[100:]) == len(CONTENT)
        with pytest.raises(Exception, match="another request"):
            await task
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    @pytest.mark.parametrize("place", ["upload.staged", "resumable.committed", "log.before_flush"])
    async def test_a_failure_while_completing(
        self, open_element: OpenElement, place: str, damages: None
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT)
        arm(f"{place}=raise")
        try:
            with pytest.raises(Exception):  # noqa: B017, PT011 - the log makes another of it
                await complete(upload)
        finally:
            arm("")
        await engine.close()
        engine = await open_element()
        again = engine.resumable.get(upload.id)
        await complete(again)
        assert again.offset == len(CONTENT)
        assert await documents(engine) == [CONTENT]

    async def test_a_client_that_goes_while_its_document_is_made(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT)
        async with upload.hold():
            asked = asyncio.create_task(upload.complete())
            await asyncio.sleep(0)  # it has its turn
            asked.cancel()
        assert await append(upload, len(CONTENT), size=0) == len(CONTENT)
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_a_failed_write_leaves_no_gap(self, open_element: OpenElement) -> None:
        engine = await open_element()
        upload = await begin(engine)
        arm("resumable.before_flush=raise:ENOSPC@1")
        try:
            with pytest.raises(NoRoom):
                await append(upload, 0, CONTENT[:1000])
        finally:
            arm("")
        offset = await offset_of(upload)
        await append(upload, offset, CONTENT[offset:])
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    @pytest.mark.parametrize("checked", [False, True])
    async def test_what_a_failed_flush_lost_is_sent_again(
        self, open_element: OpenElement, monkeypatch: pytest.MonkeyPatch, checked: bool
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:1000])
        checksum = sha256(CONTENT[1000:]) if checked else None
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", losing_once(1000))
            with pytest.raises(OSError, match="lost"):
                await append(upload, 1000, CONTENT[1000:], checksum=checksum)
            assert await offset_of(upload) == 1000
            await append(upload, 1000, CONTENT[1000:])
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_a_failed_flush_in_the_middle_of_a_request(
        self, open_element: OpenElement, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("artstore.engine.resumable.file.FLUSH_BYTES", 1000)
        content = CONTENT * 4
        engine = await open_element()
        upload = await begin(engine, len(content))
        await append(upload, 0, content[:1000])
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", losing_once(1000))
            halves = content[1000:2_000_000], content[2_000_000:]
            with pytest.raises(OSError, match="lost"):
                await append(upload, 1000, *halves)
            assert await offset_of(upload) == 1000
        await append(upload, 1000, *halves)
        await complete(upload)
        assert await documents(engine) == [content]

    async def test_bytes_that_are_flushed_stay_when_their_number_cannot_be_noted(
        self, open_element: OpenElement
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        arm("resumable.flushed=raise:EIO@1")
        try:
            with pytest.raises(OSError, match=r"resumable\.flushed"):
                await append(upload, 0, CONTENT)
        finally:
            arm("")
        assert await offset_of(upload) == len(CONTENT)
        await complete(upload)
        assert await documents(engine) == [CONTENT]

    async def test_a_restart(self, open_element: OpenElement) -> None:
        engine = await open_element(capacity_bytes=10_000_000)
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:1000])
        reserved = engine.capacity().reserved_bytes
        await engine.close()
        engine = await open_element(capacity_bytes=10_000_000)
        assert engine.capacity().reserved_bytes == reserved
        again = engine.resumable.get(upload.id)
        assert again.state == upload.state
        await append(again, await offset_of(again), CONTENT[1000:])
        await complete(again)
        assert await documents(engine) == [CONTENT]
        assert engine.capacity().reserved_bytes == 0

    async def test_one_that_cannot_be_read_now_is_there_after_the_next_restart(
        self, open_element: OpenElement, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:1000])
        await engine.close()

        def fails(path: Path, *given: Any, **more: Any) -> Any:
            if path.name == state_path(path.parent, upload.id).name:
                raise OSError(errno.EMFILE, "too many open files")
            return os.fdopen(os.open(path, os.O_RDONLY), *given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", fails)
            engine = await open_element()
        with pytest.raises(UploadUnknown):
            engine.resumable.get(upload.id)
        await engine.close()
        engine = await open_element()
        again = engine.resumable.get(upload.id)
        await append(again, await offset_of(again), CONTENT[1000:])
        await complete(again)
        assert await documents(engine) == [CONTENT]

    async def test_it_is_known_to_be_complete_after_a_restart(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT)
        await complete(upload)
        assert upload.state.file_id is not None
        await engine.close()
        assert verify(root).findings == []
        engine = await open_element()
        again = engine.resumable.get(upload.id)
        assert await offset_of(again) == len(CONTENT)
        await engine.delete(upload.state.file_id)
        await complete(again)
        with pytest.raises(NotFound):
            await engine.attributes(upload.state.file_id)


class TestParts:
    async def partial(self, engine: Engine, content: bytes) -> ResumableUpload:
        part = await begin(engine, len(content), draft=None)
        await append(part, 0, content)
        return part

    async def test_are_put_together_once(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        parts = [await self.partial(engine, CONTENT[:1000]), await self.partial(engine, CONTENT[1000:])]
        ids = [part.id for part in parts]
        whole = await engine.resumable.put_together(parts, owner_id="1", draft=draft_of())
        await complete(whole)
        assert await documents(engine) == [CONTENT]
        assert engine.resumable.whole_of(ids, owner_id="1") is whole
        assert engine.resumable.whole_of(ids, owner_id="2") is None
        await engine.filed(engine.last_lsn)
        assert [path.name for path in (root / "staging").iterdir()] == [f"{whole.id}.json"]
        assert engine.capacity().reserved_bytes == 0

    async def test_count_no_more_once_they_are_gone(self, open_element: OpenElement) -> None:
        engine = await open_element(resumable_uploads=3)
        for _ in range(3):
            parts = [await self.partial(engine, b"part"), await self.partial(engine, b"another")]
            whole = await engine.resumable.put_together(parts, owner_id="1", draft=draft_of())
            await complete(whole)
            assert engine.resumable.figures() == ResumableFigures(0, 0)
            with pytest.raises(UploadUnknown):
                engine.resumable.get(parts[0].id)
        assert len(await documents(engine)) == 3

    async def test_go_on_after_a_restart(self, open_element: OpenElement) -> None:
        engine = await open_element()
        parts = [await self.partial(engine, CONTENT[:1000]), await self.partial(engine, CONTENT[1000:])]
        whole = await engine.resumable.put_together(parts, owner_id="1", draft=draft_of())
        arm("resumable.flushed=raise")
        try:
            with pytest.raises(FailpointHit):
                await complete(whole)
        finally:
            arm("")
        await engine.close()
        engine = await open_element()
        await complete(engine.resumable.get(whole.id))
        assert await documents(engine) == [CONTENT]

    async def test_must_be_whole_and_partial(self, open_element: OpenElement) -> None:
        engine = await open_element()
        whole = await self.partial(engine, b"whole")
        begun = await begin(engine, 10, draft=None)
        ordinary, empty = await begin(engine, 1), await begin(engine, 0, draft=None)
        for parts in ([], [whole, begun], [whole, ordinary], [empty, empty]):
            with pytest.raises(PartsUnfit):
                await engine.resumable.put_together(parts, owner_id="1", draft=draft_of())

    async def test_some_may_be_empty(self, open_element: OpenElement) -> None:
        engine = await open_element()
        empty = [await begin(engine, 0, draft=None) for _ in range(3)]
        await engine.close()
        engine = await open_element()
        parts = [engine.resumable.get(each.id) for each in empty]
        parts.insert(1, await self.partial(engine, b"x"))
        await complete(await engine.resumable.put_together(parts, owner_id="1", draft=draft_of()))
        assert await documents(engine) == [b"x"]

    async def test_a_whole_takes_no_bytes(self, open_element: OpenElement) -> None:
        engine = await open_element()
        parts = [await self.partial(engine, b"part")]
        whole = await engine.resumable.put_together(parts, owner_id="1", draft=draft_of())
        with pytest.raises(UploadClosed):
            await append(whole, 0, b"more")


class TestExpiry:
    async def test_on_schedule(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(resumable_seconds=3600)
        kept, old = await begin(engine), await begin(engine)
        old.written_at -= 3601
        with pytest.raises(UploadUnknown):
            engine.resumable.get(old.id)
        assert await engine.resumable.expire() == 1
        assert sorted(path.stem for path in (root / "staging").iterdir()) == [kept.id, kept.id]

    @pytest.mark.parametrize("restarted", [True, False])
    async def test_leaves_the_bytes_of_a_document(
        self, open_element: OpenElement, root: Path, tmp_path: Path, restarted: bool
    ) -> None:
        """The process died, or failed, between the commit and the note of it; the files are far behind."""
        engine = await open_element(follow_seconds=3600.0)
        upload = await begin(engine)
        await append(upload, 0, CONTENT)
        await left_in_doubt(upload)
        if restarted:
            copy = tmp_path / "copy"
            shutil.copytree(root, copy)
            engine = await open_element(root=copy, follow_seconds=3600.0)
            assert engine.capacity().reserved_bytes == 0
            assert engine.resumable.figures() == ResumableFigures(0, 0)
        engine.resumable.get(upload.id).written_at -= 2 * 24 * 3600
        assert await engine.resumable.expire() == 0
        assert engine.resumable.figures() == ResumableFigures(0, 0)
        assert engine.capacity().reserved_bytes == 0
        assert await documents(engine) == [CONTENT]

    async def test_finds_out_what_a_restart_left_in_doubt(
        self, open_element: OpenElement, root: Path
    ) -> None:
        engine = await open_element()
        kept, deleted, begun = [await begin(engine) for _ in range(3)]
        for upload in (kept, deleted):
            await append(upload, 0, CONTENT)
            await left_in_doubt(upload)
        await append(begun, 0, b"x")
        assert deleted.state.file_id is not None
        await engine.delete(deleted.state.file_id)
        await engine.filed(engine.last_lsn)
        reserved = engine.capacity().reserved_bytes  # of the one that is only begun
        await engine.close()
        engine = await open_element()
        assert engine.capacity().reserved_bytes == reserved
        assert await engine.resumable.expire() == 0
        assert engine.resumable.figures() == ResumableFigures(1, 1)
        assert engine.resumable.get(kept.id).state.complete
        assert {path.stem for path in (root / "staging").iterdir()} == {kept.id, begun.id}

    async def test_one_that_fails_is_for_the_next_time(
        self, open_element: OpenElement, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(file_id: FileId) -> None:
            raise StoreUnavailable("it is away")

        engine = await open_element(resumable_seconds=3600)
        doubtful, other = await begin(engine), await begin(engine)
        await append(doubtful, 0, CONTENT)
        await left_in_doubt(doubtful)
        for upload in (doubtful, other):
            upload.written_at -= 3601
        with monkeypatch.context() as patched:
            patched.setattr(engine._documents, "attributes", away)
            with pytest.raises(StoreUnavailable):
                await engine.resumable.expire()
            assert engine.resumable.figures().unfinished == 1
        assert await engine.resumable.expire() == 0
        assert engine.resumable.figures().unfinished == 0
        assert await documents(engine) == [CONTENT]

    async def test_at_the_start(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await append(upload, 0, CONTENT[:10])
        await engine.close()
        engine = await open_element(resumable_seconds=0.0)
        assert list((root / "staging").iterdir()) == []
        assert engine.capacity().reserved_bytes == 0

    async def test_a_damaged_state_is_removed(
        self, open_element: OpenElement, root: Path, damages: None
    ) -> None:
        engine = await open_element()
        upload = await begin(engine)
        await engine.close()
        (root / "staging" / f"{upload.id}.json").write_bytes(b"{}")
        assert [finding.code for finding in verify(root).findings] == ["O006"]
        engine = await open_element()
        assert list((root / "staging").iterdir()) == []
