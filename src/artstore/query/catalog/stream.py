"""Reading the elements' event streams from Redis."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from artstore.kernel.logging import get_logger
from artstore.query.catalog.changes import Entry, is_readable
from artstore.wire.events import ENTRY_FIELD, ElementEvent, element_stream

BLOCK_SECONDS = 0.5
"""How long one read waits for news, and so how long a new element may wait to be read. Whoever keeps what he
has read is sure of it for as long (`files.cache`)."""
BATCH_ENTRIES = 500
"""How many entries of one stream are read, and written to the catalog, at once."""

_log = get_logger(__name__)


class EventStreams:
    """The streams of all elements, read together over one connection."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, positions: Mapping[str, int]) -> dict[str, list[Entry]]:
        """Entries after the given LSN of each element, as soon as any has some; else nothing, after a while.

        Raises redis.exceptions.RedisError.
        """
        streams = {element_stream(element_id): element_id for element_id in positions}
        answer: Any = await self._redis.xread(
            {name: f"{max(0, positions[element_id])}-0" for name, element_id in streams.items()},
            count=BATCH_ENTRIES,
            block=int(BLOCK_SECONDS * 1000),
        )
        return {
            streams[name.decode()]: [_entry(identity, fields) for identity, fields in entries]
            for name, entries in answer
        }


def _entry(identity: bytes, fields: dict[bytes, bytes] | None) -> Entry:
    lsn = int(identity.partition(b"-")[0])
    try:
        event = ElementEvent.model_validate_json((fields or {}).get(ENTRY_FIELD.encode(), b""))
    except ValidationError as error:
        # A newer element may publish what this version does not know. Its listing is understood for longer.
        _log.warning("an event cannot be read", lsn=lsn, errors=error.error_count())
        return Entry(lsn, None)
    return Entry(lsn, event if event.lsn == lsn and is_readable(event) else None)
