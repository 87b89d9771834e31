"""Service accounts, for the synchronous client: a front of ``AsyncAccounts``, which tells at more length."""

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


class _Front(Protocol):
    """What this needs of the client that it is a part of."""

    @property
    def _client(self) -> AsyncAccounts: ...

    def _run(self, call: Callable[[], Awaitable[T]]) -> T: ...

    def _iterate(self, source: AsyncIterator[T]) -> Iterator[T]: ...

    def account_pages(
        self,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> Iterator[list[ServiceAccount]]: ...


class Accounts:
    """Wherever an account is named, its id, its client id or its name will do."""

    def create_account(
        self: _Front,
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
                self._client.create_account,
                name,
                role,
                description=description,
                scopes=scopes,
                rate_limit=rate_limit,
                expires_at=expires_at,
                keys=keys,
            )
        )

    def account(self: _Front, account: AccountRef) -> ServiceAccount:
        """One account, deleted ones too."""
        return self._run(partial(self._client.account, account))

    def list_accounts(
        self: _Front,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> Iterator[ServiceAccount]:
        """The service accounts, the oldest first; those with ``q`` in name, client id or description."""
        for page in self.account_pages(q, role=role, status=status):
            yield from page

    def account_pages(
        self: _Front,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> Iterator[list[ServiceAccount]]:
        """Like ``list_accounts``, in lists as they come from the service."""
        return self._iterate(self._client.account_pages(q, role=role, status=status))

    def update_account(self: _Front, account: AccountRef, **changes: Any) -> ServiceAccount:
        """Changes any of ``description``, ``role``, ``scopes``, ``rate_limit``, ``expires_at``, ``keys``."""
        return self._run(partial(self._client.update_account, account, **changes))

    def suspend_account(self: _Front, account: AccountRef) -> ServiceAccount:
        """The account gets no tokens, and those that it has are refused everywhere within seconds."""
        return self._run(partial(self._client.suspend_account, account))

    def activate_account(self: _Front, account: AccountRef) -> ServiceAccount:
        """Ends a suspension."""
        return self._run(partial(self._client.activate_account, account))

    def delete_account(self: _Front, account: AccountRef) -> None:
        """Like ``suspend_account``, and it is listed no longer. It can be restored."""
        self._run(partial(self._client.delete_account, account))

    def restore_account(self: _Front, account: AccountRef) -> ServiceAccount:
        """Takes a deletion back."""
        return self._run(partial(self._client.restore_account, account))

    def rotate_secret(
        self: _Front, account: AccountRef, *, overlap_seconds: int | None = None
    ) -> CreatedServiceAccount:
        """A new secret, shown this once; the old one stays good for a while, or ends at once with 0."""
        return self._run(partial(self._client.rotate_secret, account, overlap_seconds=overlap_seconds))

    def end_secret(self: _Front, account: AccountRef, secret_id: UUID | str) -> None:
        """One secret of an account is good no longer."""
        self._run(partial(self._client.end_secret, account, secret_id))

    def grants(self: _Front, account: AccountRef) -> list[Grant]:
        """What the account may do with the documents of others."""
        return self._run(partial(self._client.grants, account))

    def grant(self: _Front, account: AccountRef, owner: AccountRef, *scopes: Scope | str) -> Grant:
        """Lets an account read (``files:read``), or also change (``files:write``), another's documents."""
        return self._run(partial(self._client.grant, account, owner, *scopes))

    def revoke_grant(self: _Front, account: AccountRef, owner: AccountRef) -> None:
        """Takes a grant back; the account's tokens end."""
        self._run(partial(self._client.revoke_grant, account, owner))

    def account_trail(self: _Front, account: AccountRef, *, limit: int = 100) -> list[AuditRecord]:
        """What the audit trail says of an account, the newest first."""
        return self._run(partial(self._client.account_trail, account, limit=limit))
