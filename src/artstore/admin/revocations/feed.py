"""The revocations in the memory of this process: for its own requests, and for services that ask."""

import asyncio
import time
from bisect import bisect_right
from contextlib import suppress

from artstore.admin.revocations import repository
from artstore.kernel.access import RevocationList
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.wire.revocations import PAGE_SIZE, Revocation, RevocationNews

_log = get_logger(__name__)
_LOOK_SECONDS = 1.0
"""How long what another Admin process decided may be unknown here. A look without news is one small query."""
_TIDY_SECONDS = 300.0


class RevocationFeed:
    """Follows the table. Belongs to one event loop; start `follow` as a task after the first `refresh`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: list[Revocation] = []
        self._positions: list[int] = []
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._tidied_at = time.monotonic()
        self.revocations = RevocationList()
        """For the verification of tokens in this process."""

    @property
    def position(self) -> int:
        return self.revocations.position

    def after(self, position: int, limit: int = PAGE_SIZE) -> RevocationNews:
        """A part of the list, from memory."""
        if position > self.position:
            return RevocationNews(items=[], after=position, position=self.position)
        begin = bisect_right(self._positions, position)
        items = self._entries[begin : begin + limit]
        more = begin + limit < len(self._entries)
        reached = items[-1].position if more else self.position
        return RevocationNews(items=items, after=position, position=reached, more=more)

    def everything(self) -> list[Revocation]:
        return list(self._entries)

    def decided(self) -> None:
        """Something was revoked and committed here: do not wait for the next look."""
        self._changed.set()

    async def wait_for_news(self, seconds: float) -> None:
        """Returns when there are new entries, or after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def follow(self) -> None:
        """Runs until it is cancelled. While PostgreSQL is away nothing can be revoked."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self.refresh()
                await self._tidy()
            except DatabaseDown as error:
                _log.warning("revocations wait for the database", reason=error.reason)

    async def refresh(self) -> None:
        """Take over what the table has. Raises DatabaseDown."""
        async with self._refreshing, self._database.read() as connection:
            if await repository.last_position(connection) < self.position:
                self._begin_anew()
            while new := await repository.revocations_after(connection, self.position, PAGE_SIZE):
                self._take(new)

    def _take(self, new: list[Revocation]) -> None:
        self._entries += new
        self._positions += [entry.position for entry in new]
        self.revocations.learn(new)
        self.revocations.position = new[-1].position
        self._news.set()

    def _begin_anew(self) -> None:
        """The table is another one: the database was replaced. What was revoked is kept all the same."""
        _log.warning("the list of revocations began anew", position=self.position)
        self._entries, self._positions = [], []
        self.revocations.position = 0

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at < _TIDY_SECONDS:
            return
        self._tidied_at = time.monotonic()
        now = time.time()
        self._entries = [entry for entry in self._entries if entry.until > now]
        self._positions = [entry.position for entry in self._entries]
        self.revocations.forget_expired()
        async with self._database.write() as connection:
            await repository.remove_expired(connection)
