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
from artstore.kernel.database import Database, WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.transactions import NewTransaction, TransactionKind, TransactionState


class Decisions:
    """Each is one database transaction: the row, the job and the audit trail change together."""

    def __init__(self, database: Database, running: Running, jobs: Jobs) -> None:
        self._database = database
        self._running = running
        self._jobs = jobs

    async def begin(self, wanted: NewTransaction, actor: audit.Actor) -> tuple[TransactionRow, bool]:
        """The transaction, and whether it is new: see ``repository.of_document``.

        Raises Problem CONFLICT while one of another kind, or a transfer to another element, is not over.
        """
        transaction_id = new_file_id(datetime.now(UTC))
        values = wanted.model_dump() | {
            "id": transaction_id,
            "state": TransactionState.PENDING,
            "step": self._running.saga(wanted.kind).names(undoing=False)[0],
        }
        async with self._database.write() as connection:
            await repository.one_at_a_time(connection, wanted.file_id)
            is_new = False
            if await self._is_free(connection, wanted):
                is_new = await repository.add(connection, values)
            row = await repository.of_document(connection, wanted.kind, wanted.file_id)
            if row is None:  # it was undone between the two
                raise Problem(ProblemType.CONFLICT, "The transaction has just been undone; ask again.")
            if is_new:
                await self._jobs.enqueue(connection, row.id)
                await audit.append(connection, entry(audit.Action.TRANSACTION_BEGUN, actor, row))
        return row, is_new

    async def _is_free(self, connection: WriteConnection, wanted: NewTransaction) -> bool:
        """Whether a transaction may begin; False where there is the wanted one. Raises Problem CONFLICT."""
        known = await repository.of_document(connection, wanted.kind, wanted.file_id)
        if known is None:
            demand_free(await repository.open_of_document(connection, wanted.file_id))
        elif wanted.kind is TransactionKind.TRANSFER and known.target_element_id != wanted.target_element_id:
            demand_free(known)
        return known is None

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
                    ProblemType.CONFLICT, "The target has taken the document over; it cannot be undone."
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


def demand_free(known: TransactionRow | None) -> None:
    """Raises Problem CONFLICT where there is a transaction of the document that is not over."""
    if known is None:
        return
    what = "is being made permanent"
    if known.kind is TransactionKind.TRANSFER:
        what = f"is moving to {known.target_element_id}"
    raise Problem(
        ProblemType.CONFLICT,
        f"The document {what} ({known.state}); ask again when that is over.",
        transaction_id=str(known.id),
    )


def transaction_not_found() -> Problem:
    return Problem(ProblemType.NOT_FOUND, "There is no transaction with this id.")
