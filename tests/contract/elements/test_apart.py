"""An element whose documents lie in a bucket: what is where, and what keeps it from the documents of others."""

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from artstore.attributes import FileId, attribute_name
from artstore.engine import (
    ElementMismatch,
    Engine,
    Mode,
    NotAnElement,
    StoreMismatch,
    StoreRefuses,
    StoreUnavailable,
)
from artstore.engine.blobs import Blobs
from artstore.engine.blobs.s3 import S3Blobs
from artstore.engine.blobs.s3_options import S3Options
from artstore.engine.layout import FORMAT_PAGE
from tests.support.engines import fetch, options_of, store
from tests.support.swift import STRANGER_KEY_ID, STRANGER_SECRET, Swift
from tests.support.system import eventually

Open = Callable[..., Awaitable[Engine]]


@pytest.fixture
def open_on(s3: S3Options, root: Path) -> Open:
    """Opens the element of ``root`` on the test's place, or on another."""

    async def open_(place: S3Options = s3, *, root: Path = root, **options: Any) -> Engine:
        return await Engine.open(root, options_of(**options), blobs=S3Blobs(place))

    return open_


@pytest.fixture
def blobs(s3: S3Options) -> Blobs:
    """What lies in the test's place."""
    return S3Blobs(s3)


async def with_documents(open_on: Open, **options: Any) -> list[FileId]:
    """An element that was used and closed, and its documents."""
    engine = await open_on(**options)
    stored = [await store(engine, content) for content in (b"one", b"two" * 100_000)]
    await engine.filed(engine.last_lsn)
    await engine.close()
    return [FileId(each.file_id) for each in stored]


class TestPlaces:
    async def test_what_lies_where(self, open_on: Open, blobs: Blobs, root: Path, s3: S3Options) -> None:
        engine = await open_on()
        stored = await store(engine)
        await engine.filed(engine.last_lsn)
        await engine.close()
        paths = {path for path, _ in blobs.walk("files")}
        assert paths == {stored.storage_path, attribute_name(stored.storage_path)}
        assert blobs.entries("").folders == ["files"]
        assert sorted(blobs.entries("").blobs) == ["FORMAT.md", "element.json"]
        assert blobs.read("FORMAT.md", 1 << 20) == FORMAT_PAGE.read_bytes()
        assert blobs.read("element.json", 1 << 20) == (root / "element.json").read_bytes()
        assert not (root / "files").exists()
        told = json.loads((root / "element.json").read_bytes())["store"]
        place = {"kind": "s3", "bucket": s3.bucket, "prefix": s3.prefix, "endpoint": s3.endpoint}
        assert told == place

    async def test_the_mode_is_told_there_too(self, open_on: Open, blobs: Blobs) -> None:
        engine = await open_on(mode=Mode.RW)
        await engine.set_mode(Mode.RO)
        await engine.filed(engine.last_lsn)
        assert json.loads(blobs.read("element.json", 10_000))["mode"] == "ro"
        await engine.close()

    async def test_documents_may_move_with_their_description(
        self, open_on: Open, blobs: Blobs, s3: S3Options, root: Path, swift: Swift
    ) -> None:
        [one, _] = await with_documents(open_on)
        moved = swift.options(s3.bucket, prefix=f"{s3.prefix}-moved")
        target = S3Blobs(moved)
        for path in ("element.json", *(path for path, _ in blobs.walk("files"))):
            target.put(path, blobs.read(path, 1 << 20))
        engine = await open_on(moved)
        assert await fetch(engine, one) == b"one"
        assert json.loads((root / "element.json").read_bytes())["store"]["prefix"] == moved.prefix
        assert target.read("element.json", 10_000) == (root / "element.json").read_bytes()
        await engine.close()


