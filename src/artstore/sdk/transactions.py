"""Transactions, for accounts with ``transactions:read`` or ``transactions:write``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydantic import ValidationError

from artstore.sdk.errors import Rejected
from artstore.sdk.progress import Progress
from artstore.sdk.transport import Transport
from artstore.wire.transactions import (
    TRANSACTIONS_PATH,
    TRANSFERS_PATH,
    NewTransfer,
    Transaction,
    TransactionPage,
    TransactionState,
)

_PAGE_SIZE = 100
_ASK_AGAIN_SECONDS = 0.5
_GIVEN_UP = (TransactionState.UNDONE, TransactionState.FAILED)


class AsyncTransactions:
    """``client.transactions`` of an AsyncClient."""

    def __init__(self, transport: Transport, admin_url: str) -> None:
        self._transport = transport
        self._url = f"{admin_url}{TRANSACTIONS_PATH}"
        self._transfers_url = f"{admin_url}{TRANSFERS_PATH}"

    async def pages(
        self, *, state: TransactionState | None = None, file_id: UUID | str | None = None
    ) -> AsyncIterator[list[Transaction]]:
        """Transactions, the newest first, in lists as they come from the service."""
        params: dict[str, str | int] = {"limit": _PAGE_SIZE}
        if state is not None:
            params["state"] = state.value
        if file_id is not None:
            params["file_id"] = str(file_id)
        while True:
            page = await self._transport.get(self._url, TransactionPage, params)
            yield page.items
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def read(self, transaction_id: UUID | str) -> Transaction:
        """One transaction, with the attempts at its steps. Raises NotFound."""
        return await self._transport.get(self._of(transaction_id), Transaction)

    async def retry(self, transaction_id: UUID | str) -> Transaction:
        """Lets one that failed, or waits for its next attempt, go on at once. Raises NotFound, Conflict."""
        return await self._transport.post(f"{self._of(transaction_id)}/retry", None, Transaction)

    async def compensate(self, transaction_id: UUID | str) -> Transaction:
        """Has it undone. Raises NotFound, Conflict for one that is over, or committed."""
        return await self._transport.post(f"{self._of(transaction_id)}/compensate", None, Transaction)

    async def transfer(
        self, file_id: UUID | str, to: str, *, wait: bool = True, progress: Progress | None = None
    ) -> Transaction:
        """Moves a document that is not permanent to another element of mode ``edit``; joins what is under
        way.

        Returns when the document is there (``committed_at`` is set), or when that was given up (its ``state``
        says so), or with ``wait=False`` when it has begun. It goes on when waiting for it is given up.
        ``progress`` is told bytes. Raises NotFound, Conflict for what cannot be moved there, NoRoom and
        TooLarge; Rejected for what can be no id.
        """
        try:
            wanted = NewTransfer.model_validate({"file_id": str(file_id), "target_element_id": to})
        except ValidationError as error:
            wrong = error.errors()[0]
            raise Rejected(f"no document is moved so: {wrong['loc'][0]}: {wrong['msg']}") from error
        told = await self._transport.repeat(self._transfers_url, wanted, Transaction)
        while wait and told.committed_at is None and told.state not in _GIVEN_UP:
            if progress is not None:
                progress(told.copied_bytes, told.total_bytes)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            told = await self.read(told.transaction_id)
        if wait and progress is not None:
            progress(told.copied_bytes, told.total_bytes)
        return told

    def _of(self, transaction_id: UUID | str) -> str:
        return f"{self._url}/{quote(str(transaction_id), safe='', errors='replace')}"


class Transactions:
    """``client.transactions`` of a Client: the same methods."""

    def __init__(
        self,
        transactions: AsyncTransactions,
        run: Callable[[Callable[[], Awaitable[Any]]], Any],
        iterate: Callable[[AsyncIterator[Any]], Iterator[Any]],
    ) -> None:
        self._transactions = transactions
        self._run = run
        self._iterate = iterate

    def pages(
        self, *, state: TransactionState | None = None, file_id: UUID | str | None = None
    ) -> Iterator[list[Transaction]]:
        """Transactions, the newest first, in lists as they come from the service."""
        return self._iterate(self._transactions.pages(state=state, file_id=file_id))

    def read(self, transaction_id: UUID | str) -> Transaction:
        """One transaction, with the attempts at its steps. Raises NotFound."""
        found: Transaction = self._run(partial(self._transactions.read, transaction_id))
        return found

    def retry(self, transaction_id: UUID | str) -> Transaction:
        """Lets one that failed, or waits for its next attempt, go on at once. Raises NotFound, Conflict."""
        found: Transaction = self._run(partial(self._transactions.retry, transaction_id))
        return found

    def compensate(self, transaction_id: UUID | str) -> Transaction:
        """Has it undone. Raises NotFound, Conflict for one that is over, or committed."""
        found: Transaction = self._run(partial(self._transactions.compensate, transaction_id))
        return found

    def transfer(
        self, file_id: UUID | str, to: str, *, wait: bool = True, progress: Progress | None = None
    ) -> Transaction:
        """Moves a document that is not permanent to another element of mode ``edit``. Raises NotFound,
        Conflict for what cannot be moved there, NoRoom, TooLarge.
        """
        moving = partial(self._transactions.transfer, file_id, to, wait=wait, progress=progress)
        found: Transaction = self._run(moving)
        return found
