"""What is decided about transactions from outside: that one begins, goes on, or is undone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from artstore.admin import audit
from artstore.admin.transactions import progress, repository
from artstore.admin.transactions.jobs import Jobs
from artstore.admin.transactions.progress import TransactionRow
from artstore.admin.transactions.running import Running, entry
from artstore.attributes.ids import new_file_id
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.transactions import NewFinalization, TransactionState


class Decisions:
    """Each is one database transaction: the row, the job and the audit trail change together."""

    def __init__(self, database: Database, running: Running, jobs: Jobs) -> None:
        self._database = database
        self._running = running
        self._jobs = jobs

    async def begin(self, wanted: NewFinalization, actor: audit.Actor) -> tuple[TransactionRow, bool]:
        """The transaction, and whether it is new: a document has one of a kind, unless that was undone."""
        transaction_id = new_file_id(datetime.now(UTC))
        values = wanted.model_dump() | {
            "id": transaction_id,
            "state": TransactionState.PENDING,
            "step": self._running.saga(wanted.kind).names(undoing=False)[0],
        }
        async with self._database.write() as connection:
            is_new = await repository.add(connection, values)
            row = await repository.of_document(connection, wanted.kind, wanted.file_id)
            if row is None:  # it was undone between the two
                raise Problem(ProblemType.CONFLICT, "The transaction has just been undone; ask again.")
            if is_new:
                await self._jobs.enqueue(connection, row.id)
                await audit.append(connection, entry(audit.Action.TRANSACTION_BEGUN, actor, row))
        return row, is_new

    async def retry(self, transaction_id: UUID, actor: audit.Actor) -> TransactionRow:
        """It goes on at once, with all its attempts. Raises Problem NOT_FOUND, CONFLICT where it is over, or
        waits for nothing that could be cut short.
        """

        def decide(row: TransactionRow) -> TransactionRow:
            if row.state is not TransactionState.FAILED and row.attempts == 0:
                raise Problem(
                    ProblemType.CONFLICT,
                    f"The transaction is {row.state.value} and did not fail; there is nothing to retry.",
                )
            return progress.resumed(row)

        return await self._decide(transaction_id, decide, audit.Action.TRANSACTION_RETRIED, actor)

    async def compensate(self, transaction_id: UUID, actor: audit.Actor) -> TransactionRow:
        """It is undone from now on. Raises Problem NOT_FOUND, CONFLICT for one that is committed."""

        def decide(row: TransactionRow) -> TransactionRow:
            if row.committed_at is not None:
                raise Problem(
                    ProblemType.CONFLICT, "The document is permanent since then; it cannot be undone."
                )
            return progress.undoing(row, self._running.saga(row.kind))

        return await self._decide(transaction_id, decide, audit.Action.TRANSACTION_COMPENSATED, actor)

    async def _decide(
        self,
        transaction_id: UUID,
        decide: Callable[[TransactionRow], TransactionRow],
        action: audit.Action,
        actor: audit.Actor,
    ) -> TransactionRow:
        async with self._database.write() as connection:
            row = await repository.to_change(connection, transaction_id)
            if row is None:
                raise transaction_not_found()
            if row.is_over:
                raise Problem(ProblemType.CONFLICT, f"The transaction is {row.state.value} already.")
            after = decide(row)
            was_changed = await repository.change(connection, after)
            assert was_changed, "nobody else changes a row that is locked"
            await self._jobs.enqueue(connection, row.id)
            await audit.append(connection, entry(action, actor, after))
        return replace(after, revision=row.revision + 1)


def transaction_not_found() -> Problem:
    return Problem(ProblemType.NOT_FOUND, "There is no transaction with this id.")
