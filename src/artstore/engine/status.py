"""How the log and its followers stand, for operators."""

from collections.abc import Mapping
from dataclasses import dataclass

from artstore.engine.log.record import Lsn
from artstore.engine.opening import RecoveryReport


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """``lag``: records that it has not taken. ``away``: why the engine's own one does not get on."""

    position: Lsn
    lag: int
    away: str | None = None


@dataclass(frozen=True, slots=True)
class LogStatus:
    last_lsn: Lsn
    followers: Mapping[str, FollowerStatus]
    """``files`` and those outside."""
    segments: int
    bytes: int
    """Of the log that the slowest follower has not taken, which is what ``max_backlog_bytes`` bounds."""
    flushes: int
    """How often records were flushed since the start."""
    failed: str | None
    """Why the log takes nothing any more, or why the files follower does not get on."""
    recovery: RecoveryReport
