"""Waiting for an LSN that only grows."""

import asyncio

from artstore.engine.errors import Closed
from artstore.engine.log.record import Lsn


class Milestones:
    """For one event loop's thread."""

    def __init__(self, reached: Lsn) -> None:
        self.reached = reached
        self._waiting: dict[asyncio.Future[None], Lsn] = {}
        self._closed = False

    def reach(self, lsn: Lsn) -> None:
        self.reached = lsn
        if not self._waiting:
            return
        for future in [future for future, wanted in self._waiting.items() if wanted <= lsn]:
            del self._waiting[future]
            if not future.done():
                future.set_result(None)

    async def wait(self, lsn: Lsn) -> None:
        """Until ``lsn`` is reached. Raises Closed if that can no longer happen."""
        if self._closed:
            raise Closed
        if self.reached >= lsn:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = lsn
        try:
            await future
        finally:
            self._waiting.pop(future, None)

    def close(self) -> None:
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(Closed())
        self._waiting.clear()
