"""What of an open element the scrub works with, and what it is told by others."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from artstore.attributes import FileAttributes, FileId
from artstore.engine.adopted import AdoptedList
from artstore.engine.blobs import Blobs
from artstore.engine.capacity import Capacity
from artstore.engine.damage import KnownDamage
from artstore.engine.description import ElementDescription
from artstore.engine.layout import Layout
from artstore.engine.locks import DocumentLocks
from artstore.engine.log.log import Log
from artstore.engine.unfollowed import Overlay


@dataclass(frozen=True)
class Parts:
    layout: Layout
    blobs: Blobs
    log: Log
    overlay: Overlay
    locks: DocumentLocks
    damage: KnownDamage
    adopted: AdoptedList | None
    threads: Executor
    description: Callable[[], ElementDescription]
    capacity: Callable[[], Capacity]
    attributes: Callable[[FileId], Awaitable[FileAttributes]]
    settle: Callable[[], Awaitable[None]]
    """Until the files show everything that is durable now. Raises Closed."""


class IndexRows(Protocol):
    """The index, asked for rows whose document is not here. May raise anything: then it is passed over."""

    def rows(self) -> AsyncIterator[tuple[FileId, str]]:
        """Id and storage path of every row, in any order."""
        ...

    async def has(self, file_id: FileId) -> bool:
        """Whether there is a row, after the index has taken every change that is durable now."""
        ...
