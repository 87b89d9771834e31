"""A resumable upload that is coded when it is complete."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artstore.attributes import FileId
from artstore.engine import Coding, CodingPolicy, Engine, ResumableUpload
from artstore.engine.resumable import coded
from tests.support.engines import draft_of, fetch
from tests.unit.engine.conftest import OpenElement

POLICY = CodingPolicy(coding=Coding.GZIP)
TEXT = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(100_000))


async def one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def sent(engine: Engine, content: bytes, name: str = "table.csv") -> ResumableUpload:
    upload = await engine.resumable.create(owner_id="1", draft=draft_of(name), length=len(content))
    async with upload.hold():
        await upload.settle()
        await upload.append(0, one_piece(content))
    return upload


async def complete(upload: ResumableUpload) -> None:
    async with upload.hold():
        await upload.settle()
        await upload.complete()


class TestComplete:
    @pytest.mark.parametrize("content", [TEXT[:5000], TEXT], ids=["small", "large"])
    async def test_is_coded(self, open_element: OpenElement, root: Path, content: bytes) -> None:
        engine = await open_element(coding=POLICY)
        upload = await sent(engine, content)
        await complete(upload)
        assert upload.state.file_id is not None
        stored = await engine.attributes(upload.state.file_id)
        await engine.filed(engine.last_lsn)
        assert stored.content_encoding == "gzip"
        assert await fetch(engine, stored.file_id) == content
        assert [path.name for path in (root / "staging").iterdir()] == [f"{upload.id}.json"]
        assert engine.capacity().reserved_bytes == 0
        assert engine.resumable.figures().staged_bytes == 0

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (TEXT[:3000], "a.csv"),
            (os.urandom(200_000), "a.csv"),
            (TEXT[:300_000] + os.urandom(6 << 20), "a.csv"),
            (TEXT, "a.jpg"),
        ],
        ids=["too small", "random", "random later", "of another type"],
    )
    async def test_is_left_as_it_came(
        self, open_element: OpenElement, root: Path, content: bytes, name: str
    ) -> None:
        policy = CodingPolicy(coding=Coding.GZIP, types=("text/csv",))
        engine = await open_element(coding=policy)
        upload = await engine.resumable.create(
            owner_id="1",
            draft=draft_of(name, content_type="text/csv" if name == "a.csv" else "image/jpeg"),
            length=len(content),
        )
        async with upload.hold():
            await upload.settle()
            await upload.append(0, one_piece(content))
            await upload.complete()
        assert upload.state.file_id is not None
        stored = await engine.attributes(upload.state.file_id)
        await engine.filed(engine.last_lsn)
        assert stored.content_encoding is None
        assert await fetch(engine, stored.file_id) == content
        assert [path.name for path in (root / "staging").iterdir()] == [f"{upload.id}.json"]

    async def test_a_very_large_one_is_left_as_it_came(
        self, open_element: OpenElement, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coded, "MOST_BYTES", len(TEXT) - 1)
        engine = await open_element(coding=POLICY)
        upload = await sent(engine, TEXT)
        await complete(upload)
        assert upload.state.file_id is not None
        assert (await engine.attributes(upload.state.file_id)).content_encoding is None

    async def test_attributes_without_room_to_tell_of_it(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(coding=POLICY)
        draft = draft_of("a.csv", description="x" * 3300)
        upload = await engine.resumable.create(owner_id="1", draft=draft, length=len(TEXT))
        async with upload.hold():
            await upload.settle()
            await upload.append(0, one_piece(TEXT))
            await upload.complete()
        await engine.filed(engine.last_lsn)
        assert upload.state.file_id is not None
        assert (await engine.attributes(upload.state.file_id)).content_encoding is None
        assert await fetch(engine, upload.state.file_id) == TEXT
        assert [path.name for path in (root / "staging").iterdir()] == [f"{upload.id}.json"]

    async def test_without_room_for_both_it_is_left_as_it_came(self, open_element: OpenElement) -> None:
        engine = await open_element(coding=POLICY, capacity_bytes=len(TEXT) + 20_000)
        upload = await sent(engine, TEXT)
        await complete(upload)
        assert upload.state.file_id is not None
        assert (await engine.attributes(upload.state.file_id)).content_encoding is None
        assert await fetch(engine, upload.state.file_id) == TEXT

    async def test_what_was_stored_before_a_restart_is_known_and_its_bytes_go(
        self, open_element: OpenElement, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The record is durable, the state does not tell."""
        engine = await open_element(coding=POLICY)
        upload = await sent(engine, TEXT)

        async def dies(self: ResumableUpload) -> None:
            raise OSError("it dies here")

        with monkeypatch.context() as patched:
            patched.setattr(ResumableUpload, "_drop_bytes", dies)
            with pytest.raises(OSError, match="dies here"):
                await complete(upload)
        await engine.close()
        assert (root / "staging" / f"{upload.id}.part").exists()
        engine = await open_element(coding=CodingPolicy())
        again = engine.resumable.get(upload.id)
        await complete(again)
        assert again.state.complete
        assert [path.name for path in (root / "staging").iterdir()] == [f"{upload.id}.json"]
        assert await fetch(engine, FileId(again.state.file_id or pytest.fail("no id"))) == TEXT
        assert engine.capacity().documents == 1
