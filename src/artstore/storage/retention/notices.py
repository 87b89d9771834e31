"""Documents that expire soon are told of in Redis, once for each time at which they are to be removed.

The index remembers what was told. A kill between telling and remembering leaves the last entries of the
stream, which are looked at before more is added; so nothing is told twice. A rebuilt index remembers nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.attributes import FileId
from artstore.engine import Damaged, Engine, EngineError, Mode, NotFound
from artstore.kernel.database import DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.storage import metrics
from artstore.storage.index.reader import IndexReader, IndexUnavailable
from artstore.storage.index.repository import TablesMissing
from artstore.wire.events import ENTRY_FIELD, FileExpiring, expiring_stream

BATCH = 200
KEEP_ENTRIES = 100_000
"""About how many entries the stream keeps."""
_log = get_logger(__name__)

Place = tuple[str, UUID]
"""When a document expires, as the index has it, and its id."""
NoteTold = Callable[[Sequence[Place]], Awaitable[None]]


@dataclass(frozen=True)
class NoticeOptions:
    """``before``: how long before its end a document is told of; nothing: never. ``every`` is in seconds."""

    before: timedelta
    every: float


class Notices:
    """``run`` is a background task. What is away delays it, and nothing else."""

    def __init__(
        self, engine: Engine, index: IndexReader, note_told: NoteTold, redis: Redis, options: NoticeOptions
    ) -> None:
        self._engine = engine
        self._index = index
        self._note_told = note_told
        self._redis = redis
        self._options = options
        self._stream = expiring_stream(engine.element.id)
        self._reason: str | None = None

    async def run(self) -> None:
        if not self._options.before:
            return
        while True:
            await asyncio.sleep(self._options.every * random.uniform(0.5, 1.0))
            try:
                await self._tell_all()
                self._reason = None
            except (RedisError, OSError, DatabaseDown, IndexUnavailable, TablesMissing, EngineError) as error:
                reason = type(error).__name__  # messages may hold an address with its password
                if reason != self._reason:
                    _log.warning("nobody can be told now what expires soon", reason=reason)
                self._reason = reason

    async def _tell_all(self) -> None:
        if self._engine.element.mode is not Mode.EDIT:
            return
        while places := await self._index.untold(until=datetime.now(UTC) + self._options.before, limit=BATCH):
            await self._tell(places)
            await self._note_told(places)
            if len(places) < BATCH:
                return

    async def _tell(self, places: Sequence[Place]) -> None:
        events = [event for place in places if (event := await self._event(place)) is not None]
        told = await self._latest()
        new = [event for event in events if event not in told]
        async with self._redis.pipeline(transaction=True) as pipeline:
            for event in new:
                text = event.model_dump_json()
                pipeline.xadd(self._stream, {ENTRY_FIELD: text}, maxlen=KEEP_ENTRIES, approximate=True)
            await pipeline.execute()
        metrics.EXPIRING_TOLD.inc(len(new))

    async def _event(self, place: Place) -> FileExpiring | None:
        """None where the document is gone, or expires at another time, which the index will know soon."""
        expiry, file_id = place
        try:
            document = await self._engine.attributes(FileId(file_id))
        except (NotFound, Damaged):
            return None
        if document.expires_at != datetime.fromisoformat(expiry) or document.transfer_id is not None:
            return None
        return FileExpiring(
            element_id=self._engine.element.id,
            file_id=file_id,
            owner_id=document.created_by_id,
            expires_at=document.expires_at,
        )

    async def _latest(self) -> list[FileExpiring]:
        entries: list[tuple[Any, dict[Any, Any]]] | None
        entries = await self._redis.xrevrange(self._stream, count=BATCH)  # type: ignore[assignment]  # no others
        found = []
        for _, fields in entries or ():
            with suppress(ValidationError):  # not ours
                found.append(FileExpiring.model_validate_json(fields.get(ENTRY_FIELD.encode(), "")))
        return found
