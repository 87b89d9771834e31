"""A service account as Admin knows it, and as others are shown it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from artstore.admin.service_accounts.client_secrets import prefix_of
from artstore.wire.accounts import AccountStatus, ClientSecret, ServiceAccount
from artstore.wire.scopes import ROLE_SCOPES, SERVICES_SCOPES, Role, Scope

USUAL_RATE_LIMIT: Final = 100
"""Requests for each minute of an account for which nothing else was said."""


@dataclass(frozen=True)
class StoredSecret:
    """A secret as the database holds it. ``selector`` is None for one that was configured."""

    id: UUID
    secret_hash: str = field(repr=False)
    selector: str | None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now

    def shown(self) -> ClientSecret:
        return ClientSecret(
            id=self.id,
            prefix=None if self.selector is None else prefix_of(self.selector),
            created_at=self.created_at,
            expires_at=self.expires_at,
            last_used_at=self.last_used_at,
        )


@dataclass(frozen=True)
class Account:
    """One account. ``secrets``: the newest first, also those that have expired and not been removed yet."""

    id: UUID
    name: str
    role: Role
    client_id: str
    is_system: bool
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    chosen_scopes: tuple[str, ...] | None = None
    """None: all of the role."""
    chosen_rate_limit: int | None = None
    keys: tuple[dict[str, Any], ...] = ()
    expires_at: datetime | None = None
    suspended_at: datetime | None = None
    deleted_at: datetime | None = None
    last_used_at: datetime | None = None
    token_epoch: int = 0
    revision: int = 1
    secrets: tuple[StoredSecret, ...] = ()

    @property
    def status(self) -> AccountStatus:
        if self.deleted_at is not None:
            return AccountStatus.DELETED
        return AccountStatus.ACTIVE if self.suspended_at is None else AccountStatus.SUSPENDED

    @property
    def scopes(self) -> list[Scope]:
        of_services = SERVICES_SCOPES if self.is_of_services else ()
        return sorted({*effective_scopes(self.role, self.chosen_scopes), *of_services})

    @property
    def is_of_services(self) -> bool:
        """Of the two accounts that come from the configuration, the OPERATOR is the services'."""
        return self.is_system and self.role is Role.OPERATOR

    @property
    def rate_limit(self) -> int:
        """Requests for each minute; 0: no limit. The services' own work must not stand still for one."""
        if self.is_of_services:
            return 0
        return self.chosen_rate_limit or USUAL_RATE_LIMIT

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def live_secrets(self, now: datetime) -> list[StoredSecret]:
        return [secret for secret in self.secrets if secret.is_live(now)]

    def shown(self) -> ServiceAccount:
        return ServiceAccount(
            id=self.id,
            name=self.name,
            role=self.role,
            client_id=self.client_id,
            scopes=self.scopes,
            is_system=self.is_system,
            status=self.status,
            description=self.description,
            rate_limit=self.rate_limit,
            expires_at=self.expires_at,
            created_at=self.created_at,
            updated_at=self.updated_at,
            last_used_at=self.last_used_at,
            secrets=[secret.shown() for secret in self.secrets],
            keys=list(self.keys),
        )


def effective_scopes(role: Role, chosen: Sequence[str] | None) -> list[Scope]:
    """Those chosen, as far as the role has them; all of the role where none were."""
    of_role = ROLE_SCOPES[role]
    return sorted(of_role if chosen is None else of_role.intersection(chosen))
