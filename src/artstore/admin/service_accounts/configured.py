"""Accounts of the system: there when Admin has started, with the configured secret or one that was made."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from uuid_utils.compat import uuid7

from artstore.admin import audit
from artstore.admin.service_accounts import repository, secret_repository
from artstore.admin.service_accounts.account import Account, StoredSecret
from artstore.admin.service_accounts.changes import created_entry, entry_of
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.naming import new_client_id
from artstore.admin.service_accounts.rotation import SecretPolicy, make_secret
from artstore.admin.service_accounts.showing import NowhereToShow, show_once
from artstore.kernel.database import WriteConnection
from artstore.wire.scopes import Role


class ConfiguredAccountConflict(Exception):
    """A configured account cannot be made, because what exists contradicts it. The text says what to do."""


@dataclass(frozen=True)
class ConfiguredAccount:
    name: str
    role: Role
    client_id: str | None
    """None: made when the account is, and kept."""
    client_secret: SecretStr | None
    """None: generated when the account is made, and shown once."""


class ConfiguredAccounts:
    """Ensured at every start. Of several processes only one may do it at a time: the caller holds a lock."""

    def __init__(
        self,
        hasher: SecretHasher,
        policy: SecretPolicy,
        *,
        secret_file: Path | None,
        terminal: bool | None = None,
    ) -> None:
        """``secret_file``: where a generated secret is written; None: on the terminal, if there is one."""
        self._hasher = hasher
        self._policy = policy
        self._secret_file = secret_file
        self._terminal = sys.stderr.isatty() if terminal is None else terminal

    async def ensure(
        self, connection: WriteConnection, configured: ConfiguredAccount
    ) -> list[audit.AuditEntry]:
        """Make the account if it is absent, give it what is configured if it is there.

        A changed secret replaces the old one at once. Returns what the caller must append to the audit trail.
        Raises ConfiguredAccountConflict.
        """
        existing = await repository.account_by_name(connection, configured.name)
        try:
            if existing is None:
                return [await self._create(connection, configured)]
            return await self._adapt(connection, configured, existing)
        except repository.ClientIdTaken as e:
            raise ConfiguredAccountConflict(
                f"The client id {configured.client_id!r} configured for the account {configured.name!r} "
                "belongs to another account; configure another client id, or that account's name."
            ) from e

    async def _create(self, connection: WriteConnection, configured: ConfiguredAccount) -> audit.AuditEntry:
        now = datetime.now(UTC)
        client_id = configured.client_id or new_client_id(configured.name)
        account = Account(
            id=uuid7(),
            name=configured.name,
            role=configured.role,
            client_id=client_id,
            is_system=True,
            created_at=now,
            updated_at=now,
            secrets=(await self._first_secret(configured, client_id, now),),
        )
        await repository.add_account(connection, account)
        return created_entry(account, audit.SYSTEM)

    async def _first_secret(
        self, configured: ConfiguredAccount, client_id: str, now: datetime
    ) -> StoredSecret:
        if configured.client_secret is not None:
            return await self._of_settings(configured.client_secret, now)
        made = await make_secret(self._hasher, self._policy)
        try:
            # Before the commit: a secret that was shown and is none does less harm than one nobody saw.
            show_once(client_id, made.text, file=self._secret_file, terminal=self._terminal)
        except NowhereToShow as e:
            raise ConfiguredAccountConflict(
                f"The account {configured.name!r} must be made, but no secret is configured for it and there "
                "is nowhere to show a generated one: set ARTSTORE_ADMIN_INITIAL_CLIENT_SECRET, or "
                "ARTSTORE_ADMIN_INITIAL_SECRET_FILE to the path of a file that is to hold it."
            ) from e
        return made.stored

    async def _of_settings(self, secret: SecretStr, now: datetime) -> StoredSecret:
        hashed = await self._hasher.hash(secret.get_secret_value())
        return StoredSecret(id=uuid7(), secret_hash=hashed, selector=None, created_at=now)

    async def _adapt(
        self, connection: WriteConnection, configured: ConfiguredAccount, account: Account
    ) -> list[audit.AuditEntry]:
        if not account.is_system:
            raise ConfiguredAccountConflict(
                f"The configured account {configured.name!r} exists, but was made by a client; "
                "configure another name."
            )
        done = []
        client_id = configured.client_id or account.client_id
        if (account.client_id, account.role) != (client_id, configured.role):
            before: dict[str, audit.Json] = {"client_id": account.client_id, "role": account.role}
            after: dict[str, audit.Json] = {"client_id": client_id, "role": configured.role}
            account = await repository.change_account(connection, account, after)
            changed = audit.Action.ACCOUNT_CHANGED
            done.append(entry_of(account, changed, audit.SYSTEM, before=before, after=after))
        if configured.client_secret is not None and not await self._has(account, configured.client_secret):
            await secret_repository.remove_secrets(connection, account.id)
            stored = await self._of_settings(configured.client_secret, datetime.now(UTC))
            await secret_repository.add_secret(connection, account.id, stored)
            done.append(entry_of(account, audit.Action.ACCOUNT_SECRET_REPLACED, audit.SYSTEM))
        return done

    async def _has(self, account: Account, secret: SecretStr) -> bool:
        """Whether this is the account's secret, and its only one."""
        known = [each.secret_hash for each in account.secrets if each.selector is None]
        if len(account.secrets) != 1 or not known:
            return False
        return await self._hasher.matches(secret.get_secret_value(), known[0])
