"""Bytes on their way into a file: gathered, then taken by a thread while the event loop receives the next.

At most two gatherings are in memory, and where memory is short one piece.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future

from artstore.engine.body_memory import BodyMemory

GATHER_BYTES = 1 << 20


class GatheredWrites:
    """For one caller at a time; what a thread met is raised by the next call.

    ``take`` writes the pieces that it is given, in order, and runs in one thread at a time.
    """

    def __init__(
        self, threads: Executor, memory: BodyMemory | None, take: Callable[[list[bytes]], None]
    ) -> None:
        """``memory`` is what it shares with others; without it, it gathers as if it were alone."""
        self._threads = threads
        self._memory = memory or BodyMemory(2 * GATHER_BYTES)
        self._take = take
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._underway: Future[None] | None = None

    async def write(self, chunk: bytes) -> None:
        self._gathered.append(chunk)
        self._gathered_bytes += len(chunk)
        self._memory.take(len(chunk))
        is_short = self._memory.is_short
        if is_short or self._gathered_bytes >= GATHER_BYTES:
            await self._settle()
            self._send()
        if is_short:
            await self._settle()

    async def finish(self) -> None:
        """Returns when everything that was given is taken."""
        await self._settle()
        self._send()
        await self._settle()

    async def run(self, call: Callable[[], None]) -> None:
        """``call`` in a thread, after what was sent there before."""
        await self._settle()
        self._underway = self._threads.submit(call)
        await self._settle()

    async def drop(self) -> None:
        """Forgets what is gathered, and waits for the thread whatever it meets. May be called again."""
        underway, self._underway = self._underway, None
        if underway is not None:
            await asyncio.wait([asyncio.wrap_future(underway)])
        self._forget()

    async def _settle(self) -> None:
        if (underway := self._underway) is None:
            return
        try:
            # Shielded, for a call that still waits for its thread would otherwise be cancelled with us.
            await asyncio.shield(asyncio.wrap_future(underway))
        finally:
            # A thread goes on when whoever waits for it is cancelled: ``drop`` must wait for it then, for a
            # descriptor that is closed under it may be that of another document by the time it writes.
            if underway.done():
                self._underway = None
                if underway.exception() is not None:
                    self._forget()  # what was gathered since does not follow what is in the file

    def _forget(self) -> None:
        self._memory.give_back(self._gathered_bytes)
        self._gathered, self._gathered_bytes = [], 0

    def _send(self) -> None:
        chunks, self._gathered, self._gathered_bytes = self._gathered, [], 0
        self._underway = self._threads.submit(self._taken, chunks)

    def _taken(self, chunks: list[bytes]) -> None:
        size = sum(map(len, chunks))
        try:
            self._take(chunks)
        finally:
            chunks.clear()  # the one who waits for this may hold the list for longer
            self._memory.give_back(size)
