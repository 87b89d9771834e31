"""The limits of a service: what this process has counted, and what all of them have."""

from pydantic import SecretStr

from artstore.kernel.dependencies import Dependency
from artstore.kernel.limits import metrics
from artstore.kernel.limits.shared import SharedWindows
from artstore.kernel.limits.windows import Standing, Windows


class Limiter:
    """Counts by key, within the last minute. Belongs to one event loop.

    This process counts first. What is too much already for it alone needs no Redis, and when Redis goes away
    nothing that was counted is forgotten. ``seconds`` is how long Redis may take to answer.
    """

    def __init__(self, service: str, redis_url: str | SecretStr, *, seconds: float) -> None:
        self._here = Windows()
        self._everywhere = SharedWindows(service, redis_url, seconds=seconds)
        self._local_decisions = metrics.LOCAL_DECISIONS.labels(service)

    @property
    def dependency(self) -> Dependency:
        return self._everywhere

    async def take(self, key: str, limit: int) -> Standing:
        """Counts one if no more than ``limit`` are then within the last minute. ``limit`` is above 0."""
        here = self._here.take(key, limit)
        if not here.allowed:
            return here
        everywhere = await self._everywhere.ask(key, limit, count=True)
        if everywhere is None:
            self._local_decisions.inc()
            return here
        if not everywhere.allowed:
            self._here.give_back(key, here)
        return everywhere

    async def look(self, key: str, limit: int) -> Standing:
        """Whether one would be allowed; nothing is counted."""
        here = self._here.look(key, limit)
        if not here.allowed:
            return here
        everywhere = await self._everywhere.ask(key, limit, count=False)
        if everywhere is None:
            self._local_decisions.inc()
            return here
        return everywhere

    async def close(self) -> None:
        await self._everywhere.close()
