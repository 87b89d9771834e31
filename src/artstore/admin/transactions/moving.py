"""The steps by which a document moves to another element (docs/adr says what is on disk when).

``finalizing``: a temporary document becomes permanent, in an element that deletes nothing.
``transferring``: a document in an element of mode ``edit`` moves to another one of that mode and stays what
it is.

Forward: ``hold`` marks the document at the source, so that nobody changes or deletes it meanwhile. ``copy``
has the target take it over; the one record by which the target does so is the commit: from then on it is the
document. ``remove``, after the safety margin, has the target read its copy once more, and the source let the
document go. ``settle``, of a transfer, takes the mark away that the target took over, too.

Backward: ``refuse`` puts another mark on the document, with which no target begins to take it over.
``withdraw`` ends at the target what began before; finding the document there, the transaction goes forward
after all. ``release`` takes the mark away.

A mark of which no row tells is that of a transaction that was lost with a database which was restored; that
of one that is done came back with an element which was restored. All elements are asked how far it had come:
the fence is closed for it first, and the one that has the document for good becomes the target. What lies in
an element of mode ``edit`` without the mark of a transfer lies there for another reason, and stays.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from artstore.admin.transactions import repository
from artstore.admin.transactions.elements import HeldByAnother, NotThere, TransferElements
from artstore.admin.transactions.progress import (
    RunStep,
    Saga,
    StepRefused,
    StepResult,
    TransactionRow,
    TryAgain,
)
from artstore.attributes import RetentionPolicy
from artstore.kernel.database import Database
from artstore.wire.elements import Mode
from artstore.wire.transactions import OVER, TransactionKind, TransactionState
from artstore.wire.transfers import Copy, Hold, Withdrawn

_PERMANENT: Final = {"retention_policy": RetentionPolicy.PERMANENT.value, "expires_at": None}
_PAUSE_SECONDS: Final = 0.5
_MOST_IDLE_CALLS: Final = 12
"""Calls in a row, of some seconds each, in which nothing arrived."""
_BYTES_FOR_A_CALL: Final = 16 * 1024 * 1024
"""Of a document that is all there: for so many one more, since it is flushed and read back then."""


def finalizing(
    database: Database,
    elements: TransferElements,
    margin: timedelta,
    *,
    pause_seconds: float = _PAUSE_SECONDS,
) -> Saga:
    moving = _Moving(database, elements, margin, pause_seconds, changes=_PERMANENT)
    return moving.saga({"hold": moving.hold, "copy": moving.copy, "remove": moving.remove})


def transferring(
    database: Database,
    elements: TransferElements,
    margin: timedelta,
    *,
    pause_seconds: float = _PAUSE_SECONDS,
) -> Saga:
    moving = _Moving(database, elements, margin, pause_seconds, changes={})
    return moving.saga(
        {"hold": moving.hold, "copy": moving.copy, "remove": moving.remove, "settle": moving.settle}
    )


class _Moving:
    """The steps, of which a saga has those that it needs. ``changes`` are made to the document on its way."""

    def __init__(
        self,
        database: Database,
        elements: TransferElements,
        margin: timedelta,
        pause_seconds: float,
        *,
        changes: Mapping[str, Any],
    ) -> None:
        self._database = database
        self._elements = elements
        self._margin = margin
        self._pause_seconds = pause_seconds
        self._changes = changes

    def saga(self, forward: dict[str, RunStep]) -> Saga:
        backward: dict[str, RunStep] = {
            "refuse": self._refuse,
            "withdraw": self._withdraw,
            "release": self._release,
        }
        return Saga(forward, backward, self._tidy)

    async def hold(self, row: TransactionRow) -> StepResult:
        # The mark of the undoing goes only where undoing found the commit: a worker that stood still must not
        # open the fence again.
        undone = None if row.committed_at is None else _undo_id(row.id)
        try:
            return await self._mark(row, Hold(transfer_id=row.id, replaces=undone))
        except NotThere as error:
            if row.committed_at is None:
                raise StepRefused("The document is not there any more.") from error
            return StepResult()  # the source let it go, which a restored database does not know

    async def copy(self, row: TransactionRow) -> StepResult:
        await self._have_copied(row)
        return StepResult(commits=True, wait_until=datetime.now(UTC) + self._margin)

    async def remove(self, row: TransactionRow) -> StepResult:
        # Read once more before the other copy goes; a target that lost it meanwhile takes it over again.
        await self._have_copied(row)
        await self._elements.let_go(row.source_element_id, row.file_id, row.id)
        return StepResult()

    async def settle(self, row: TransactionRow) -> StepResult:
        await self._elements.release(row.target_element_id, row.file_id, row.id)
        return StepResult()

    async def _refuse(self, row: TransactionRow) -> StepResult:
        undone = Hold(transfer_id=_undo_id(row.id), replaces=row.id)
        with suppress(NotThere):  # deleted before it was held: no target can begin either
            try:
                await self._elements.hold(row.source_element_id, row.file_id, undone)
            except HeldByAnother as error:
                if error.transfer_id == _between_id(row.id):
                    found = await self._taken_over(row, undone)
                    if found.target is not None:
                        return replace(found, forward_to="hold")
                # Else it was never held for this one, and no target begins for it.
        return StepResult()

    async def _withdraw(self, row: TransactionRow) -> StepResult:
        left = await self._elements.withdraw(row.target_element_id, row.file_id)
        return StepResult(forward_to="hold" if await self._has_come(row, left) else None)

    async def _has_come(self, row: TransactionRow, left: Withdrawn) -> bool:
        """Whether the target has the document by this transaction, and not for another reason."""
        if not left.is_present or await self._keeps(row.target_element_id):
            return left.is_present
        if left.transfer_id is not None:
            return left.transfer_id == row.id
        try:
            undone = Hold(transfer_id=_undo_id(row.id), replaces=row.id)
            await self._elements.hold(row.source_element_id, row.file_id, undone)
        except NotThere:
            return True  # the source let it go, which a restored database does not know
        except HeldByAnother:
            pass
        return False

    async def _keeps(self, element_id: str) -> bool:
        """Whether it deletes nothing: then a document gets there by finalization, and without a mark."""
        return (await self._elements.get(element_id)).mode is not Mode.EDIT

    async def _release(self, row: TransactionRow) -> StepResult:
        await self._elements.release(row.source_element_id, row.file_id, _undo_id(row.id))
        return StepResult()

    async def _have_copied(self, row: TransactionRow) -> None:
        """Returns when the target has the document and has read it back."""
        source = await self._elements.get(row.source_element_id)
        wanted = Copy(transfer_id=row.id, source_url=source.url, changes=dict(self._changes))
        if row.kind is TransactionKind.TRANSFER:
            wanted.source_element_id = row.source_element_id
        await self._read_back(row, row.target_element_id, wanted)
        await self._tell(row, row.total_bytes)

    async def _read_back(self, row: TransactionRow, element_id: str, wanted: Copy) -> None:
        known, idle = -1, 0
        while True:
            try:
                copied = await self._elements.copy(element_id, row.file_id, wanted)
            except NotThere as error:
                raise TryAgain(f"{element_id} cannot read the document back.") from error
            if copied.document is not None:
                break
            idle = idle + 1 if copied.received_bytes == known else 0
            known = copied.received_bytes
            patience = _MOST_IDLE_CALLS
            if known >= row.total_bytes:
                patience += row.total_bytes // _BYTES_FOR_A_CALL
            if idle >= patience:
                raise TryAgain(f"Nothing of the document arrives at {element_id}.")
            await self._tell(row, known)
            await asyncio.sleep(self._pause_seconds)

    async def _tell(self, row: TransactionRow, copied_bytes: int) -> None:
        async with self._database.write() as connection:
            if not await repository.progressed(connection, row, copied_bytes):
                # To be undone, say, which must not wait for the end of the copying.
                raise TryAgain("The transaction was changed meanwhile.")

    async def _mark(self, row: TransactionRow, wanted: Hold) -> StepResult:
        try:
            await self._elements.hold(row.source_element_id, row.file_id, wanted)
            return StepResult()
        except HeldByAnother as error:
            holder = error.transfer_id
        if holder != _between_id(row.id):
            state = await self._state_of(holder, row.file_id)
            if state is TransactionState.UNDONE:  # a worker that stood still set it too late
                await self._replace(row, wanted, holder)
                return StepResult()
            if state not in (None, TransactionState.DONE):
                raise StepRefused("Another transaction holds the document.")
            await self._replace(row, Hold(transfer_id=_between_id(row.id)), holder)
        return await self._taken_over(row, wanted)

    async def _taken_over(self, row: TransactionRow, wanted: Hold) -> StepResult:
        """From a transaction that was lost or is done, and for which no target begins any more. Sets the mark
        unless the document lies elsewhere, which the row has to say first.
        """
        present = []
        for element_id in await self._elements.others(row.source_element_id):
            left = await self._elements.withdraw(element_id, row.file_id)
            if left.transfer_id is not None:
                await self._drop(row, element_id, left.transfer_id)
            elif left.is_present and await self._keeps(element_id):
                present.append(element_id)
        if present and row.target_element_id not in present:
            return StepResult(target=present[0])
        await self._replace(row, wanted, _between_id(row.id))
        return StepResult()

    async def _drop(self, row: TransactionRow, element_id: str, holder: UUID) -> None:
        """The copy that a lost transfer brought there: while both are held they are the same. One that came
        there with an element that was restored stays.
        """
        state = await self._state_of(holder, row.file_id)
        if state in OVER:
            return
        if state is not None:
            raise StepRefused(f"Another transaction holds the document in {element_id}.")
        # The source reads its own as a target would that has it: it may be the one that is damaged.
        url = (await self._elements.get(element_id)).url
        own = Copy(transfer_id=_between_id(row.id), source_url=url, source_element_id=element_id)
        await self._read_back(row, row.source_element_id, own)
        await self._elements.let_go(element_id, row.file_id, holder)

    async def _replace(self, row: TransactionRow, wanted: Hold, holder: UUID) -> None:
        try:
            again = wanted.model_copy(update={"replaces": holder})
            await self._elements.hold(row.source_element_id, row.file_id, again)
        except HeldByAnother as another:
            raise TryAgain("Another transaction holds the document.") from another

    async def _state_of(self, holder: UUID, file_id: UUID) -> TransactionState | None:
        """Of the transaction that a mark is of; None where there is none."""
        async with self._database.read() as connection:
            rows = await repository.newest_before(connection, repository.Wanted(file_id=file_id), None, 100)
        for row in rows:
            # A fence that was closed for a lost one keeps its meaning, whoever closed it.
            between = () if row.is_over else (_between_id(row.id),)
            if holder in (row.id, _undo_id(row.id), *between):
                return row.state
        return None

    async def _tidy(self, row: TransactionRow) -> None:
        await self._elements.release(row.source_element_id, row.file_id, row.id)


def _between_id(transaction_id: UUID) -> UUID:
    """The mark by which a transaction takes a document from one that was lost."""
    return uuid5(transaction_id, "between")


def _undo_id(transaction_id: UUID) -> UUID:
    """The mark of a transaction that is being undone."""
    return uuid5(transaction_id, "undo")
