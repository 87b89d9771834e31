"""Service accounts, for the synchronous client: a front of ``AsyncAccounts``, which tells at more length."""

import builtins
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

from artstore.sdk.accounts import AccountRef, AsyncAccounts
from artstore.wire.accounts import AccountStatus, CreatedServiceAccount, Grant, ServiceAccount
from artstore.wire.audit import AuditRecord
from artstore.wire.scopes import Role, Scope

T = TypeVar("T")


class _Run(Protocol):
    def __call__(self, call: Callable[[], Awaitable[T]], /) -> T: ...


class _Iterate(Protocol):
    def __call__(self, source: AsyncIterator[T], /) -> Iterator[T]: ...


class Accounts:
    """``client.accounts`` of a Client: the same methods."""

    def __init__(self, accounts: AsyncAccounts, run: _Run, iterate: _Iterate) -> None:
        self._accounts = accounts
        self._run = run
        self._iterate = iterate

    def create(
        self,
        name: str,
        role: Role | str = Role.USER,
        *,
        description: str | None = None,
        scopes: Sequence[Scope | str] | None = None,
        rate_limit: int | None = None,
        expires_at: datetime | None = None,
        keys: Sequence[dict[str, Any]] | None = None,
    ) -> CreatedServiceAccount:
        """Makes a service account. Its ``client_secret`` is shown this once. Raises Conflict for a known
        name.
        """
        return self._run(
            partial(
                self._accounts.create,
                name,
                role,
                description=description,
                scopes=scopes,
                rate_limit=rate_limit,
                expires_at=expires_at,
                keys=keys,
            )
        )

    def get(self, account: AccountRef) -> ServiceAccount:
        """One account, deleted ones too."""
        return self._run(partial(self._accounts.get, account))

    def list(
        self,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> Iterator[ServiceAccount]:
        """The service accounts, the oldest first; those with ``q`` in name, client id or description."""
        for page in self.pages(q, role=role, status=status):
            yield from page

    def pages(
        self,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> Iterator[builtins.list[ServiceAccount]]:
        """Like ``list``, in lists as they come from the service."""
        return self._iterate(self._accounts.pages(q, role=role, status=status))

    def update(self, account: AccountRef, **changes: Any) -> ServiceAccount:
        """Changes any of ``description``, ``role``, ``scopes``, ``rate_limit``, ``expires_at``, ``keys``."""
        return self._run(partial(self._accounts.update, account, **changes))

    def suspend(self, account: AccountRef) -> ServiceAccount:
        """The account gets no tokens, and those that it has are refused everywhere within seconds."""
        return self._run(partial(self._accounts.suspend, account))

    def activate(self, account: AccountRef) -> ServiceAccount:
        """Ends a suspension."""
        return self._run(partial(self._accounts.activate, account))

    def delete(self, account: AccountRef) -> None:
        """Like ``suspend``, and it is listed no longer. It can be restored."""
        self._run(partial(self._accounts.delete, account))

    def restore(self, account: AccountRef) -> ServiceAccount:
        """Takes a deletion back."""
        return self._run(partial(self._accounts.restore, account))

    def rotate_secret(
        self, account: AccountRef, *, overlap_seconds: int | None = None
    ) -> CreatedServiceAccount:
        """A new secret, shown this once; the old one stays good for a while, or ends at once with 0."""
        return self._run(partial(self._accounts.rotate_secret, account, overlap_seconds=overlap_seconds))

    def end_secret(self, account: AccountRef, secret_id: UUID | str) -> None:
        """One secret of an account is good no longer."""
        self._run(partial(self._accounts.end_secret, account, secret_id))

    def grants(self, account: AccountRef) -> builtins.list[Grant]:
        """What the account may do with the documents of others."""
        return self._run(partial(self._accounts.grants, account))

    def grant(self, account: AccountRef, owner: AccountRef, *scopes: Scope | str) -> Grant:
        """Lets an account read (``files:read``), or also change (``files:write``), another's documents."""
        return self._run(partial(self._accounts.grant, account, owner, *scopes))

    def revoke_grant(self, account: AccountRef, owner: AccountRef) -> None:
        """Takes a grant back; the account's tokens end."""
        self._run(partial(self._accounts.revoke_grant, account, owner))

    def trail(self, account: AccountRef, *, limit: int = 100) -> builtins.list[AuditRecord]:
        """What the audit trail says of an account, the newest first."""
        return self._run(partial(self._accounts.trail, account, limit=limit))
