"""``/api/v1/transactions``: see how transactions go, begin one, retry it, undo it; ``/api/v1/transfers``."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from artstore.admin import audit, paging
from artstore.admin.problem_answers import problem_answer
from artstore.admin.transactions import repository
from artstore.admin.transactions.deciding import Decisions, transaction_not_found
from artstore.admin.transactions.progress import TransactionRow
from artstore.admin.transactions.transfers import Transfers
from artstore.kernel.access import Principal, Requires
from artstore.kernel.database import Database
from artstore.kernel.openapi import problem_answers
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.transactions import (
    TRANSACTIONS_PATH,
    TRANSFERS_PATH,
    NewFinalization,
    NewTransfer,
    Transaction,
    TransactionKind,
    TransactionPage,
    TransactionState,
)

_Reader = Annotated[Principal, Requires(Scope.TRANSACTIONS_READ)]
_Writer = Annotated[Principal, Requires(Scope.TRANSACTIONS_WRITE)]
_Beginner = Annotated[Principal, Requires(Scope.TRANSACTIONS_BEGIN)]
_UNKNOWN = problem_answer(404, "No such transaction")


def transaction_routes(database: Database, decisions: Decisions, transfers: Transfers) -> APIRouter:
    router = APIRouter(tags=["transactions"])
    router.include_router(_of_every_kind(database, decisions), prefix=TRANSACTIONS_PATH)
    _add_transfers(router, transfers)
    return router


def _of_every_kind(database: Database, decisions: Decisions) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def list_transactions(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
        kind: TransactionKind | None = None,
        state: TransactionState | None = None,
        file_id: UUID | None = None,
    ) -> TransactionPage:
        """The newest first. Give the same filters with each cursor."""
        before = paging.id_before(cursor) if cursor is not None else None
        wanted = repository.Wanted(kind, state, file_id)
        async with database.read() as connection:
            rows = await repository.newest_before(connection, wanted, before, limit + 1)
        items, more = rows[:limit], rows[limit:]
        return TransactionPage(
            items=[_shown(row) for row in items],
            next_cursor=paging.cursor_after(str(items[-1].id)) if more else None,
        )

    @router.post(
        "",
        status_code=201,
        responses={
            200: {"description": "It was begun before", "model": Transaction},
            **problem_answer(409, "Something else is done with the document"),
        },
    )
    async def begin_transaction(
        wanted: NewFinalization, principal: _Beginner, request: Request, response: Response
    ) -> Transaction:
        """For a document of somebody else, whose right to it was checked by the Ingester. Asked again for the
        same document, the answer has the same transaction, unless that was undone.
        """
        row, is_new = await decisions.begin(wanted, audit.actor_of(request, principal))
        if not is_new:
            response.status_code = 200
        response.headers["Location"] = f"{TRANSACTIONS_PATH}/{row.id}"
        return _shown(row)

    @router.get("/{transaction_id}", responses=_UNKNOWN)
    async def read_transaction(transaction_id: UUID, principal: _Reader) -> Transaction:
        """One transaction, with the attempts at its steps."""
        async with database.read() as connection:
            row = await repository.by_id(connection, transaction_id)
        if row is None:
            raise transaction_not_found()
        return _shown(row)

    @router.post("/{transaction_id}/retry", responses={**_UNKNOWN, **problem_answer(409, "It did not fail")})
    async def retry_transaction(transaction_id: UUID, principal: _Writer, request: Request) -> Transaction:
        """Let one that failed, or that waits for its next attempt, go on at once."""
        return _shown(await decisions.retry(transaction_id, audit.actor_of(request, principal)))

    @router.post(
        "/{transaction_id}/compensate",
        responses={**_UNKNOWN, **problem_answer(409, "It is over, or committed")},
    )
    async def compensate_transaction(
        transaction_id: UUID, principal: _Writer, request: Request
    ) -> Transaction:
        """Undo what was done. Not once the transaction is committed: `committed_at` says since when."""
        return _shown(await decisions.compensate(transaction_id, audit.actor_of(request, principal)))

    return router


def _add_transfers(router: APIRouter, transfers: Transfers) -> None:
    @router.post(
        TRANSFERS_PATH,
        status_code=202,
        responses=problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.NOT_MOVABLE,
            ProblemType.CONFLICT,
            ProblemType.FILE_TOO_LARGE,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    )
    async def transfer_document(
        wanted: NewTransfer, principal: _Writer, request: Request, response: Response
    ) -> Transaction:
        """Move a document that is not permanent from one element of mode `edit` to another. It stays what it
        is, with its id, and can be read all the time; from the end of the step `hold` until the transfer is
        over nobody changes or deletes it. Asked again for the same document and target, the answer has the
        same transaction.
        """
        row, _ = await transfers.begin(wanted, audit.actor_of(request, principal))
        response.headers["Location"] = f"{TRANSACTIONS_PATH}/{row.id}"
        return _shown(row)


def _shown(row: TransactionRow) -> Transaction:
    members = asdict(row) | {"transaction_id": row.id, "history": list(row.history)}
    return Transaction.model_validate(members)
