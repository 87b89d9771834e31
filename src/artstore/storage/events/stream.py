"""The element's event stream in Redis; adding to it may be repeated."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from artstore.wire.events import ENTRY_FIELD, element_stream

KEEP_ENTRIES = 100_000
"""About how many entries the stream keeps; a reader that fell further behind asks the element."""


class EventStream:
    """All methods may be repeated, and raise ``redis.exceptions.RedisError`` while Redis is away."""

    def __init__(self, redis: Redis, element_id: str) -> None:
        self._redis = redis
        self.key = element_stream(element_id)

    async def last_lsn(self) -> int | None:
        """The LSN of the newest entry ever added, also when it was trimmed since. None: no stream."""
        try:
            information: dict[Any, Any] = await self._redis.xinfo_stream(self.key)
        except ResponseError as error:
            if "no such key" in str(error).lower():
                return None
            raise
        newest = information.get("last-generated-id", information.get(b"last-generated-id"))
        text = newest.decode() if isinstance(newest, bytes) else str(newest)
        return int(text.partition("-")[0])

    async def add(self, events: Sequence[tuple[int, bytes]]) -> None:
        """Add events (LSN, JSON) in order, in one round trip. What is in the stream already stays as it is.

        All or none of what is new: an entry that failed alone (Redis out of memory) could not be added
        once a later one stands in the stream, hence the transaction.
        """
        async with self._redis.pipeline(transaction=True) as pipeline:
            for lsn, event in events:
                pipeline.xadd(
                    self.key, {ENTRY_FIELD: event}, id=f"{lsn}-0", maxlen=KEEP_ENTRIES, approximate=True
                )
            answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not _is_repetition(answer):
                raise answer

    async def forget(self) -> None:
        """Drop the whole stream: its entries belong to another history of the element."""
        await self._redis.delete(self.key)


def _is_repetition(error: Exception) -> bool:
    return isinstance(error, ResponseError) and "equal or smaller" in str(error)
