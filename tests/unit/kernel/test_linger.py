"""The rest of a refused body is read within bounds, so that the client reads the answer."""

import asyncio
from collections.abc import Iterator

from starlette.types import Message

from artstore.kernel.exchange import Exchange


class Client:
    """Sends pieces as a server passes them on; after the last one it is silent, as a waiting client is."""

    def __init__(
        self, pieces: list[bytes], *, ends: bool = True, headers: dict[str, str] | None = None
    ) -> None:
        self.read = 0
        self.messages = self._all(pieces, ends)
        given = {"transfer-encoding": "chunked", **(headers or {})}
        encoded = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": encoded}
        self.exchange = Exchange(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        message = next(self.messages, None)
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


class TestLinger:
    async def test_reads_to_the_end(self) -> None:
        client = Client([b"a" * 1000] * 10)
        await client.exchange.linger()
        assert client.read == 10_000

    async def test_reads_on_after_a_part_was_read(self) -> None:
        client = Client([b"a" * 1000] * 10)
        await client.exchange.receive()
        await client.exchange.linger()
        assert client.read == 10_000

    async def test_returns_when_all_was_read_before(self) -> None:
        client = Client([b"a"])
        await client.exchange.receive()
        await asyncio.wait_for(client.exchange.linger(), 5)

    async def test_stops_at_the_bound(self) -> None:
        client = Client([b"a" * 1000] * 10)
        await client.exchange.linger(max_bytes=2500)
        assert client.read == 3000

    async def test_stops_when_nothing_comes(self) -> None:
        client = Client([b"a"], ends=False)
        await asyncio.wait_for(client.exchange.linger(seconds=0.01), 5)

    async def test_stops_when_the_client_goes_away(self) -> None:
        client = Client([])
        client.messages = iter([{"type": "http.disconnect"}])
        await asyncio.wait_for(client.exchange.linger(), 5)

    async def test_does_not_ask_for_a_body_that_is_held_back(self) -> None:
        client = Client([b"a"], headers={"expect": "100-continue"})
        await client.exchange.linger()
        assert client.read == 0

    async def test_reads_a_body_that_was_asked_for(self) -> None:
        client = Client([b"a", b"b"], headers={"expect": "100-continue"})
        await client.exchange.receive()
        await client.exchange.linger()
        assert client.read == 2
