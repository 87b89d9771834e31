"""Between the event loop and the log's writer: gives records in, tells those who wait, bounds the backlog."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from artstore.engine.errors import LogFull
from artstore.engine.followers import FilesFollower
from artstore.engine.gathering import Gathering
from artstore.engine.log.log import Log
from artstore.engine.log.record import Entry, Lsn
from artstore.engine.log.writer import Group, Submission, Writer
from artstore.engine.milestones import Milestones
from artstore.engine.opening import RecoveryReport
from artstore.engine.status import FollowerStatus, LogStatus

FILES = "files"
"""The name of the files follower."""


class Submitting:
    """For the event loop's thread, but for ``positions``."""

    def __init__(
        self,
        log: Log,
        loop: asyncio.AbstractEventLoop,
        max_backlog_bytes: int,
        followers: Mapping[str, Lsn],
        files: FilesFollower,
    ) -> None:
        self.applied = Milestones(log.durable_lsn)
        """The last record that was told of."""
        self._log = log
        self._loop = loop
        self._max_backlog_bytes = max_backlog_bytes
        self._outside = dict(followers)
        self._files = files
        self._queued_bytes = 0
        self._writer = Writer(log, self._deliver)
        self.gathering = Gathering(loop, self._writer.submit)

    async def submit(self, entry: Entry, applied: Callable[[Lsn], None], refused: Callable[[], None]) -> Lsn:
        """Returns when the record is durable; ``applied`` was called then, also if the caller was cancelled.

        Raises LogFull, DiskFull, LogFailed, Closed, after ``refused`` was called.
        """
        told: asyncio.Future[Lsn] = self._loop.create_future()
        submission = Submission(entry, partial(self._settle, told, applied, refused))
        try:
            self.demand_room(submission.size)
        except LogFull:
            refused()
            raise
        self._queued_bytes += submission.size
        self.gathering.add(submission)
        return await told

    async def submit_group(self, entries: Sequence[Entry], applied: Sequence[Callable[[Lsn], None]]) -> None:
        """Returns when all records are durable, after ``applied`` was called of each, one after the other
        without a break: nobody sees a part of them. Raises what ``submit`` does; none is durable then.
        """
        told: asyncio.Future[Lsn] = self._loop.create_future()
        submissions = [
            Submission(entry, partial(self._settle, told, call, _nothing))
            for entry, call in zip(entries, applied, strict=True)
        ]
        size = sum(submission.size for submission in submissions)
        self.demand_room(size)
        self._queued_bytes += size
        self.gathering.send()
        self._writer.submit_group(Group(submissions))
        await told

    def demand_room(self, size: int) -> None:
        """Raises LogFull if, with ``size`` bytes more, too much of the log waited for its followers."""
        unfollowed = self._unfollowed_bytes() + self._queued_bytes
        if unfollowed + size > self._max_backlog_bytes:
            raise LogFull(unfollowed, self._max_backlog_bytes)

    def acknowledge(self, follower: str, lsn: Lsn) -> None:
        if follower not in self._outside:
            raise ValueError(f"there is no follower '{follower}' of this element")
        reached = min(lsn, self._log.durable_lsn)
        if reached > self._outside[follower]:
            self._outside[follower] = Lsn(reached)
            self._log.wake()

    def positions(self) -> dict[str, Lsn]:
        """Of the followers outside."""
        return dict(self._outside)

    def status(self, recovery: RecoveryReport) -> LogStatus:
        last = self.applied.reached
        # Read once: its text names another file at each try, in another thread.
        failure, away = self._log.failure, self._files.failure
        at = self._files.position.lsn
        followers = {FILES: FollowerStatus(at, max(0, last - at), away)}
        for name, lsn in self._outside.items():
            followers[name] = FollowerStatus(lsn, max(0, last - lsn))
        return LogStatus(
            last_lsn=last,
            followers=followers,
            segments=len(self._log.segments()),
            bytes=self._unfollowed_bytes(),
            flushes=self._log.flushes,
            failed=str(failure) if failure is not None else away,
            recovery=recovery,
        )

    async def close(self) -> None:
        """Writes what was submitted; whoever waits for more is told that it does not come."""
        self.gathering.send()
        await asyncio.to_thread(self._writer.close)
        await asyncio.sleep(0)  # what the writer delivered last comes first
        self.applied.close()

    def _unfollowed_bytes(self) -> int:
        return self._log.bytes_after(
            min(self._files.position.lsn, *self._outside.values(), self._log.durable_lsn)
        )

    def _deliver(self, batch: list[Submission]) -> None:
        self._loop.call_soon_threadsafe(self._delivered, batch)

    def _delivered(self, batch: list[Submission]) -> None:
        for submission in batch:
            self._queued_bytes -= submission.size
            submission.done(submission)
        if batch[-1].lsn is not None:
            self.applied.reach(batch[-1].lsn)

    def _settle(
        self,
        told: "asyncio.Future[Lsn]",
        applied: Callable[[Lsn], None],
        refused: Callable[[], None],
        submission: Submission,
    ) -> None:
        if submission.lsn is not None:
            applied(submission.lsn)
            if not told.done():
                told.set_result(submission.lsn)
        elif submission.error is not None:
            refused()
            if not told.done():
                told.set_exception(submission.error)


def _nothing() -> None:
    pass
