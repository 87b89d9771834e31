"""What uploads hold in memory: bounded over all of them, and given back whatever becomes of each."""

import asyncio
import os
from pathlib import Path

import pytest

from artstore.engine import Engine
from artstore.engine.failpoints import arm
from artstore.engine.gathered import GATHER_BYTES
from tests.support.engines import draft_of, fetch, store
from tests.unit.engine.conftest import OpenElement

PIECE = os.urandom(100_000)
LIMIT = 1_000_000


def staged(root: Path) -> list[Path]:
    return list((root / "staging").iterdir())


async def fill(engine: Engine, uploads: int) -> None:
    """Uploads of slow clients, each with one piece that is held back."""
    for _ in range(uploads):
        await engine.begin().write(PIECE)


class TestLargeDocuments:
    async def test_gather_while_there_is_room(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(upload_memory_bytes=LIMIT)
        await fill(engine, 10)
        assert engine.body_memory.held_bytes == 10 * len(PIECE)
        assert staged(root) == []

    async def test_write_each_piece_where_there_is_none(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(upload_memory_bytes=LIMIT)
        await fill(engine, 10)
        upload = engine.begin()
        for number in range(1, 6):
            await upload.write(PIECE)
            [file] = staged(root)
            assert file.stat().st_size == number * len(PIECE)
            assert engine.body_memory.held_bytes == 10 * len(PIECE)
        stored = await upload.commit(draft_of())
        assert await fetch(engine, stored.file_id) == PIECE * 5

    async def test_hundred_at_once_hold_the_limit_and_a_piece_each(self, open_element: OpenElement) -> None:
        engine = await open_element(upload_memory_bytes=LIMIT)
        most = 0

        async def one() -> bytes:
            nonlocal most
            upload = engine.begin()
            for _ in range(2 * GATHER_BYTES // len(PIECE)):
                await upload.write(PIECE)
                most = max(most, engine.body_memory.held_bytes)
            return (await upload.commit(draft_of())).file_id.bytes

        ids = await asyncio.gather(*(one() for _ in range(100)))
        assert len(set(ids)) == 100
        assert LIMIT < most <= LIMIT + 100 * len(PIECE)
        assert engine.body_memory.held_bytes == 0


class TestSmallDocuments:
    async def test_stay_in_memory_until_they_are_durable(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        upload = engine.begin(expected_bytes=5)
        await upload.write(b"small")
        assert engine.body_memory.held_bytes == 5
        await upload.commit(draft_of())
        assert (engine.body_memory.held_bytes, staged(root)) == (0, [])

    async def test_are_staged_where_memory_is_short(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element(upload_memory_bytes=LIMIT, follow_seconds=60.0, close_seconds=0.0)
        slow = engine.begin()
        await slow.write(b"begun ")
        engine.body_memory.take(LIMIT)  # others came meanwhile
        await slow.write(b"and ended")
        assert engine.body_memory.held_bytes == LIMIT
        [file] = staged(root)
        assert file.read_bytes() == b"begun and ended"
        stored = await slow.commit(draft_of())
        engine.body_memory.give_back(LIMIT)
        assert await fetch(engine, stored.file_id) == b"begun and ended"


class TestGivenBack:
    @pytest.mark.parametrize("content", [b"small", PIECE, PIECE * 30], ids=["small", "gathered", "staged"])
    async def test_by_an_abort(self, open_element: OpenElement, root: Path, content: bytes) -> None:
        engine = await open_element()
        upload = engine.begin()
        await upload.write(content)
        await upload.abort()
        assert (engine.body_memory.held_bytes, staged(root)) == (0, [])

    @pytest.mark.parametrize("content", [b"small", PIECE], ids=["small", "staged"])
    async def test_by_a_refused_commit(self, open_element: OpenElement, content: bytes) -> None:
        engine = await open_element()
        arm("log.before_write=raise:ENOSPC")
        try:
            with pytest.raises(Exception, match="full"):
                await store(engine, content)
        finally:
            arm("")
        assert engine.body_memory.held_bytes == 0

    async def test_by_a_write_that_failed(self, open_element: OpenElement, root: Path) -> None:
        engine = await open_element()
        (root / "staging").rmdir()
        with pytest.raises(FileNotFoundError):
            await store(engine, PIECE * 30)
        (root / "staging").mkdir()
        assert engine.body_memory.held_bytes == 0
