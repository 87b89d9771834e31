"""Documents whose time is over are removed, in elements of mode ``edit``.

The index says which those may be. What is to go is reported to Admin first, which refuses where its clock
tells another time, and then removed, each under its lock and only if its attributes still say so. A kill in
between leaves documents that are found, reported (which changes nothing) and removed by the next run; so does
whatever is away.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, Engine, EngineError, Mode, NotFound, StoreUnavailable
from artstore.kernel.database import DatabaseDown
from artstore.kernel.dependencies import DependencyDown
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.index.reader import IndexUnavailable
from artstore.storage.retention.extension import is_over
from artstore.wire.audit import ExpiredDocument, ExpiryReport
from artstore.wire.problems import ProblemType

BATCH = 200
"""Documents that are reported together and removed by one flush."""
_FIRST_SECONDS = 60.0
"""Until the first run, at most: the element is to be well before."""
_LONG_SECONDS = 3600.0
"""Of failing, after which the health of the element says so."""
_log = get_logger(__name__)

Report = Callable[[ExpiryReport], Awaitable[None]]


class Find(Protocol):
    async def __call__(
        self, *, until: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> list[tuple[str, UUID]]: ...


class _Kept(Exception):
    """Its attributes changed since: the document is not to go any more."""


@dataclass
class ExpiryStatus:
    """``failing_since``: by the monotonic clock. ``reason`` has no names of documents in it."""

    failing_since: float | None = None
    reason: str = ""


class Expiry:
    """``run`` is a background task. ``report`` raises Problem; without it nothing is removed.

    ``find`` is ``IndexReader.expired``. ``every`` is in seconds; ``now`` is the clock by which documents
    expire.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        find: Find,
        report: Report | None,
        *,
        every: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.status = ExpiryStatus()
        self._engine = engine
        self._find = find
        self._report = report
        self._every = every
        self._now = now

    async def run(self) -> None:
        await asyncio.sleep(min(self._every, _FIRST_SECONDS) * random.uniform(0.5, 1.0))
        while True:
            await self.run_once()
            await asyncio.sleep(self._every * random.uniform(0.9, 1.1))

    async def run_once(self) -> None:
        """Removes what has expired, as far as that is possible now."""
        try:
            left = await self._remove_all()
        except (Problem, IndexUnavailable, DatabaseDown, EngineError, OSError) as error:
            self._failed(_reason(error))
            return
        self.status = ExpiryStatus()
        metrics.EXPIRY_OVERDUE.set(left)
        metrics.EXPIRY_ENDED.set_to_current_time()

    def reason(self) -> str | None:
        """Why documents have not expired for long; None while they do."""
        since = self.status.failing_since
        return self.status.reason if since is not None and time.monotonic() - since > _LONG_SECONDS else None

    async def _remove_all(self) -> int:
        """How many are over their time and still there, without those under a legal hold."""
        engine = self._engine()
        if engine.element.mode is not Mode.EDIT:
            return 0
        after: tuple[str, UUID] | None = None
        left = 0
        while True:
            now = self._now()
            found = await self._find(until=now, after=after, limit=BATCH)
            left += await self._remove(engine, [FileId(file_id) for _, file_id in found], now)
            if len(found) < BATCH:
                return left
            after = found[-1]

    async def _remove(self, engine: Engine, file_ids: Sequence[FileId], now: datetime) -> int:
        """How many of them stay though they are over their time: moving, or damaged."""
        documents: list[FileAttributes] = []
        left = 0
        for file_id in file_ids:
            try:
                attributes = await engine.attributes(file_id)
            except NotFound:  # the index is behind
                continue
            except Damaged:
                left += 1
                continue
            if is_over(attributes, now):
                documents.append(attributes)
            elif attributes.transfer_id is not None:
                left += 1
        if not documents:
            return left
        metrics.EXPIRY_OVERDUE.set(len(documents) + left)
        if self._report is None:
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "The element has no account with which it could tell the audit trail what expires.",
            )
        await self._report(_report_of(engine.element.id, now, documents))
        await _all([self._remove_one(engine, document, now) for document in documents])
        return left

    async def _remove_one(self, engine: Engine, document: FileAttributes, now: datetime) -> None:
        try:
            await engine.delete(FileId(document.file_id), check=partial(_demand_over, now=now))
        except (NotFound, _Kept, Damaged):
            return
        metrics.EXPIRED.inc()
        _log.info(
            "a document expired",
            file_id=str(document.file_id),
            owner_id=document.created_by_id,
            expires_at=str(document.expires_at),
        )

    def _failed(self, reason: str) -> None:
        if reason != self.status.reason:
            _log.warning("documents do not expire now", reason=reason)
        self.status.reason = reason
        if self.status.failing_since is None:
            self.status.failing_since = time.monotonic()


@dataclass(frozen=True)
class ExpiryDependency:
    """What has failed for long to remove what has expired. Everything else is served."""

    expiry: Callable[[], Expiry | None]
    name: str = "expiry"
    essential: bool = False

    async def check(self) -> None:
        expiry = self.expiry()
        reason = expiry.reason() if expiry is not None else None
        if reason is not None:
            raise DependencyDown(reason)


def _demand_over(attributes: FileAttributes, *, now: datetime) -> None:
    if not is_over(attributes, now):
        raise _Kept


async def _all(work: Sequence[Awaitable[None]]) -> None:
    """Waits for all, whatever becomes of some; then raises the first failure."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _report_of(element_id: str, now: datetime, documents: Sequence[FileAttributes]) -> ExpiryReport:
    told = [
        ExpiredDocument(
            file_id=document.file_id, owner_id=document.created_by_id[:256], expires_at=document.expires_at
        )
        for document in documents
        if document.expires_at is not None
    ]
    return ExpiryReport(element_id=element_id, at=now, documents=told)


def _reason(error: Exception) -> str:
    match error:
        case StoreUnavailable():
            return "the element is not open"
        case DatabaseDown():
            return f"PostgreSQL is away: {error.reason}"
        case Problem() | IndexUnavailable():
            return str(error)
        case _:
            return f"the element fails to remove them: {type(error).__name__}"
