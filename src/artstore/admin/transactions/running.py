"""Runs the steps of a transaction, one after the other, and writes down what came of each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from artstore.admin import audit
from artstore.admin.transactions import metrics, progress, repository
from artstore.admin.transactions.failpoints import Failpoints
from artstore.admin.transactions.jobs import Jobs
from artstore.admin.transactions.progress import (
    RetryPolicy,
    Saga,
    StepRefused,
    StepResult,
    TransactionRow,
    TryAgain,
)
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.wire.transactions import TransactionKind, TransactionState

_ACTIONS = {
    TransactionState.DONE: audit.Action.TRANSACTION_DONE,
    TransactionState.UNDONE: audit.Action.TRANSACTION_UNDONE,
    TransactionState.FAILED: audit.Action.TRANSACTION_FAILED,
}
_log = get_logger(__name__)


class Running:
    """``jobs`` is given once both are made: each calls the other."""

    jobs: Jobs

    def __init__(
        self,
        database: Database,
        sagas: Mapping[TransactionKind, Saga],
        policy: RetryPolicy,
        failpoints: Failpoints,
    ) -> None:
        self._database = database
        self._failpoints = failpoints
        self._sagas = sagas
        self._policy = policy

    def saga(self, kind: TransactionKind) -> Saga:
        return self._sagas[kind]

    async def go_on(self, transaction_id: UUID) -> None:
        """Until the transaction is over, or waits. Raises DatabaseDown: the job runs again then.

        A worker that was overtaken sees in the row what happened meanwhile, and goes on from there.
        """
        was_written = True
        while True:
            async with self._database.read() as connection:
                row = await repository.by_id(connection, transaction_id)
            if row is None or not row.is_at_work:
                if row is not None and row.is_over and not was_written:
                    await self._tidy(row)
                return
            if row.next_at is not None and row.next_at > datetime.now(UTC):
                return  # its job waits for that moment
            self._failpoints.hit(f"before.{row.step}")
            after = await self._after_next_step(row)
            self._failpoints.hit(f"after.{row.step}")
            was_written = await self._written(row, after)
            self._failpoints.hit(f"written.{row.step}")
            if was_written and (not after.is_at_work or after.next_at is not None):
                return

    async def _tidy(self, row: TransactionRow) -> None:
        try:
            await self._sagas[row.kind].tidy(row)
        except (TryAgain, StepRefused) as error:
            _log.warning("what a late step did is not undone", **_named(row), reason=str(error))

    async def _after_next_step(self, row: TransactionRow) -> TransactionRow:
        saga, began = self._sagas[row.kind], datetime.now(UTC)
        try:
            result: StepResult = await saga.run(row)(row)
        except StepRefused as error:
            metrics.FAILED_ATTEMPTS.labels(row.kind, row.step).inc()
            _log.warning("a step was refused", **_named(row), reason=str(error))
            return progress.refused(row, saga, str(error), began=began, now=datetime.now(UTC))
        except DatabaseDown:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake in a step is an attempt that failed, and counted
            metrics.FAILED_ATTEMPTS.labels(row.kind, row.step).inc()
            if isinstance(error, TryAgain):
                _log.warning("a step did not succeed", **_named(row), reason=str(error))
            else:
                _log.exception("a step failed", **_named(row))
            told = str(error) if isinstance(error, TryAgain) else f"{type(error).__name__} in Admin"
            return progress.failed(row, saga, self._policy, told, began=began, now=datetime.now(UTC))
        return progress.succeeded(row, saga, result, began=began, now=datetime.now(UTC))

    async def _written(self, before: TransactionRow, after: TransactionRow) -> bool:
        """Whether it was written; not where somebody else changed the transaction meanwhile."""
        async with self._database.write() as connection:
            if not await repository.change(connection, after):
                _log.info("a transaction was changed meanwhile", **_named(before))
                return False
            if after.is_at_work and after.next_at is not None:
                await self.jobs.enqueue(connection, after.id, after.next_at)
            has_ended = after.state in _ACTIONS and after.state is not before.state
            if has_ended:
                await audit.append(connection, entry(_ACTIONS[after.state], audit.SYSTEM, after))
        if has_ended:
            metrics.ENDS.labels(after.kind, after.state).inc()
            log = _log.error if after.state is TransactionState.FAILED else _log.info
            log("a transaction ended", **_named(after), state=after.state, error=after.error)
        return True


def entry(action: audit.Action, actor: audit.Actor, row: TransactionRow) -> audit.AuditEntry:
    """Of the audit trail: what became of a transaction."""
    details: dict[str, audit.Json] = {
        "kind": row.kind,
        "file_id": str(row.file_id),
        "owner_id": row.owner_id,
        "source": row.source_element_id,
        "target": row.target_element_id,
        "step": row.step,
    }
    return audit.AuditEntry(action, actor, "transaction", str(row.id), details=details)


def _named(row: TransactionRow) -> dict[str, str]:
    return {"transaction_id": str(row.id), "kind": row.kind, "step": row.step, "file_id": str(row.file_id)}
