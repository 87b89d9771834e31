"""One lock for each document that is being changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from artstore.attributes import FileId


class DocumentLocks:
    """Keeps a lock only while somebody has it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[FileId, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, file_id: FileId) -> AsyncIterator[None]:
        lock, users = self._locks.get(file_id, (asyncio.Lock(), 0))
        self._locks[file_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[file_id]
            if users == 1:
                del self._locks[file_id]
            else:
                self._locks[file_id] = lock, users - 1
