"""However a document is cut, checked and interrupted on its way, it arrives as it was, once."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.engine import Checksum, Engine, PieceMismatch, ResumableUpload
from artstore.engine.verify import verify
from tests.support.engines import IN_MEMORY, draft_of, fetch, options_of


class Cut(Exception):
    """The line broke."""


SIZES = st.integers(1, 3 << 20)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "checked", "wrong", "cut", "cut checked", "restart"]),
        st.integers(1, 1 << 20),
        st.integers(1, 1 << 18),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(SIZES, STEPS)
def test_it_arrives(size: int, steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(arrives(hashlib.shake_128(str(size).encode()).digest(size), steps))


async def arrives(content: bytes, steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        root = Path(folder) / "element"
        engine = await Engine.open(root, options_of())
        created = await engine.resumable.create(owner_id="1", draft=draft_of(), length=len(content))
        known = 0
        for step, length, piece in [*steps, ("send", len(content), 1 << 17)]:
            if step == "restart":
                await engine.close()
                engine = await Engine.open(root, options_of())
            upload = engine.resumable.get(created.id)
            offset = await offset_of(upload)
            assert offset >= known
            await ask(upload, offset, content[offset : offset + length], step, piece)
            known = await offset_of(upload)
            assert known >= offset
        async with upload.hold():
            await upload.complete()
        assert [each.file_id async for each in engine.scan()] == [created.state.file_id]
        assert created.state.file_id is not None
        assert await fetch(engine, created.state.file_id) == content
        assert (await engine.attributes(created.state.file_id)).checksum == hashlib.sha256(
            content
        ).hexdigest()
        await engine.close()
        assert verify(root).findings == []


async def offset_of(upload: ResumableUpload) -> int:
    async with upload.hold():
        await upload.settle()
        return upload.offset


async def ask(upload: ResumableUpload, offset: int, data: bytes, step: str, piece: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        stop = len(data) // 2 if step.startswith("cut") else len(data)
        for start in range(0, stop, piece):
            yield data[start : min(stop, start + piece)]
        if step.startswith("cut"):
            raise Cut

    checksum = None
    if "checked" in step or step == "wrong":
        expected = hashlib.sha1(b"" if step == "wrong" and data else data).digest()
        checksum = Checksum("sha1", expected, hashlib.sha1())
    async with upload.hold():
        try:
            await upload.append(offset, pieces(), checksum=checksum)
        except Cut:
            assert step.startswith("cut")
        except PieceMismatch:
            assert step == "wrong"
            assert upload.offset == offset
