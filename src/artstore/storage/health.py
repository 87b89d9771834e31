"""Whether the element is well: for its announcement, and for ``/health/ready``."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from artstore.engine import Engine, StoreUnavailable
from artstore.kernel.dependencies import DependencyDown
from artstore.storage.element.modes import ALLOWED, Operation
from artstore.storage.element.thresholds import Thresholds
from artstore.storage.following import LogFollower
from artstore.storage.scrub.alarm import Alarm
from artstore.wire.elements import CapacityStatus, ElementHealth

_T = TypeVar("_T")
_FRESH_SECONDS = 2.0


def health_of(
    engine: Engine, followers: Sequence[LogFollower], max_backlog_bytes: int, alarm: Alarm
) -> ElementHealth:
    """Degraded while a follower is not at work, the log that waits for one is past half its limit, or
    something that the element keeps is damaged.
    """
    log = engine.status()
    away = any(follower.status.away is not None for follower in followers)
    if away or log.failed is not None or log.bytes > max_backlog_bytes // 2:
        return ElementHealth.DEGRADED
    if alarm.reason() is not None:
        return ElementHealth.DEGRADED
    return ElementHealth.OK


@dataclass(frozen=True)
class FollowerDependency:
    """A follower in the health of the service. Without it the element is only degraded."""

    name: str
    follower: Callable[[], LogFollower]
    essential: bool = False

    async def check(self) -> None:
        away = _part(self.follower).status.away
        if away is not None:
            raise DependencyDown(away)


@dataclass(frozen=True)
class LogDependency:
    """The log itself: an element that cannot write it takes nothing more. What it has can still be read."""

    engine: Callable[[], Engine]
    name: str = "log"
    essential: bool = False

    async def check(self) -> None:
        failed = _part(self.engine).status().failed
        if failed is not None:
            raise DependencyDown(failed)


@dataclass(frozen=True)
class IntegrityDependency:
    """What is known to be damaged. The rest is served."""

    alarm: Callable[[], Alarm]
    name: str = "integrity"
    essential: bool = False

    async def check(self) -> None:
        reason = _part(self.alarm).reason()
        if reason is not None:
            raise DependencyDown(reason)


@dataclass(frozen=True)
class CapacityDependency:
    """Room for documents. One that takes some is degraded while it is full."""

    engine: Callable[[], Engine]
    thresholds: Thresholds
    name: str = "capacity"
    essential: bool = False

    async def check(self) -> str | None:
        engine = _part(self.engine)
        room = engine.capacity()
        status = self.thresholds.status(room)
        told = f"{status}: {room.free_bytes} of {room.capacity_bytes} bytes are free"
        if status is CapacityStatus.FULL and Operation.CREATE in ALLOWED[engine.element.mode]:
            raise DependencyDown(told)
        return told if status is not CapacityStatus.OK else None


class StoreDependency:
    """The object store with the documents. It is essential until the element is open.

    After that uploads go on without it, for as long as the log has room, and so do reads of what it has not.
    """

    name = "store"

    def __init__(self, engine: Callable[[], Engine], is_open: Callable[[], bool]) -> None:
        self._engine = engine
        self._is_open = is_open
        self._asking: asyncio.Task[str | None] | None = None
        self._asked_at = float("-inf")

    @property
    def essential(self) -> bool:
        return not self._is_open()

    async def check(self) -> None:
        try:
            engine = self._engine()
        except StoreUnavailable as error:
            raise DependencyDown(error.reason) from None
        # A store that does not answer keeps a thread waiting: one at a time, whoever asks.
        if self._asking is None or (
            self._asking.done() and time.monotonic() - self._asked_at > _FRESH_SECONDS
        ):
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(_ask(engine), name="ask the store")
        reason = await asyncio.shield(self._asking)
        if reason is not None:
            raise DependencyDown(reason)


async def _ask(engine: Engine) -> str | None:
    """Why the place of the documents cannot be reached."""
    try:
        await engine.check_files()
    except StoreUnavailable as error:
        return error.reason
    return None


def _part(part: Callable[[], _T]) -> _T:
    try:
        return part()
    except StoreUnavailable:
        raise DependencyDown("the element waits for its object store to be opened") from None
