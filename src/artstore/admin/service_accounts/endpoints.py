"""``/api/v1/service-accounts``: make, find, read and change service accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from artstore.admin import audit, paging
from artstore.admin.conditions import REQUIRED_IF_MATCH, IfMatch, RequiredIfMatch, tag_of
from artstore.admin.problem_answers import problem_answer
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.changes import AccountChanges, Terms, account_not_found
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.creation import create_account
from artstore.admin.service_accounts.repository import Wanted
from artstore.admin.service_accounts.rotation import SecretPolicy
from artstore.admin.service_accounts.updating import update_account
from artstore.kernel.access import Principal, Requires
from artstore.kernel.database import Database
from artstore.wire.accounts import (
    AccountStatus,
    CreatedServiceAccount,
    NewServiceAccount,
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountPage,
)
from artstore.wire.scopes import Role, Scope

PREFIX = "/api/v1/service-accounts"
MAX_SEARCH = 100
Reader = Annotated[Principal, Requires(Scope.ACCOUNTS_READ)]
Writer = Annotated[Principal, Requires(Scope.ACCOUNTS_WRITE)]


def _terms(request: Request, principal: Writer, condition: IfMatch) -> Terms:
    return Terms(audit.actor_of(request, principal), condition)


def _strict_terms(request: Request, principal: Writer, condition: RequiredIfMatch) -> Terms:
    return Terms(audit.actor_of(request, principal), condition)


ChangeTerms = Annotated[Terms, Depends(_terms)]
"""In an endpoint that changes an account: it needs ``accounts:write``, and looks at ``If-Match``."""
StrictTerms = Annotated[Terms, Depends(_strict_terms)]
"""The same where a lost update would do harm."""
CHANGE_ANSWERS = {
    **problem_answer(404, "No such account"),
    **problem_answer(409, "The state of the account forbids it, or it belongs to the system"),
    **problem_answer(412, "The account is not in the revision that If-Match names"),
}


def service_account_routes(
    database: Database, hasher: SecretHasher, policy: SecretPolicy, changes: AccountChanges
) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["service accounts"])

    @router.post("", status_code=201, responses=problem_answer(409, "The name is taken"))
    async def create_service_account(
        wanted: NewServiceAccount, principal: Writer, request: Request, response: Response
    ) -> CreatedServiceAccount:
        """Make an account. Its secret is in this answer and can never be read again."""
        account, secret = await create_account(
            database, hasher, policy, wanted, audit.actor_of(request, principal)
        )
        response.headers["Location"] = f"{PREFIX}/{account.id}"
        return created(account, secret, response)

    @router.get("")
    async def list_service_accounts(
        principal: Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
        q: Annotated[
            str | None,
            Query(
                max_length=MAX_SEARCH,
                pattern=r"^[^\x00]*$",
                description="A part of the name, the client id or the description",
            ),
        ] = None,
        role: Role | None = None,
        status: Annotated[
            AccountStatus | None, Query(description="If not said: all but the deleted ones")
        ] = None,
    ) -> ServiceAccountPage:
        """Accounts in the order in which they were created. Give the same filters with each cursor."""
        after = paging.id_before(cursor) if cursor is not None else None
        wanted = Wanted(text=q or None, role=role, status=status)
        async with database.read() as connection:
            accounts = await repository.accounts_after(connection, wanted, after, limit + 1)
        items, more = accounts[:limit], accounts[limit:]
        return ServiceAccountPage(
            items=[account.shown() for account in items],
            next_cursor=paging.cursor_after(str(items[-1].id)) if more else None,
        )

    @router.get("/{account_id}", responses=problem_answer(404, "No such account"))
    async def read_service_account(account_id: UUID, principal: Reader, response: Response) -> ServiceAccount:
        """One account, without its secret. The `ETag` names its revision."""
        async with database.read() as connection:
            account = await repository.account_by_id(connection, account_id)
        if account is None:
            raise account_not_found()
        return shown(account, response)

    @router.patch(
        "/{account_id}",
        responses=CHANGE_ANSWERS | problem_answer(428, "If-Match is missing"),
        openapi_extra=REQUIRED_IF_MATCH,
    )
    async def change_service_account(
        account_id: UUID,
        wanted: ServiceAccountChange,
        terms: StrictTerms,
        response: Response,
    ) -> ServiceAccount:
        """Change an account by a JSON merge patch. What takes something away ends the account's tokens."""
        return shown(await update_account(changes, account_id, terms, wanted), response)

    return router


def shown(account: Account, response: Response) -> ServiceAccount:
    response.headers["ETag"] = tag_of(account.revision)
    return account.shown()


def created(account: Account, secret: str, response: Response) -> CreatedServiceAccount:
    """The only answer that ever holds the secret."""
    response.headers["Cache-Control"] = "no-store"
    return CreatedServiceAccount(**shown(account, response).model_dump(), client_secret=secret)
