"""The rest of a refused body, and ranges."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from artstore.kernel.exchange import Exchange
from artstore.kernel.streaming import RangeSpec, UnsatisfiableRange, drain, parse_range


class Client:
    """Sends pieces as a server passes them on; after the last one it is silent, as a waiting client is."""

    def __init__(
        self, pieces: list[bytes], *, ends: bool = True, headers: dict[str, str] | None = None
    ) -> None:
        self.read = 0
        self._messages = self._all(pieces, ends)
        encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": encoded}
        self.request = Request(scope, Exchange(scope, self._receive, self._send).receive)

    async def _receive(self) -> Message:
        message = next(self._messages, None)
        if message is None:
            await asyncio.Event().wait()
            raise AssertionError
        self.read += len(message.get("body", b""))
        return message

    async def _send(self, message: Message) -> None:
        raise AssertionError

    def _all(self, pieces: list[bytes], ends: bool) -> Iterator[Message]:
        for number, piece in enumerate(pieces, 1):
            yield {"type": "http.request", "body": piece, "more_body": not ends or number < len(pieces)}


class TestDrain:
    async def test_reads_to_the_end(self) -> None:
        client = Client([b"a" * 1000] * 10)
        assert await drain(client.request) is True
        assert client.read == 10_000

    async def test_reads_on_after_a_part_was_read(self) -> None:
        client = Client([b"a" * 1000] * 10)
        async for _ in client.request.stream():
            break
        assert await drain(client.request) is True
        assert client.read == 10_000

    async def test_returns_when_all_was_read_before(self) -> None:
        client = Client([b"a"])
        await client.request.body()
        assert await drain(client.request) is True

    async def test_stops_at_the_bound(self) -> None:
        client = Client([b"a" * 1000] * 10)
        assert await drain(client.request, max_bytes=2500) is False
        assert client.read == 3000

    async def test_stops_when_nothing_comes(self) -> None:
        client = Client([b"a"], ends=False)
        assert await drain(client.request, seconds=0.01) is False

    async def test_stops_when_the_client_goes_away(self) -> None:
        client = Client([b"a"], ends=False)
        client._messages = iter([{"type": "http.disconnect"}])
        assert await drain(client.request) is False

    async def test_does_not_ask_for_a_body_that_is_held_back(self) -> None:
        client = Client([b"a"], headers={"expect": "100-continue"})
        assert await drain(client.request) is False
        assert client.read == 0

    async def test_reads_a_body_that_was_asked_for(self) -> None:
        client = Client([b"a", b"b"], headers={"expect": "100-continue"})
        async for _ in client.request.stream():
            break
        assert await drain(client.request) is True
        assert client.read == 2


class TestRange:
    @pytest.mark.parametrize(
        ("header", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=0-99", 0, 100),
            ("bytes=10-19", 10, 20),
            ("bytes=10-", 10, 100),
            ("bytes=99-", 99, 100),
            ("bytes=90-1000", 90, 100),
            ("bytes=-10", 90, 100),
            ("bytes=-1000", 0, 100),
            ("Bytes= 5-6 ", 5, 7),
        ],
    )
    def test_part(self, header: str, start: int, stop: int) -> None:
        spec = parse_range(header, 100)
        assert spec == RangeSpec(start, stop, 100)
        assert spec is not None
        assert spec.length == stop - start
        assert spec.content_range == f"bytes {start}-{stop - 1}/100"

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-6",
            "items=0-5",
            "bytes 0-5",
            "bytes=+1-5",
            "bytes=١-٢",
            "bytes=" + "1" * 5000 + "-",
        ],
    )
    def test_whole(self, header: str | None) -> None:
        assert parse_range(header, 100) is None

    @pytest.mark.parametrize(
        "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"]
    )
    def test_outside(self, header: str) -> None:
        with pytest.raises(UnsatisfiableRange) as refused:
            parse_range(header, 100)
        assert refused.value.content_range == "bytes */100"

    @given(size=st.integers(1, 50), first=st.integers(0, 60), last=st.integers(0, 60))
    def test_is_what_slicing_gives(self, size: int, first: int, last: int) -> None:
        document = bytes(range(size))
        try:
            spec = parse_range(f"bytes={first}-{last}", size)
        except UnsatisfiableRange:
            assert document[first : last + 1] == b""
            return
        if spec is None:
            assert last < first
        else:
            assert document[spec.start : spec.stop] == document[first : last + 1]
