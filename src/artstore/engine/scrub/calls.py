"""Calls that block, and waiting for the files to show what the log tells."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from artstore.engine.errors import StoreUnavailable
from artstore.engine.scrub.limiter import Limiter
from artstore.engine.scrub.parts import Parts
from artstore.engine.threads import in_thread

_T = TypeVar("_T")
_SETTLE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0


class Calls:
    """For one pass; ``threads`` are the scrub's own, so that nobody who reads waits for it."""

    def __init__(self, parts: Parts, limiter: Limiter, threads: Executor) -> None:
        self._parts = parts
        self._limiter = limiter
        self.threads = threads

    async def call(self, call: Callable[..., _T], *arguments: object) -> _T:
        """What ``call`` gives, from a thread; again and again while a store is away. Raises Stopped."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await in_thread(self.threads, call, *arguments)
            except StoreUnavailable:
                await in_thread(self.threads, self._limiter.pause, pause)
                pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause)

    async def settled(self) -> bool:
        """Waits for a bounded time until the files show what is durable now; whether they do.

        Raises Closed.
        """
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._parts.settle()
        except TimeoutError:
            return False
        return True
