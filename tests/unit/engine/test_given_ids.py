"""Ids that come with a document: an upload may be repeated and is stored once."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from artstore.attributes import FileAttributes, FileId, created_at_of, new_file_id
from artstore.engine import AlreadyStored, Arrival, Engine
from artstore.engine.given_ids import REMEMBERED, GivenIds
from tests.support.engines import draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

NOW = datetime.now(UTC)


def fresh() -> FileId:
    return new_file_id(datetime.now(UTC))


async def refused(engine: Engine, file_id: FileId, content: bytes = b"content") -> AlreadyStored:
    with pytest.raises(AlreadyStored) as error:
        await store(engine, content, file_id=file_id)
    return error.value


class TestGiven:
    async def test_is_the_id_of_the_document(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        file_id = fresh()
        stored = await store(engine, b"hello", file_id=file_id)
        assert stored.file_id == file_id
        assert stored.created_at == created_at_of(file_id)
        await engine.filed(engine.last_lsn)
        assert (root / stored.storage_path).read_bytes() == b"hello"

    async def test_that_carries_no_time(self, open_element: OpenElement) -> None:
        engine = await open_element()
        with pytest.raises(ValueError, match="carries no time"):
            await store(engine, file_id=FileId(uuid4()))


class TestAgain:
    @pytest.mark.parametrize("follow_seconds", [30.0, 0.0], ids=["in the log", "in files"])
    async def test_gives_what_is_stored(self, open_element: OpenElement, follow_seconds: float) -> None:
        engine = await open_element(follow_seconds=follow_seconds, close_seconds=0)
        stored = await store(engine, b"hello", file_id=fresh())
        if not follow_seconds:
            await engine.filed(engine.last_lsn)
        used = engine.capacity().used_bytes

        found = await refused(engine, FileId(stored.file_id), b"another")

        assert found.stored == stored
        assert await fetch(engine, stored.file_id) == b"hello"
        assert engine.capacity().used_bytes == used
        assert engine.capacity().documents == 1

    async def test_of_an_id_that_the_element_gave(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine)
        assert (await refused(engine, FileId(stored.file_id))).stored == stored

    @pytest.mark.parametrize("follow_seconds", [30.0, 0.0], ids=["in the log", "in files"])
    async def test_after_a_start(self, open_element: OpenElement, follow_seconds: float) -> None:
        engine = await open_element(follow_seconds=follow_seconds, close_seconds=0)
        stored = await store(engine, file_id=fresh())
        if not follow_seconds:
            await engine.filed(engine.last_lsn)
        await engine.close()
        engine = await open_element()
        assert (await refused(engine, FileId(stored.file_id))).stored == stored

    async def test_of_a_document_that_was_deleted(self, open_element: OpenElement) -> None:
        engine = await open_element()
        stored = await store(engine, file_id=fresh())
        await engine.delete(FileId(stored.file_id))
        assert (await refused(engine, FileId(stored.file_id))).stored is None

    @pytest.mark.parametrize("name", ["a.txt", "b.txt"])
    @pytest.mark.parametrize("follow_seconds", [30.0, 0.0], ids=["in one batch", "in batches"])
    async def test_of_one_that_was_deleted_long_ago_is_stored(
        self, open_element: OpenElement, root: Path, follow_seconds: float, name: str
    ) -> None:
        """Such an id may have been forgotten. What is acknowledged is there, whatever was there before."""
        engine = await open_element(follow_seconds=follow_seconds)
        file_id = new_file_id(NOW - timedelta(hours=1))
        first = await store(engine, b"first", "a.txt", file_id=file_id)
        if not follow_seconds:
            await engine.filed(engine.last_lsn)
        await engine.delete(file_id)
        second = await store(engine, b"second", name, file_id=file_id)
        assert await fetch(engine, file_id) == b"second"
        await engine.close()
        engine = await open_element()
        assert await fetch(engine, file_id) == b"second"
        assert engine.capacity().documents == 1
        assert (root / second.storage_path).read_bytes() == b"second"
        assert first.storage_path == second.storage_path or not (root / first.storage_path).exists()

    async def test_of_an_old_id(self, open_element: OpenElement) -> None:
        engine = await open_element()
        file_id = new_file_id(NOW - timedelta(days=1))
        stored = await store(engine, file_id=file_id)
        await engine.filed(engine.last_lsn)
        assert (await refused(engine, file_id)).stored == stored

    @pytest.mark.parametrize("age", [timedelta(0), timedelta(days=1)], ids=["new", "old"])
    async def test_many_at_once_store_one(self, open_element: OpenElement, age: timedelta) -> None:
        engine = await open_element()
        file_id = new_file_id(datetime.now(UTC) - age)
        ends = await asyncio.gather(
            *(store(engine, b"%d" % number, file_id=file_id) for number in range(20)), return_exceptions=True
        )
        (stored,) = [end for end in ends if isinstance(end, FileAttributes)]
        assert [end.stored for end in ends if isinstance(end, AlreadyStored)] == [stored] * 19
        assert engine.capacity().documents == 1

    async def test_leaves_nothing_in_staging(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        stored = await store(engine, file_id=fresh())
        await engine.filed(engine.last_lsn)
        await refused(engine, FileId(stored.file_id), bytes(3 << 20))
        assert list((root / "staging").iterdir()) == []

    async def test_with_another_id_after_that(self, open_element: OpenElement) -> None:
        engine = await open_element()
        taken = await store(engine, file_id=fresh())
        upload = engine.begin()
        await upload.write(b"more")
        with pytest.raises(AlreadyStored):
            await upload.commit(draft_of(file_id=FileId(taken.file_id)))
        stored = await upload.commit(draft_of(file_id=fresh()))
        assert await fetch(engine, stored.file_id) == b"more"


class TestRemembered:
    def id_of(self, at: datetime) -> FileId:
        return FileId(UUID(int=(int(at.timestamp() * 1000) << 80) | 0x7 << 76 | 0b10 << 62 | 1))

    def test_nothing_is_known_before_it_was_told_what_there_is(self) -> None:
        now = datetime.now(UTC)
        ids = GivenIds(now)
        assert ids.may_be_stored(self.id_of(now)) is None
        ids.stored_before([self.id_of(now)])
        assert ids.may_be_stored(self.id_of(now)) is True
        assert ids.may_be_stored(self.id_of(now + timedelta(minutes=1))) is False

    def test_what_is_long_ago_is_not_known(self) -> None:
        ids = GivenIds(NOW)
        old = self.id_of(NOW - REMEMBERED - timedelta(minutes=1))
        ids.stored_before([old])
        assert ids.may_be_stored(old) is None

    def test_what_was_forgotten_is_not_known(self) -> None:
        now = datetime.now(UTC)
        long_ago = now - timedelta(hours=2)
        ids = GivenIds(long_ago)
        ids.stored_before([])
        ids.add(self.id_of(long_ago))  # and time passed meanwhile
        assert ids.may_be_stored(self.id_of(long_ago)) is None
        assert ids.may_be_stored(self.id_of(now)) is False


class TestOfADocumentThatMoves:
    @pytest.mark.parametrize("follow_seconds", [30.0, 0.0], ids=["in the log", "in files"])
    async def test_may_come_back(
        self, open_element: OpenElement, root: Path, tmp_path: Path, follow_seconds: float
    ) -> None:
        """By a transfer only: whoever repeats its upload must not store it once more."""
        options = {"follow_seconds": follow_seconds, "close_seconds": 0}
        here = await open_element(**options)
        there = await open_element(root=tmp_path / "other", element_id="el-2", **options)
        stored = await store(here, b"hello")
        for source, target in ((here, there), (there, here)):
            upload = target.begin()
            await upload.write(await fetch(source, stored.file_id))
            assert await target.take_in(upload, Arrival.of(stored.to_json_object())) == stored
            await source.delete(FileId(stored.file_id))
            if not follow_seconds:
                await source.filed(source.last_lsn)
        assert await fetch(here, stored.file_id) == b"hello"
        assert (await refused(there, FileId(stored.file_id), b"hello")).stored is None
        await here.close()
        again = await open_element(**options)
        assert await fetch(again, stored.file_id) == b"hello"
        assert again.capacity().documents == 1