class TestOpening:
    """What does not fit stops the start, and says why."""

    async def test_the_place_of_another_element(self, open_on: Open, tmp_path: Path) -> None:
        await with_documents(open_on)
        with pytest.raises(StoreMismatch, match="the element 'el-1'"):
            await open_on(root=tmp_path / "other", element_id="el-2")

    async def test_the_place_of_an_earlier_element_of_the_same_name(
        self, open_on: Open, s3: S3Options, root: Path, tmp_path: Path, swift: Swift
    ) -> None:
        await with_documents(open_on)
        other = swift.options(s3.bucket, prefix=f"{s3.prefix}-other")
        await (await open_on(other, root=tmp_path / "other")).close()
        with pytest.raises(StoreMismatch, match="the element 'el-1' of 20"):
            await open_on(s3, root=tmp_path / "other")

    async def test_an_empty_place(self, open_on: Open, s3: S3Options, swift: Swift) -> None:
        await with_documents(open_on)
        with pytest.raises(StoreMismatch, match="there is nothing"):
            await open_on(swift.options(s3.bucket, prefix=f"{s3.prefix}-empty"))

    async def test_a_place_with_something_else(self, open_on: Open, blobs: Blobs) -> None:
        blobs.put("files/holiday.jpg", b"...")
        with pytest.raises(StoreMismatch, match="something else"):
            await open_on()

    async def test_settings_of_another_kind(self, open_on: Open, root: Path, tmp_path: Path) -> None:
        await with_documents(open_on)
        with pytest.raises(ElementMismatch, match=r"place of its documents 'the root'.* has 's3'"):
            await Engine.open(root, options_of())
        local = tmp_path / "local"
        await (await Engine.open(local, options_of())).close()
        with pytest.raises(ElementMismatch, match=r"place of its documents 's3'.* has 'the root'"):
            await open_on(root=local)

    async def test_it_was_interrupted_while_it_was_made(
        self, open_on: Open, blobs: Blobs, root: Path
    ) -> None:
        """``element.json`` is in the root, and nothing at the other place."""
        await (await open_on()).close()
        for path in ("element.json", "FORMAT.md"):
            blobs.delete(path)
        shutil.rmtree(root / "wal")
        engine = await open_on()
        assert blobs.read("element.json", 10_000)
        await engine.close()


class TestTakingOver:
    """The root is lost, the documents are there."""

    async def test_only_on_request(self, open_on: Open, tmp_path: Path) -> None:
        await with_documents(open_on)
        with pytest.raises(NotAnElement, match="let an empty one take over"):
            await open_on(root=tmp_path / "new")
        assert not (tmp_path / "new" / "element.json").exists()

    async def test_finds_every_document(self, open_on: Open, tmp_path: Path, blobs: Blobs) -> None:
        [one, two] = await with_documents(open_on)
        used = sum(size for _, size in blobs.walk("files"))
        engine = await open_on(root=tmp_path / "new", take_over=True)
        assert [await fetch(engine, one), await fetch(engine, two)] == [b"one", b"two" * 100_000]
        assert (engine.capacity().documents, engine.capacity().used_bytes) == (2, used)
        assert engine.recovery.counted
        await store(engine, b"three")
        await engine.close()


class TestUnusable:
    """Nothing is opened, and the reason says what to do. It names no secret."""

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"bucket": "no-such-bucket"}, r"the bucket does not exist.* \(NoSuchBucket\)"),
            ({"secret_access_key": "not-the-secret"}, r"its secret is wrong.* \(SignatureDoesNotMatch\)"),
            ({"access_key_id": STRANGER_KEY_ID, "secret_access_key": STRANGER_SECRET}, r"\(AccessDenied\)"),
        ],
        ids=["no bucket", "wrong secret", "forbidden"],
    )
    async def test_for_people(
        self, open_on: Open, s3: S3Options, swift: Swift, changed: dict[str, str], reason: str
    ) -> None:
        place = swift.options(**{"bucket": s3.bucket, "prefix": s3.prefix, **changed})
        with pytest.raises(StoreRefuses, match=reason) as caught:
            await open_on(place)
        assert place.secret_access_key not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    async def test_for_a_while(self, open_on: Open, s3: S3Options, swift: Swift) -> None:
        with swift.away(), pytest.raises(StoreUnavailable, match="it cannot be reached") as caught:
            await open_on()
        assert caught.value.transient
        await (await open_on()).close()

    async def test_it_does_not_answer(self, open_on: Open, s3: S3Options, swift: Swift) -> None:
        place = swift.options(s3.bucket, prefix=s3.prefix, read_seconds=0.5, retry_seconds=1.0)
        with swift.silent(), pytest.raises(StoreUnavailable, match="it did not answer in time"):
            await open_on(place)


class TestAway:
    """The store goes away while the element serves."""

    async def test_uploads_go_on_and_follow_later(self, open_on: Open, s3: S3Options, swift: Swift) -> None:
        engine = await open_on()
        before = await store(engine, b"before")
        await engine.filed(engine.last_lsn)
        with swift.away():
            stored = [await store(engine, content) for content in (b"small", b"large" * 50_000)]
            assert await fetch(engine, stored[0].file_id) == b"small"
            assert await fetch(engine, stored[1].file_id) == b"large" * 50_000
            with pytest.raises(StoreUnavailable):
                await engine.attributes(FileId(before.file_id))
            with pytest.raises(StoreUnavailable):
                await engine.check_files()
            await eventually(lambda: engine.status().failed is not None, "nobody tells of the failure")
            assert s3.secret_access_key not in str(engine.status())
        await engine.filed(engine.last_lsn)
        assert await fetch(engine, before.file_id) == b"before"
        assert await fetch(engine, stored[1].file_id) == b"large" * 50_000
        await engine.check_files()
        await engine.close()
