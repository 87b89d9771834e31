"""The frame of every change of an account: one transaction, in which nobody else can change it.

What was done stands in the audit trail, or it was not done.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artstore.admin import audit
from artstore.admin.conditions import RevisionCondition
from artstore.admin.revocations.feed import RevocationFeed
from artstore.admin.revocations.repository import end_tokens_of
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.account import Account
from artstore.kernel.database import Database, WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@dataclass(frozen=True)
class Terms:
    """Who changes an account, and which revisions of it the caller knows."""

    actor: audit.Actor
    condition: RevisionCondition


class AccountChange:
    """One account within one transaction; its row is locked."""

    def __init__(self, connection: WriteConnection, account: Account, actor: audit.Actor) -> None:
        self.connection = connection
        self.actor = actor
        self.account = account
        """As it is now: the last change included."""
        self.tokens_ended = False
        self.entries: list[audit.AuditEntry] = []

    async def set(self, **values: Any) -> None:
        """Change columns of the account, or none of them but its revision."""
        self.account = await repository.change_account(self.connection, self.account, values)

    def record(self, action: audit.Action, **details: audit.Json) -> None:
        """What the audit trail will say of it."""
        self.entries.append(entry_of(self.account, action, self.actor, **details))

    async def end_tokens(self) -> None:
        """No token that the account was given until now is good once this is committed."""
        await end_tokens_of(self.connection, self.account.id)
        self.tokens_ended = True

    def demand_not_of_system(self, what: str) -> None:
        """Raises Problem PROTECTED_ACCOUNT."""
        if self.account.is_system:
            raise Problem(
                ProblemType.PROTECTED_ACCOUNT,
                f"The account {self.account.name!r} belongs to the system and cannot be {what}.",
            )

    def demand_not_deleted(self) -> None:
        """Raises Problem CONFLICT."""
        if self.account.deleted_at is not None:
            raise Problem(
                ProblemType.CONFLICT,
                f"The account {self.account.name!r} is deleted; restore it before you change it.",
            )


class AccountChanges:
    """Opens changes. What several processes do to one account happens one after the other."""

    def __init__(self, database: Database, feed: RevocationFeed) -> None:
        self._database = database
        self._feed = feed

    @asynccontextmanager
    async def of(self, account_id: UUID, terms: Terms) -> AsyncIterator[AccountChange]:
        """Committed when the block ends well. Raises Problem NOT_FOUND, PRECONDITION_FAILED."""
        async with self._database.write() as connection:
            account = await repository.lock_account(connection, account_id)
            if account is None:
                raise account_not_found()
            terms.condition.check(account.revision)
            change = AccountChange(connection, account, terms.actor)
            yield change
            if change.entries:
                await audit.append_all(connection, change.entries)
        if change.tokens_ended:
            self._feed.decided()


def entry_of(
    account: Account, action: audit.Action, actor: audit.Actor, **details: audit.Json
) -> audit.AuditEntry:
    """An entry about an account."""
    told: dict[str, audit.Json] = {"name": account.name, **details}
    return audit.AuditEntry(action, actor, "account", str(account.id), details=told)


def created_entry(account: Account, actor: audit.Actor) -> audit.AuditEntry:
    """What the audit trail says of a new account."""
    return entry_of(
        account,
        audit.Action.ACCOUNT_CREATED,
        actor,
        role=account.role,
        client_id=account.client_id,
        scopes=[*account.scopes],
    )


def account_not_found() -> Problem:
    return Problem(ProblemType.NOT_FOUND, "There is no service account with this id.")
