"""Procrastinate: the jobs that go on with transactions, the worker of this process, what others left."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import procrastinate
from procrastinate import JobContext, PsycopgConnector, RetryStrategy
from pydantic import SecretStr

from artstore.admin.metadata import SCHEMA
from artstore.admin.transactions import metrics, repository
from artstore.kernel.database import Database, DatabaseDown, WriteConnection, libpq_address
from artstore.kernel.logging import get_logger
from artstore.wire.transactions import TransactionKind, TransactionState

_QUEUE: Final = "transactions"
_HEARTBEAT_SECONDS: Final = 1.0
_DEAD_SECONDS: Final = 5.0
"""A worker that is silent for so long is dead, and its jobs are taken up."""
_LOOK_AROUND_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 1.0
_END_SECONDS: Final = 3.0
_CONNECT_SECONDS: Final = 5
_MOST_ORPHANS: Final = 100
_log = get_logger(__name__)


class WorkerStopped(Exception):
    """Procrastinate ended its worker by itself, having lost the database, say. It is started again."""


class Jobs:
    """``run`` goes on with one transaction; it may be called again for the same one, never twice at once,
    unless this process stood still for so long that another one took it for dead.
    """

    def __init__(
        self,
        database: Database,
        database_url: SecretStr,
        run: Callable[[UUID], Awaitable[None]],
        *,
        at_once: int,
    ) -> None:
        self._database = database
        self._at_once = at_once
        connector = PsycopgConnector(
            conninfo=libpq_address(database_url),
            kwargs={
                "application_name": "artstore-admin-worker",
                "connect_timeout": _CONNECT_SECONDS,
                "options": f"-c search_path={SCHEMA} -c statement_timeout=30000 -c lock_timeout=10000",
            },
            min_size=1,
            max_size=4,
            timeout=_CONNECT_SECONDS,
        )
        self._app = procrastinate.App(connector=connector)

        self._run = run
        self._worker_id: int | None = None
        self._at_work: set[int | None] = set()
        """Jobs that this process has in its hands."""
        self._left_before: set[int | None] = set()
        task = self._app.task(
            name="transaction", queue=_QUEUE, pass_context=True, retry=RetryStrategy(wait=1)
        )
        self._task = task(self._go_on)

    async def enqueue(
        self, connection: WriteConnection, transaction_id: UUID, at: datetime | None = None
    ) -> None:
        """A job, in the caller's database transaction: now, or ``at`` a time. It replaces one that waits."""
        await repository.name_schema(connection)
        await repository.forget_waiting_jobs(connection, transaction_id)
        raw = await connection.connection.get_raw_connection()
        options: dict[str, Any] = {} if at is None else {"schedule_at": at}
        deferrer = self._task.configure(lock=str(transaction_id), connection=raw.driver_connection, **options)
        await deferrer.defer_async(transaction_id=str(transaction_id))

    async def work(self) -> None:
        """Runs until it is cancelled; raises when it cannot go on, and may be called again then."""
        async with self._app.open_async(), asyncio.TaskGroup() as group:
            group.create_task(self._work())
            group.create_task(self._look_around())

    async def _go_on(self, context: JobContext, transaction_id: str) -> None:
        """The job. While the database is away it waits here: nobody else could take it up then either."""
        self._worker_id = context.job.worker_id
        self._at_work.add(context.job.id)
        try:
            while True:
                try:
                    return await self._run(UUID(transaction_id))
                except DatabaseDown as error:
                    _log.warning("a transaction waits for the database", reason=error.reason)
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            self._at_work.discard(context.job.id)

    async def _work(self) -> None:
        await self._app.run_worker_async(
            queues=[_QUEUE],
            name="transactions",
            concurrency=self._at_once,
            fetch_job_polling_interval=_POLL_SECONDS,
            shutdown_graceful_timeout=_END_SECONDS,
            install_signal_handlers=False,
            delete_jobs="always",
            update_heartbeat_interval=_HEARTBEAT_SECONDS,
            stalled_worker_timeout=_DEAD_SECONDS,
        )
        raise WorkerStopped("the worker of transactions stopped")

    async def _look_around(self) -> None:
        """Takes up what dead workers left, and transactions without a job, in all processes alike."""
        while True:
            for job in await self._app.job_manager.get_stalled_jobs(
                queue=_QUEUE, seconds_since_heartbeat=_DEAD_SECONDS
            ):
                await self._app.job_manager.retry_job(job)
                metrics.TAKEN_UP.inc()
                _log.warning("a worker died; its transaction is taken up", transaction_id=job.lock)
            await self._give_back_what_is_left()
            await self._take_up_orphans()
            await asyncio.sleep(_LOOK_AROUND_SECONDS)

    async def _give_back_what_is_left(self) -> None:
        """Jobs of this worker that nobody is at: the database went away when their end was to be noted.

        Later jobs of their transactions would wait for them as long as the worker lives.
        """
        if self._worker_id is None:
            return
        jobs = await self._app.job_manager.list_jobs_async(
            queue=_QUEUE, status="doing", worker_id=self._worker_id
        )
        left = {job.id for job in jobs} - self._at_work
        for job in jobs:
            if job.id in left & self._left_before:
                await self._app.job_manager.retry_job(job)
                metrics.TAKEN_UP.inc()
                _log.warning("the end of a job was not noted; it runs again", transaction_id=job.lock)
        self._left_before = left

    async def _take_up_orphans(self) -> None:
        async with self._database.write() as connection:
            found = await repository.orphans(connection, _MOST_ORPHANS)
            for transaction_id in found:
                metrics.TAKEN_UP.inc()
                _log.warning("a transaction had no job", transaction_id=str(transaction_id))
                await self.enqueue(connection, transaction_id)
            counts = await repository.open_counts(connection)
        for kind in TransactionKind:
            for state in TransactionState:
                if state not in (TransactionState.DONE, TransactionState.UNDONE):
                    metrics.OPEN.labels(kind, state).set(counts.get((kind, state), 0))
