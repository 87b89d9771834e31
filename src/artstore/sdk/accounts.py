"""Service accounts: made, found, changed, and what they may do with the documents of others."""

import builtins
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from artstore.sdk.errors import NotFound, Rejected
from artstore.sdk.sources import unicode_text
from artstore.sdk.transport import Transport
from artstore.wire.accounts import (
    AccountStatus,
    CreatedServiceAccount,
    Grant,
    GrantedScopes,
    GrantList,
    NewServiceAccount,
    SecretRotation,
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountPage,
)
from artstore.wire.audit import AuditPage, AuditRecord
from artstore.wire.scopes import Role, Scope

_MAX_SEARCH = 100
_PAGE_SIZE = 500

AccountRef = UUID | str
"""An account by its id, its client id or its name."""
Body = TypeVar("Body", bound=BaseModel)


class AsyncAccounts:
    """``client.accounts`` of an AsyncClient: needs ``accounts:read``, for changes ``accounts:write``.

    Wherever an account is named, its id, its client id or its name will do; raises NotFound for one that is
    none, and Conflict for what its state, or its belonging to the system, forbids.
    """

    def __init__(self, transport: Transport, admin_url: str) -> None:
        self._transport = transport
        self._accounts_url = f"{admin_url}/api/v1/service-accounts"
        self._audit_url = f"{admin_url}/api/v1/audit"

    async def create(
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
        name, Rejected for one that no account can have.

        ``scopes``: a part of the role's; all if not said. ``keys``: public JSON Web Keys, for authentication
        without a secret.
        """
        given = {
            "name": name,
            "role": role,
            "description": description,
            "scopes": scopes,
            "rate_limit": rate_limit,
            "expires_at": expires_at,
            "keys": keys,
        }
        try:
            account = NewServiceAccount.model_validate(given)
        except ValidationError as error:
            wrong = error.errors()[0]
            place = str(wrong["loc"][0])
            raise Rejected(f"no account can have the {place} {given[place]!r}: {wrong['msg']}") from error
        return await self._transport.post(self._accounts_url, account, CreatedServiceAccount)

    async def get(self, account: AccountRef) -> ServiceAccount:
        """One account, deleted ones too."""
        return (await self._tagged(account))[0]

    async def list(
        self,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> AsyncIterator[ServiceAccount]:
        """The service accounts, the oldest first; those with ``q`` in name, client id or description.

        Deleted ones are left out, unless ``status`` asks for them.
        """
        async for page in self.pages(q, role=role, status=status):
            for account in page:
                yield account

    async def pages(
        self,
        q: str = "",
        *,
        role: Role | str | None = None,
        status: AccountStatus | str | None = None,
    ) -> AsyncIterator[builtins.list[ServiceAccount]]:
        """Like ``list``, in lists as they come from the service."""
        wanted = {"q": unicode_text(q), "role": role, "status": status}
        params: dict[str, str | int] = {name: str(value) for name, value in wanted.items() if value}
        params["limit"] = _PAGE_SIZE
        while True:
            page = await self._transport.get(self._accounts_url, ServiceAccountPage, params)
            yield page.items
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def update(self, account: AccountRef, **changes: Any) -> ServiceAccount:
        """Changes any of ``description``, ``role``, ``scopes``, ``rate_limit``, ``expires_at``, ``keys``.

        None takes away what was said. Whatever an account loses by it ends its tokens. Raises Conflict where
        somebody else changes it at the same time, Rejected for a value that cannot be.
        """
        body = _read(ServiceAccountChange, changes)
        found, tag = await self._tagged(account)
        url = f"{self._accounts_url}/{found.id}"
        return await self._transport.change("PATCH", url, body, ServiceAccount, headers={"If-Match": tag})

    async def suspend(self, account: AccountRef) -> ServiceAccount:
        """The account gets no tokens, and those that it has are refused everywhere within seconds."""
        return await self._do(account, "suspend")

    async def activate(self, account: AccountRef) -> ServiceAccount:
        """Ends a suspension."""
        return await self._do(account, "activate")

    async def delete(self, account: AccountRef) -> None:
        """Like ``suspend``, and it is listed no longer. It keeps its name and documents, and can be
        restored.
        """
        await self._transport.remove(await self._url(account))

    async def restore(self, account: AccountRef) -> ServiceAccount:
        """Takes a deletion back."""
        return await self._do(account, "restore")

    async def rotate_secret(
        self, account: AccountRef, *, overlap_seconds: int | None = None
    ) -> CreatedServiceAccount:
        """A new secret, shown this once. The old one stays good for ``overlap_seconds`` (if not said: what
        Admin is set to); with 0 it, and every token of the account, ends at once.
        """
        body = _read(SecretRotation, {"overlap_seconds": overlap_seconds})
        url = f"{await self._url(account)}/rotate-secret"
        return await self._transport.change("POST", url, body, CreatedServiceAccount)

    async def end_secret(self, account: AccountRef, secret_id: UUID | str) -> None:
        """One secret of an account is good no longer."""
        await self._transport.remove(f"{await self._url(account)}/secrets/{_id(secret_id)}")

    async def grants(self, account: AccountRef) -> builtins.list[Grant]:
        """What the account may do with the documents of others."""
        return (await self._transport.get(f"{await self._url(account)}/grants", GrantList)).items

    async def grant(self, account: AccountRef, owner: AccountRef, *scopes: Scope | str) -> Grant:
        """Lets an account read (``files:read``), or also change (``files:write``), the documents of another.

        Its tokens from then on have it.
        """
        body = _read(GrantedScopes, {"scopes": [*scopes]})
        return await self._transport.change("PUT", await self._grant_url(account, owner), body, Grant)

    async def revoke_grant(self, account: AccountRef, owner: AccountRef) -> None:
        """Takes a grant back; the account's tokens end."""
        await self._transport.remove(await self._grant_url(account, owner))

    async def trail(self, account: AccountRef, *, limit: int = 100) -> builtins.list[AuditRecord]:
        """What the audit trail says of an account, the newest first. Needs ``audit:read``."""
        found = (await self._tagged(account))[0]
        params: dict[str, str | int] = {"subject_id": str(found.id), "limit": min(limit, 1000)}
        return (await self._transport.get(self._audit_url, AuditPage, params)).items

    async def _url(self, account: AccountRef) -> str:
        return f"{self._accounts_url}/{await self._id(account)}"

    async def _grant_url(self, account: AccountRef, owner: AccountRef) -> str:
        return f"{await self._url(account)}/grants/{await self._id(owner)}"

    async def _do(self, account: AccountRef, operation: str) -> ServiceAccount:
        return await self._transport.change(
            "POST", f"{await self._url(account)}/{operation}", None, ServiceAccount
        )

    async def _tagged(self, account: AccountRef) -> tuple[ServiceAccount, str]:
        url = await self._url(account)
        return await self._transport.get_tagged(url, ServiceAccount)

    async def _id(self, account: AccountRef) -> UUID:
        if isinstance(account, UUID):
            return account
        try:
            return UUID(account)
        except ValueError:
            return (await self._named(account)).id

    async def _named(self, name: str) -> ServiceAccount:
        for status in (None, AccountStatus.DELETED):
            async for found in self.list(name[:_MAX_SEARCH], status=status):
                if name in (found.name, found.client_id):
                    return found
        raise NotFound(f"there is no account {name!r}; 'artstore account list' lists them")


def _id(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError as error:
        raise NotFound(f"{value!r} is the id of nothing") from error


def _read(kind: type[Body], values: dict[str, Any]) -> Body:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"])) or "request"
        raise Rejected(f"the {place} cannot be accepted: {wrong['msg']}") from error
