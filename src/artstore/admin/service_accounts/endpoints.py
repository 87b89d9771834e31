"""``/api/v1/service-accounts``: make, list and read service accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from artstore.admin import audit, paging
from artstore.admin.problem_answers import problem_answer
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.creation import create_account
from artstore.kernel.access import Principal, Requires
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.accounts import (
    CreatedServiceAccount,
    NewServiceAccount,
    ServiceAccount,
    ServiceAccountPage,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_PREFIX = "/api/v1/service-accounts"
_Reader = Annotated[Principal, Requires(Scope.ACCOUNTS_READ)]
_Writer = Annotated[Principal, Requires(Scope.ACCOUNTS_WRITE)]


def service_account_routes(database: Database, hasher: SecretHasher) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["service accounts"])

    @router.post("", status_code=201, responses=problem_answer(409, "The name is taken"))
    async def create_service_account(
        wanted: NewServiceAccount, principal: _Writer, request: Request, response: Response
    ) -> CreatedServiceAccount:
        """Make an account. Its secret is in this answer and can never be read again."""
        created = await create_account(database, hasher, wanted, audit.actor_of(request, principal))
        response.headers["Location"] = f"{_PREFIX}/{created.id}"
        response.headers["Cache-Control"] = "no-store"
        return created

    @router.get("")
    async def list_service_accounts(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
    ) -> ServiceAccountPage:
        """Accounts in the order in which they were created."""
        after = paging.id_before(cursor) if cursor is not None else None
        async with database.read() as connection:
            accounts = await repository.accounts_after(connection, after, limit + 1)
        items, more = accounts[:limit], accounts[limit:]
        return ServiceAccountPage(
            items=items, next_cursor=paging.cursor_after(str(items[-1].id)) if more else None
        )

    @router.get("/{account_id}", responses=problem_answer(404, "No such account"))
    async def read_service_account(account_id: UUID, principal: _Reader) -> ServiceAccount:
        """One account, without its secret."""
        async with database.read() as connection:
            account = await repository.account_by_id(connection, account_id)
        if account is None:
            raise Problem(ProblemType.NOT_FOUND, "There is no service account with this id.")
        return account

    return router
