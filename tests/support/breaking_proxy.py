"""A line between a client and a server that breaks where a test wants it to."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

_AT_ONCE = 16 * 1024
_RESET = struct.pack("ii", 1, 0)


class BreakingProxy:
    """Each connection in turn lets so many bytes of the client through as ``cuts`` says, then both ends are reset.

    None lets everything through; so do the connections after the last of them. ``passed`` counts the bytes of
    all clients. With ``downloads`` the bytes of the server are counted and cut instead.
    """

    def __init__(self, target: str, cuts: Iterable[int | None], *, downloads: bool = False) -> None:
        self._downloads = downloads
        parts = urlsplit(target)
        assert parts.hostname is not None
        self._target = (parts.hostname, parts.port or 80)
        self._cuts = iter(cuts)
        self._passed = 0
        self._grown = asyncio.Condition()
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.broken = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["BreakingProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
        self.break_all()
        if self._serving:
            await asyncio.wait(self._serving)

    def break_all(self) -> None:
        """All lines that are open."""
        for writer in list(self._open):
            self._break(writer)

    async def passed(self, size: int, *, broken: int = 0) -> None:
        """Returns when so many of the bytes that are counted have come, and so many lines were cut."""
        async with self._grown:
            await self._grown.wait_for(lambda: self._passed >= size and self.broken >= broken)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        try:
            await self._join(reader, writer, next(self._cuts, None))
        finally:
            self._break(writer)
            self._open.discard(writer)
            self._serving.discard(task)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None
    ) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return
        up, down = (self._pass_on, self._pass) if self._downloads else (self._pass, self._pass_on)
        tasks = {
            asyncio.create_task(up(reader, up_writer, cut)),
            asyncio.create_task(down(up_reader, writer, cut)),
        }
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._break(up_writer)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None
    ) -> None:
        left = cut
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                data = await reader.read(_AT_ONCE if left is None else min(_AT_ONCE, left))
                if not data:
                    return
                writer.write(data)
                await writer.drain()
                left = None if left is None else left - len(data)
                async with self._grown:
                    self._passed += len(data)
                    self._grown.notify_all()
            async with self._grown:
                self.broken += 1
                self._grown.notify_all()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_AT_ONCE):
                writer.write(data)
                await writer.drain()

    def _break(self, writer: asyncio.StreamWriter) -> None:
        """A line that breaks does not say goodbye: the other end gets a reset, or nothing."""
        connection = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
