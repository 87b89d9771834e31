"""Accounts that come from the configuration: there when Admin has started, with the secret that it names."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr
from uuid_utils.compat import uuid7

from artstore.admin import audit
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.creation import account_created
from artstore.admin.service_accounts.repository import Credentials
from artstore.kernel.database import WriteConnection
from artstore.wire.accounts import ServiceAccount
from artstore.wire.scopes import ROLE_SCOPES, Role


class ConfiguredAccountConflict(Exception):
    """A configured account cannot be made, because what exists contradicts it. The text says what to do."""


@dataclass(frozen=True)
class ConfiguredAccount:
    name: str
    role: Role
    client_id: str
    client_secret: SecretStr


async def ensure_account(
    connection: WriteConnection, configured: ConfiguredAccount, hasher: SecretHasher
) -> list[audit.AuditEntry]:
    """Make the account if it is absent, and give it the configured client id, role and secret if it is there.

    May be called at every start. A changed secret replaces the old one at once. Of several processes only
    one may do it at a time: the caller holds a lock. Returns what the caller must append to the audit trail.
    Raises ConfiguredAccountConflict.
    """
    existing = await repository.credentials_by_name(connection, configured.name)
    try:
        if existing is None:
            return [await _create(connection, configured, hasher)]
        return await _adapt(connection, configured, existing, hasher)
    except repository.ClientIdTaken as e:
        raise ConfiguredAccountConflict(
            f"The client id {configured.client_id!r} configured for the account {configured.name!r} belongs "
            "to another account; configure another client id, or that account's name."
        ) from e


async def _create(
    connection: WriteConnection, configured: ConfiguredAccount, hasher: SecretHasher
) -> audit.AuditEntry:
    account = ServiceAccount(
        id=uuid7(),
        name=configured.name,
        role=configured.role,
        client_id=configured.client_id,
        scopes=sorted(ROLE_SCOPES[configured.role]),
        is_system=True,
        created_at=datetime.now(UTC),
    )
    secret_hash = await hasher.hash(configured.client_secret.get_secret_value())
    await repository.add_account(connection, account, secret_hash)
    return account_created(account, audit.SYSTEM)


async def _adapt(
    connection: WriteConnection, configured: ConfiguredAccount, existing: Credentials, hasher: SecretHasher
) -> list[audit.AuditEntry]:
    account, secret = existing.account, configured.client_secret.get_secret_value()
    if not account.is_system:
        raise ConfiguredAccountConflict(
            f"The configured account {configured.name!r} exists, but was made by a client; "
            "configure another name."
        )
    done = []
    if (account.client_id, account.role) != (configured.client_id, configured.role):
        await repository.change_system_account(
            connection, account.id, client_id=configured.client_id, role=configured.role
        )
        change: dict[str, audit.Json] = {
            "before": {"client_id": account.client_id, "role": account.role},
            "after": {"client_id": configured.client_id, "role": configured.role},
        }
        done.append(_entry(audit.Action.ACCOUNT_CHANGED, account, change))
    if not await hasher.matches(secret, existing.secret_hashes):
        await repository.remove_secrets(connection, account.id)
        await repository.add_secret(connection, account.id, await hasher.hash(secret))
        done.append(_entry(audit.Action.ACCOUNT_SECRET_REPLACED, account, {}))
    return done


def _entry(action: audit.Action, account: ServiceAccount, details: dict[str, audit.Json]) -> audit.AuditEntry:
    told: dict[str, audit.Json] = {"name": account.name, **details}
    return audit.AuditEntry(action, audit.SYSTEM, "account", str(account.id), details=told)
