"""``/api/v1/service-accounts/{account_id}/grants``: what an account may do with the documents of others."""

from uuid import UUID

from fastapi import APIRouter, Response

from artstore.admin.conditions import tag_of
from artstore.admin.grants import granting, repository
from artstore.admin.problem_answers import problem_answer
from artstore.admin.service_accounts.changes import AccountChanges, account_not_found
from artstore.admin.service_accounts.endpoints import CHANGE_ANSWERS, PREFIX, ChangeTerms, Reader
from artstore.admin.service_accounts.repository import account_by_id
from artstore.kernel.database import Database
from artstore.wire.accounts import Grant, GrantedScopes, GrantList


def grant_routes(database: Database, changes: AccountChanges) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/{{account_id}}/grants", tags=["grants"])

    @router.get("", responses=problem_answer(404, "No such account"))
    async def list_grants(account_id: UUID, principal: Reader) -> GrantList:
        """All grants of an account; there are 64 at most."""
        async with database.read() as connection:
            if await account_by_id(connection, account_id) is None:
                raise account_not_found()
            return GrantList(items=await repository.grants_of(connection, account_id))

    @router.put("/{owner_id}", responses=CHANGE_ANSWERS)
    async def put_grant(
        account_id: UUID,
        owner_id: UUID,
        wanted: GrantedScopes,
        terms: ChangeTerms,
        response: Response,
    ) -> Grant:
        """Let the account read, or read and change, the documents of another. Tokens from now on have it."""
        grant, revision = await granting.put_grant(changes, account_id, owner_id, terms, wanted)
        response.headers["ETag"] = tag_of(revision)
        return grant

    @router.delete("/{owner_id}", status_code=204, responses=CHANGE_ANSWERS)
    async def remove_grant(account_id: UUID, owner_id: UUID, terms: ChangeTerms) -> None:
        """Take the grant back; the account's tokens end, for they carry it."""
        await granting.take_back(changes, account_id, owner_id, terms)

    return router
