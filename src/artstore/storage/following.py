"""Followers of the log that live outside the element's folder: the index (PostgreSQL) and the events (Redis).

A follower asks its target how far it is, gives it the changes after that in order, and tells the engine what
the target durably took, so that log segments may go. A target that is away delays nobody: the follower
tries again with a growing, jittered pause, and catches up. Taking a change twice must change nothing.
"""

import asyncio
import math
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from artstore.engine import Change, ChangesGone, Lsn
from artstore.kernel.logging import get_logger

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 3.0
_LOOK_AGAIN_SECONDS = 5.0
_PAST_DAMAGE_SECONDS = 1.0

_log = get_logger(__name__)


class TargetAway(Exception):
    """The target cannot be reached now; the text says why, without addresses or secrets."""


class Log(Protocol):
    """What of the engine a follower needs: see ``engine.Engine``."""

    @property
    def last_lsn(self) -> Lsn: ...
    async def wait_for(self, lsn: Lsn) -> None: ...
    async def changes(self, after: Lsn, limit: int) -> list[Change]: ...
    def acknowledge(self, follower: str, lsn: Lsn) -> None: ...


class Target(Protocol):
    name: str
    pace_seconds: float
    """How far apart batches begin: a change that comes alone is given away at once, many are gathered."""

    async def open(self) -> Lsn:
        """Make ready and say up to which LSN everything is there. Called again after a failure and when idle.

        May take long (a rebuild). Raises TargetAway.
        """
        ...

    async def take(self, changes: Sequence[Change]) -> None:
        """Durably take consecutive changes, which follow on what was taken before. Raises TargetAway."""
        ...


STARTING = "starting"


@dataclass
class FollowerStatus:
    """``position``: every change up to this LSN was taken. ``away``: why not at work now, or None."""

    position: int = 0
    away: str | None = STARTING


class LogFollower:
    """Runs one target. ``run`` never returns; an error other than TargetAway ends it (logged above)."""

    def __init__(self, log: Log, target: Target, *, batch_size: int = 1000) -> None:
        self._log = log
        self._target = target
        self._batch_size = batch_size
        self._moved = asyncio.Condition()
        self._begun_at = -math.inf
        self.name = target.name
        self.status = FollowerStatus()

    @property
    def lag(self) -> int:
        """Changes that are durable in the log and not yet with the target."""
        return max(0, self._log.last_lsn - self.status.position)

    async def at_work(self, seconds: float) -> bool:
        """Wait until the first attempt to begin has ended, for ``seconds`` at most; whether it is at work."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.status.away != STARTING)
        return self.status.away is None

    async def reached(self, lsn: int, seconds: float) -> bool:
        """Wait until the target took everything up to ``lsn``; False after ``seconds``."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.status.position >= lsn)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._open()
                pause = _FIRST_PAUSE_SECONDS
                while True:
                    await self._follow()
            except TargetAway as reason:
                await self._set_away(str(reason))
            except Exception as error:
                await self._set_away(f"failed: {type(error).__name__}")
                raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)

    async def _open(self) -> None:
        position = await self._target.open()
        if self.status.away is not None:
            self.status.position = position
            _log.info("a follower is at work", follower=self.name, position=position, lag=self.lag)
            self.status.away = None
        await self._moved_to(position)

    async def _follow(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                await self._log.wait_for(Lsn(self.status.position))
        except TimeoutError:
            await self._open()  # idle: notice that the target went away, or came back without what it had
            return
        now = asyncio.get_running_loop().time
        await asyncio.sleep(self._begun_at + self._target.pace_seconds - now())
        self._begun_at = now()
        try:
            changes = await self._log.changes(Lsn(self.status.position), self._batch_size)
        except ChangesGone as error:
            raise TargetAway("the log no longer has what comes next; the target decides anew") from error
        if not changes:  # all that came is damaged, as recovery told: the next change leads past it
            await asyncio.sleep(_PAST_DAMAGE_SECONDS)
            return
        await self._target.take(changes)
        await self._moved_to(changes[-1].lsn)

    async def _moved_to(self, position: int) -> None:
        self.status.position = position
        self._log.acknowledge(self.name, Lsn(position))
        async with self._moved:
            self._moved.notify_all()

    async def _set_away(self, reason: str) -> None:
        if self.status.away != reason:
            _log.warning("a follower is away", follower=self.name, reason=reason, lag=self.lag)
        self.status.away = reason
        async with self._moved:
            self._moved.notify_all()
