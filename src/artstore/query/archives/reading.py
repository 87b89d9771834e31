"""The documents of an archive, opened a little ahead of what is sent."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artstore.kernel.problems import Problem
from artstore.query.archives.repository import Known
from artstore.query.archives.selection import AT_ONCE, Selection, parts
from artstore.query.files.endpoints import Downloads
from artstore.query.files.fetching import Asked
from artstore.query.files.locate import Whereabouts
from artstore.query.files.stream import DocumentStream
from artstore.wire.problems import ProblemType

_AHEAD = 4
"""Documents whose elements were asked already: of small ones the asking takes longer than the sending."""
_REASONS = {202: "its bytes are offline", 500: "it is damaged"}


@dataclass(frozen=True, slots=True)
class Missing:
    """A document that cannot be had, and why."""

    file_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """A document whose bytes, those that its attributes tell of, are about to come."""

    document: dict[str, Any]
    stream: DocumentStream


class Reading:
    """Of one archive. Close it; what was opened ahead is closed with it, the rest by whoever got it."""

    def __init__(
        self,
        ids: Sequence[UUID],
        selection: Selection,
        downloads: Downloads,
        asking: Callable[[UUID, Sequence[str]], Awaitable[tuple[Asked, Whereabouts]]],
        forget_token: Callable[[], None],
    ) -> None:
        """``asking``: how a document is asked for now, whose elements were known to be these.
        ``forget_token``: has ``asking`` use another token from now on."""
        self._ids = ids
        self._selection = selection
        self._downloads = downloads
        self._asking = asking
        self._forget_token = forget_token
        self._ahead: deque[asyncio.Task[Open | Missing]] = deque()

    async def documents(self) -> AsyncIterator[Open | Missing]:
        """In the order of the ids. Raises Problem where one cannot be looked for."""
        for some in parts(self._ids, AT_ONCE):
            known = await self._selection.known(some)
            for file_id in some:
                task = asyncio.create_task(
                    self._open(file_id, known.get(file_id)), name="document of archive"
                )
                self._ahead.append(task)
                if len(self._ahead) > _AHEAD:
                    yield await self._next()
        while self._ahead:
            yield await self._next()

    async def close(self) -> None:
        for task in self._ahead:
            task.cancel()
        for outcome in await asyncio.gather(*self._ahead, return_exceptions=True):
            if isinstance(outcome, Open):
                outcome.stream.close()
        self._ahead.clear()

    async def _next(self) -> Open | Missing:
        one = await self._ahead[0]
        self._ahead.popleft()
        return one

    async def _open(self, file_id: UUID, known: Known | None) -> Open | Missing:
        if known is None:
            return Missing(file_id, self._selection.why_missing(file_id))
        try:
            stream = await self._stream(file_id, known)
        except Problem as problem:
            if problem.kind is ProblemType.NOT_FOUND:
                return Missing(file_id, "it is not there, or not yours to see")
            if problem.kind is ProblemType.ELEMENT_UNAVAILABLE:
                return Missing(file_id, "its storage element does not answer")
            raise
        head = stream.head
        if head.status != 200:
            stream.close()
            return Missing(
                file_id, _REASONS.get(head.status, f"its element answers with status {head.status}")
            )
        if head.headers.get("ETag") != f'"{known.document["checksum"]}"':
            stream.close()
            return Missing(file_id, "its bytes are not those that its attributes tell of")
        return Open(known.document, stream)

    async def _stream(self, file_id: UUID, known: Known) -> DocumentStream:
        stream = await self._downloads.stream(*await self._asking(file_id, known.elements))
        if stream.head.status != 401:
            return stream
        # A token may end before its time, for its account was changed or its key revoked.
        stream.close()
        self._forget_token()
        return await self._downloads.stream(*await self._asking(file_id, known.elements))
