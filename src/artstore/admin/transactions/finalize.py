"""The steps of a finalization: a temporary document becomes permanent (docs/adr says what is on disk when).

Forward: ``hold`` marks the document at the source, so that nobody changes or deletes it meanwhile. ``copy``
has the target take it over; the one record by which the target does so is the commit: from then on the
document is permanent. ``remove``, after the safety margin, has the target read its copy once more, and the
source let the document go.

Backward: ``refuse`` puts another mark on the document, with which no target begins to take it over.
``withdraw`` ends at the target what began before; finding the document there, the transaction goes forward
after all. ``release`` takes the mark away.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from artstore.admin.transactions import repository
from artstore.admin.transactions.elements import HeldByAnother, NotThere, TransferElements
from artstore.admin.transactions.progress import Saga, StepRefused, StepResult, TransactionRow, TryAgain
from artstore.attributes import RetentionPolicy
from artstore.kernel.database import Database
from artstore.wire.transactions import TransactionState
from artstore.wire.transfers import Copy, Hold

_PERMANENT: Final = {"retention_policy": RetentionPolicy.PERMANENT.value, "expires_at": None}
_PAUSE_SECONDS: Final = 0.5
_MOST_IDLE_CALLS: Final = 12
"""Calls in a row, of some seconds each, in which nothing arrived."""
_BYTES_FOR_A_CALL: Final = 16 * 1024 * 1024
"""Of a document that is all there: for so many one more, since it is flushed and read back then."""


class Finalizing:
    def __init__(
        self,
        database: Database,
        elements: TransferElements,
        margin: timedelta,
        *,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._database = database
        self._elements = elements
        self._margin = margin
        self._pause_seconds = pause_seconds
        self.saga = Saga(
            forward={"hold": self._hold, "copy": self._copy, "remove": self._remove},
            backward={"refuse": self._refuse, "withdraw": self._withdraw, "release": self._release},
            tidy=self._tidy,
        )

    async def _hold(self, row: TransactionRow) -> StepResult:
        # The mark of the undoing goes only where undoing found the commit: a worker that stood still must not
        # open the fence again.
        undone = None if row.committed_at is None else _undo_id(row.id)
        try:
            await self._mark(row, Hold(transfer_id=row.id, replaces=undone))
        except NotThere as error:
            raise StepRefused("The document is not there any more.") from error
        return StepResult()

    async def _copy(self, row: TransactionRow) -> StepResult:
        await self._have_copied(row)
        return StepResult(commits=True, wait_until=datetime.now(UTC) + self._margin)

    async def _remove(self, row: TransactionRow) -> StepResult:
        # Read once more before the other copy goes; a target that lost it meanwhile takes it over again.
        await self._have_copied(row)
        await self._elements.let_go(row.source_element_id, row.file_id, row.id)
        return StepResult()

    async def _refuse(self, row: TransactionRow) -> StepResult:
        with suppress(NotThere):  # deleted before it was held: no target can begin either
            await self._mark(row, Hold(transfer_id=_undo_id(row.id), replaces=row.id))
        return StepResult()

    async def _withdraw(self, row: TransactionRow) -> StepResult:
        left = await self._elements.withdraw(row.target_element_id, row.file_id)
        return StepResult(forward_to="hold" if left.is_present else None)

    async def _release(self, row: TransactionRow) -> StepResult:
        await self._elements.release(row.source_element_id, row.file_id, _undo_id(row.id))
        return StepResult()

    async def _have_copied(self, row: TransactionRow) -> None:
        """Returns when the target has the document and has read it back."""
        source = await self._elements.get(row.source_element_id)
        wanted = Copy(transfer_id=row.id, source_url=source.url, changes=dict(_PERMANENT))
        known, idle = -1, 0
        while True:
            try:
                copied = await self._elements.copy(row.target_element_id, row.file_id, wanted)
            except NotThere as error:
                raise TryAgain("The target cannot read the document back.") from error
            if copied.document is not None:
                break
            idle = idle + 1 if copied.received_bytes == known else 0
            known = copied.received_bytes
            patience = _MOST_IDLE_CALLS
            if known >= row.total_bytes:
                patience += row.total_bytes // _BYTES_FOR_A_CALL
            if idle >= patience:
                raise TryAgain("Nothing of the document arrives at the target.")
            await self._tell(row, known)
            await asyncio.sleep(self._pause_seconds)
        await self._tell(row, row.total_bytes)

    async def _tell(self, row: TransactionRow, copied_bytes: int) -> None:
        async with self._database.write() as connection:
            if not await repository.progressed(connection, row, copied_bytes):
                # To be undone, say, which must not wait for the end of the copying.
                raise TryAgain("The transaction was changed meanwhile.")

    async def _mark(self, row: TransactionRow, wanted: Hold) -> None:
        try:
            await self._elements.hold(row.source_element_id, row.file_id, wanted)
        except HeldByAnother as error:
            if not await self._is_left_behind(error.transfer_id, row.file_id):
                raise StepRefused("Another transaction holds the document.") from error
            again = wanted.model_copy(update={"replaces": error.transfer_id})
            try:
                await self._elements.hold(row.source_element_id, row.file_id, again)
            except HeldByAnother as another:
                raise TryAgain("Another transaction holds the document.") from another

    async def _is_left_behind(self, transfer_id: UUID, file_id: UUID) -> bool:
        """Whether a mark is of a transaction that was undone: a worker that stood still set it too late."""
        async with self._database.read() as connection:
            wanted = repository.Wanted(state=TransactionState.UNDONE, file_id=file_id)
            undone = await repository.newest_before(connection, wanted, None, 100)
        return any(transfer_id in (each.id, _undo_id(each.id)) for each in undone)

    async def _tidy(self, row: TransactionRow) -> None:
        await self._elements.release(row.source_element_id, row.file_id, row.id)


def _undo_id(transaction_id: UUID) -> UUID:
    """The mark of a transaction that is being undone."""
    return uuid5(transaction_id, "undo")
