"""Giving an account a right to another's documents, and taking it back."""

from uuid import UUID

from artstore.admin import audit
from artstore.admin.grants import repository
from artstore.admin.service_accounts.changes import AccountChanges, Terms
from artstore.admin.service_accounts.repository import account_by_id
from artstore.kernel.database import ReadConnection
from artstore.kernel.problems import Problem
from artstore.wire.accounts import MAX_GRANTS, Grant, GrantedScopes
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope


async def put_grant(
    changes: AccountChanges,
    account_id: UUID,
    owner_id: UUID,
    terms: Terms,
    wanted: GrantedScopes,
) -> tuple[Grant, int]:
    """The grant as it is now, and the account's revision. Holds for tokens from then on; one that lost
    something by it ends.

    Raises Problem NOT_FOUND, CONFLICT, INVALID_PARAMETER, PRECONDITION_FAILED.
    """
    async with changes.of(account_id, terms) as change:
        change.demand_not_deleted()
        if owner_id == account_id:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                "An account has its own documents without a grant.",
                field="owner_id",
            )
        if await account_by_id(change.connection, owner_id) is None:
            raise Problem(ProblemType.NOT_FOUND, "There is no service account with the id of the owner.")
        before = await _existing(change.connection, account_id, owner_id)
        if before is None and await repository.count_grants(change.connection, account_id) >= MAX_GRANTS:
            raise Problem(
                ProblemType.CONFLICT,
                f"The account has {MAX_GRANTS} grants, the most that its tokens can carry. "
                "Take one back, or give it a role with files:all.",
            )
        may_change = Scope.FILES_WRITE in wanted.scopes
        if before is not None and Scope.FILES_WRITE in before.scopes and not may_change:
            await change.end_tokens()
        await repository.put_grant(change.connection, account_id, owner_id, may_change=may_change)
        await change.set()
        change.record(
            audit.Action.GRANT_GIVEN, owner_id=str(owner_id), scopes=[scope.value for scope in wanted.scopes]
        )
        after = await _existing(change.connection, account_id, owner_id)
        assert after is not None
        return after, change.account.revision


async def take_back(changes: AccountChanges, account_id: UUID, owner_id: UUID, terms: Terms) -> None:
    """The grant is gone, and with it the account's tokens, which carry it. Raises Problem NOT_FOUND."""
    async with changes.of(account_id, terms) as change:
        if await _existing(change.connection, account_id, owner_id) is None:
            raise Problem(ProblemType.NOT_FOUND, "The account has no grant on the documents of this owner.")
        await change.end_tokens()
        await repository.remove_grant(change.connection, account_id, owner_id)
        await change.set()
        change.record(audit.Action.GRANT_TAKEN_BACK, owner_id=str(owner_id))


async def _existing(connection: ReadConnection, account_id: UUID, owner_id: UUID) -> Grant | None:
    grants = await repository.grants_of(connection, account_id)
    return next((grant for grant in grants if grant.owner_id == owner_id), None)
