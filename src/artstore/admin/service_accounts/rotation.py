"""Exchanging the secret of an account without an outage, and ending one at once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from artstore.admin import audit
from artstore.admin.service_accounts import secret_repository
from artstore.admin.service_accounts.account import Account, StoredSecret
from artstore.admin.service_accounts.changes import AccountChange, AccountChanges, Terms
from artstore.admin.service_accounts.client_secrets import SecretHasher, new_secret
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@dataclass(frozen=True)
class SecretPolicy:
    """``life``: None for secrets that do not expire. ``overlap``: unless a rotation says otherwise."""

    life: timedelta | None
    overlap: timedelta

    def expiry(self, now: datetime) -> datetime | None:
        return None if self.life is None else now + self.life


@dataclass(frozen=True)
class FreshSecret:
    """``text`` is what the client is shown, ``stored`` what is kept."""

    text: str
    stored: StoredSecret


async def make_secret(hasher: SecretHasher, policy: SecretPolicy) -> FreshSecret:
    """Raises Problem TOO_MANY_REQUESTS."""
    made, now = new_secret(), datetime.now(UTC)
    return FreshSecret(
        made.text,
        StoredSecret(
            id=uuid7(),
            secret_hash=await hasher.hash(made.text),
            selector=made.selector,
            created_at=now,
            expires_at=policy.expiry(now),
        ),
    )


class Rotation:
    """At most two secrets of an account are good at a time: the new one, and for a while the one before."""

    def __init__(self, changes: AccountChanges, hasher: SecretHasher, policy: SecretPolicy) -> None:
        self._changes = changes
        self._hasher = hasher
        self._policy = policy

    async def rotate(self, account_id: UUID, terms: Terms, overlap: timedelta | None) -> tuple[Account, str]:
        """The account, and its new secret. The old one ends after ``overlap``; without any, tokens end too.

        Raises Problem CONFLICT while the overlap of the rotation before lasts, unless this one has none: who
        uses the older secret would be cut off unasked. PROTECTED_ACCOUNT where the secret is a setting.
        """
        overlap = self._policy.overlap if overlap is None else overlap
        fresh = await make_secret(self._hasher, self._policy)  # before the transaction, which need not wait
        async with self._changes.of(account_id, terms) as change:
            change.demand_not_deleted()
            self._demand_not_configured(change)
            now = datetime.now(UTC)
            live = change.account.live_secrets(now)
            if not overlap:
                live = []
                await change.end_tokens()
            elif len(live) > 1:
                raise Problem(
                    ProblemType.CONFLICT,
                    "Two secrets of the account are good at present. Wait until the older one ends, end it, "
                    "or rotate with overlap_seconds 0, which ends both.",
                )
            gone = {secret.id for secret in change.account.secrets} - {secret.id for secret in live}
            await secret_repository.remove_secrets(change.connection, account_id, gone)
            for secret in live:
                await secret_repository.end_secret_at(change.connection, secret.id, now + overlap)
            await secret_repository.add_secret(change.connection, account_id, fresh.stored)
            await change.set()
            change.record(
                audit.Action.ACCOUNT_SECRET_ROTATED,
                secret_id=str(fresh.stored.id),
                overlap_seconds=int(overlap.total_seconds()),
            )
            return change.account, fresh.text

    async def end(self, account_id: UUID, secret_id: UUID, terms: Terms) -> Account:
        """One secret is good no longer; tokens got with it go on. Raises Problem NOT_FOUND and others."""
        async with self._changes.of(account_id, terms) as change:
            self._demand_not_configured(change)
            if secret_id not in {secret.id for secret in change.account.secrets}:
                raise Problem(ProblemType.NOT_FOUND, "The account has no secret with this id.")
            await secret_repository.remove_secrets(change.connection, account_id, [secret_id])
            await change.set()
            change.record(audit.Action.ACCOUNT_SECRET_ENDED, secret_id=str(secret_id))
            return change.account

    def _demand_not_configured(self, change: AccountChange) -> None:
        configured = any(secret.selector is None for secret in change.account.secrets)
        if change.account.is_system and configured:
            raise Problem(
                ProblemType.PROTECTED_ACCOUNT,
                f"The secret of {change.account.name!r} comes from the settings of Admin: change it there.",
            )
