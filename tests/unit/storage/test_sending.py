"""A download whose client goes away before the first byte could be sent."""

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from artstore.attributes import FileId
from artstore.engine import Coding, CodingPolicy, Engine, reading
from artstore.engine.coding import DecodedDocument
from artstore.kernel.stalled import ClientStalled
from artstore.kernel.streaming import RangeSpec
from artstore.storage.files import sending
from artstore.storage.files.sending import DocumentResponse
from tests.support.engines import options_of, store

TEXT = b"".join(b"%d;a line of a table;%d\n" % (line, line * 7919) for line in range(50_000))


async def test_decoding_on_the_way_to_a_range_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, reached, go_on = [], asyncio.Event(), threading.Event()
    loop, real = asyncio.get_running_loop(), DecodedDocument.go_to

    def held(document: DecodedDocument, offset: int, most: int) -> bool:
        steps.append(offset)
        loop.call_soon_threadsafe(reached.set)
        go_on.wait(30)
        return real(document, offset, most)

    async def gone() -> Message:
        await reached.wait()
        loop.call_later(0, go_on.set)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert message["type"] == "http.response.start"

    monkeypatch.setattr(reading, "_PASSED_AT_ONCE_BYTES", 1000)
    monkeypatch.setattr(DecodedDocument, "go_to", held)
    engine = await Engine.open(tmp_path / "element", options_of(coding=CodingPolicy(coding=Coding.GZIP)))
    stored = await store(engine, TEXT)
    document = await engine.open_document(FileId(stored.file_id))
    part = RangeSpec(len(TEXT) - 10, len(TEXT), len(TEXT))
    with pytest.raises(ClientDisconnect):
        await DocumentResponse(document, [part], 206, {})({"type": "http"}, gone, send)
    assert 1 <= len(steps) < 10
    await engine.close()


async def test_a_client_that_takes_nothing_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "STALLED_SECONDS", 0.01)
    never = asyncio.Event()

    async def gone() -> Message:
        await never.wait()
        raise AssertionError("it never comes")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await never.wait()

    engine = await Engine.open(tmp_path / "element", options_of())
    stored = await store(engine, TEXT)
    document = await engine.open_document(FileId(stored.file_id))
    with pytest.raises(ClientStalled):
        await DocumentResponse(document, [RangeSpec(0, len(TEXT), len(TEXT))], 200, {})(
            {"type": "http"}, gone, send
        )
    await engine.close()
