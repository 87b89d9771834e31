"""Whether the element is well: for its announcement, and for ``/health/ready``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from artstore.engine import Engine
from artstore.kernel.dependencies import DependencyDown
from artstore.storage.following import LogFollower
from artstore.wire.elements import ElementHealth


def health_of(engine: Engine, followers: Sequence[LogFollower], max_backlog_bytes: int) -> ElementHealth:
    """Degraded while a follower is not at work, or the log that waits for one is past half its limit."""
    log = engine.status()
    away = any(follower.status.away is not None for follower in followers)
    if away or log.failed is not None or log.bytes > max_backlog_bytes // 2:
        return ElementHealth.DEGRADED
    return ElementHealth.OK


@dataclass(frozen=True)
class FollowerDependency:
    """A follower in the health of the service. Without it the element is only degraded."""

    name: str
    follower: Callable[[], LogFollower]
    essential: bool = False

    async def check(self) -> None:
        away = self.follower().status.away
        if away is not None:
            raise DependencyDown(away)


@dataclass(frozen=True)
class LogDependency:
    """The log itself: an element that cannot write it takes nothing more. What it has can still be read."""

    engine: Callable[[], Engine]
    name: str = "log"
    essential: bool = False

    async def check(self) -> None:
        failed = self.engine().status().failed
        if failed is not None:
            raise DependencyDown(failed)
