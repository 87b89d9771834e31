"""The element's Redis stream as a target of the log."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from artstore.engine import Change, Engine, Lsn
from artstore.kernel.logging import get_logger
from artstore.storage.documents import event_json
from artstore.storage.events.stream import EventStream
from artstore.storage.following import TargetAway

_log = get_logger(__name__)


class EventsTarget:
    """Publishes every change. Its position is the newest entry of the stream; nothing else is kept.

    Redis may lose the stream, or its newest entries. What the log still has is then published again; what it
    has not leaves a hole in the LSNs, and readers who see it ask the element.
    """

    name = "events"
    pace_seconds = 0.02

    def __init__(self, engine: Engine, stream: EventStream) -> None:
        self._engine = engine
        self._stream = stream

    async def open(self) -> Lsn:
        oldest = self._engine.first_lsn - 1
        try:
            newest = await self._stream.last_lsn()
            if newest is not None and newest > self._engine.last_lsn:
                # The root was made anew, or put back from a copy: Redis would refuse its LSNs as repetitions.
                _log.warning(
                    "the event stream is of another history and was dropped",
                    newest=newest,
                    last_lsn=self._engine.last_lsn,
                )
                await self._stream.forget()
                newest = None
        except (RedisError, OSError) as error:
            raise _away(error) from error
        return Lsn(max(oldest, newest or 0))

    async def take(self, changes: Sequence[Change]) -> None:
        element_id = self._engine.element.id
        events = [(int(change.lsn), event_json(change, element_id)) for change in changes]
        try:
            await self._stream.add(events)
        except (RedisError, OSError) as error:
            raise _away(error) from error


def _away(error: Exception) -> TargetAway:
    # The class only: messages of the client may hold the address with its password.
    return TargetAway(f"Redis is away: {type(error).__name__}")
