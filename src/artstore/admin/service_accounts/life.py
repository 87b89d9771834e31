"""Suspending, activating, deleting and restoring an account. Repeated, each of them changes nothing."""

from uuid import UUID

from artstore.admin import audit
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.changes import AccountChanges, Terms
from artstore.admin.service_accounts.secret_repository import NOW


class AccountLife:
    """Whoever suspends or deletes an account ends its tokens with it."""

    def __init__(self, changes: AccountChanges) -> None:
        self._changes = changes

    async def suspend(self, account_id: UUID, terms: Terms) -> Account:
        """Raises Problem PROTECTED_ACCOUNT, CONFLICT (deleted), NOT_FOUND, PRECONDITION_FAILED."""
        async with self._changes.of(account_id, terms) as change:
            change.demand_not_of_system("suspended")
            change.demand_not_deleted()
            if change.account.suspended_at is None:
                await change.end_tokens()
                await change.set(suspended_at=NOW)
                change.record(audit.Action.ACCOUNT_SUSPENDED)
            return change.account

    async def activate(self, account_id: UUID, terms: Terms) -> Account:
        """Ends a suspension; the tokens from before it stay void. Raises Problem as ``suspend``."""
        async with self._changes.of(account_id, terms) as change:
            change.demand_not_deleted()
            if change.account.suspended_at is not None:
                await change.set(suspended_at=None)
                change.record(audit.Action.ACCOUNT_ACTIVATED)
            return change.account

    async def delete(self, account_id: UUID, terms: Terms) -> Account:
        """The account gets no tokens, but keeps its name, its secrets and its documents, and can be restored.

        Raises Problem PROTECTED_ACCOUNT, NOT_FOUND, PRECONDITION_FAILED.
        """
        async with self._changes.of(account_id, terms) as change:
            change.demand_not_of_system("deleted")
            if change.account.deleted_at is None:
                await change.end_tokens()
                await change.set(deleted_at=NOW)
                change.record(audit.Action.ACCOUNT_DELETED)
            return change.account

    async def restore(self, account_id: UUID, terms: Terms) -> Account:
        """Takes a deletion back. An account that was suspended before is so again."""
        async with self._changes.of(account_id, terms) as change:
            if change.account.deleted_at is not None:
                await change.set(deleted_at=None)
                change.record(audit.Action.ACCOUNT_RESTORED)
            return change.account
