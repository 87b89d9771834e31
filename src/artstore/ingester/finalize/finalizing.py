"""``POST /api/v1/finalize/{file_id}`` and ``GET /api/v1/finalize/{transaction_id}/status``."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.choice import fitting
from artstore.ingester.files.locating import Locating, file_id_in
from artstore.ingester.finalize.transactions import AdminTransactions
from artstore.ingester.metrics import FINALIZATIONS
from artstore.ingester.placement import Wanted
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.access import Principal
from artstore.kernel.peers import AdminAway, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.elements import Mode, RegisteredElement
from artstore.wire.problems import ProblemType
from artstore.wire.transactions import (
    Finalization,
    NewFinalization,
    Transaction,
    TransactionKind,
    TransactionState,
)

_LOOKS: Final = (0.05, 0.05, 0.1, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each look whether the document is held. It takes some 100 ms where nothing is away."""
_LOOK_SECONDS: Final = 2.0
"""For all looks together, with Admin's answers."""


class Finalizing:
    """``transactions`` is None where this service has no account to speak to Admin with."""

    def __init__(
        self,
        locating: Locating,
        settings: IngesterSettings,
        transactions: AdminTransactions | None,
        looks: Sequence[float] = _LOOKS,
    ) -> None:
        self._locating = locating
        self._settings = settings
        self._transactions = transactions
        self._looks = looks

    async def begin(self, request: Request, principal: Principal) -> Response:
        """Raises Problem."""
        try:
            transaction = await self._held(await self._begun(request, principal))
        except Problem as problem:
            FINALIZATIONS.labels(problem.kind.slug).inc()
            raise
        FINALIZATIONS.labels("begun").inc()
        answer = _answer(transaction, 202)
        answer.headers["Location"] = f"/api/v1/finalize/{transaction.transaction_id}/status"
        return answer

    async def status(self, request: Request, principal: Principal) -> Response:
        """Raises Problem NOT_FOUND for what is not there or not the caller's to see, and AdminAway."""
        try:
            transaction_id = UUID(request.path_params["transaction_id"])
        except ValueError:
            raise _no_transaction() from None
        transaction = await self._admin().read(transaction_id)
        if transaction is None or transaction.kind is not TransactionKind.FINALIZE:
            raise _no_transaction()
        if not principal.may_see(transaction.owner_id):
            raise _no_transaction(is_refusal=True)
        return _answer(transaction, 200)

    async def _begun(self, request: Request, principal: Principal) -> Transaction:
        file_id = file_id_in(request.path_params["file_id"])
        copies = await self._locating.copies(file_id, principal, forwarded_headers(request, principal))
        [copy, *_] = copies
        if not principal.may_change(copy.owner_id):
            raise Problem(
                ProblemType.NOT_PERMITTED,
                "You may read this document, but not change it; its owner's documents must be granted to you"
                " with 'files:write'.",
            )
        begun = await self._admin().of_document(TransactionKind.FINALIZE, file_id)
        if begun is not None:
            return begun
        source = next((copy for copy in copies if copy.element.mode is Mode.EDIT), None)
        if source is None:
            raise Problem(
                ProblemType.CONFLICT, "The document is permanent, or lies where nothing is taken away."
            )
        size = int(source.document["file_size"])
        return await self._admin().begin(
            NewFinalization(
                file_id=file_id,
                owner_id=source.owner_id,
                requested_by_id=principal.account_id,
                requested_by_name=principal.username,
                source_element_id=source.element.element_id,
                target_element_id=self._target(size).element_id,
                total_bytes=size,
            )
        )

    async def _held(self, transaction: Transaction) -> Transaction:
        """The transaction, once the first attempt to hold the document is over: nobody deletes it behind the
        answer then. It is begun in any case, so after some seconds that is answered.
        """
        with suppress(AdminAway, TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                for pause in self._looks:
                    if transaction.state is not TransactionState.PENDING:
                        break
                    await asyncio.sleep(pause)
                    transaction = await self._admin().read(transaction.transaction_id) or transaction
        return transaction

    def _target(self, size: int) -> RegisteredElement:
        wanted = Wanted(Mode.RW, at_least=size, at_most=size)
        found, _ = fitting(self._locating.directory, wanted, self._settings)
        return found[0]

    def _admin(self) -> AdminTransactions:
        if self._transactions is None:
            raise Problem(
                ProblemType.DEPENDENCY_UNAVAILABLE,
                "This service has no account with which it could begin transactions; tell its administrator.",
            )
        return self._transactions


def _answer(transaction: Transaction, status: int) -> Response:
    body = Finalization.of(transaction).model_dump_json()
    headers = {"Cache-Control": "no-store"}
    return Response(body, status, headers, media_type="application/json")


def _no_transaction(*, is_refusal: bool = False) -> Problem:
    return Problem(
        ProblemType.NOT_FOUND,
        "There is no finalization with this id, or it is not yours to see.",
        is_refusal=is_refusal,
    )
