"""Warnings before the last secret of an account expires: in the log, on a Redis channel, as metrics."""

import asyncio
from datetime import UTC, datetime, timedelta

from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from artstore.admin.service_accounts import secret_repository
from artstore.admin.service_accounts.secret_repository import ExpiringSecret
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.wire.accounts import ACCOUNTS_CHANNEL, AccountEvent, AccountEventKind

_log = get_logger(__name__)
_LOOK_SECONDS = 60.0
_WARN_AGAIN = timedelta(days=1)
_EXPIRING = Gauge(
    "artstore_admin_secrets_expiring",
    "Active accounts without keys whose last secret expires within the time of warning, or has expired",
    ("state",),
)


class ExpiryWatch:
    """Each account is told of once a day, by one of the processes that run."""

    def __init__(self, database: Database, redis: Redis, warn_before: timedelta) -> None:
        self._database = database
        self._redis = redis
        self._warn_before = warn_before

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseDown as error:
                _log.warning("the watch on expiring secrets waits for the database", reason=error.reason)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Raises DatabaseDown."""
        now = datetime.now(UTC)
        horizon = now + self._warn_before
        async with self._database.read() as connection:
            expiring = await secret_repository.expiring_until(connection, horizon)
        expired = sum(secret.expires_at <= now for secret in expiring)
        _EXPIRING.labels("expired").set(expired)
        _EXPIRING.labels("expiring").set(len(expiring) - expired)
        if not expiring:
            return
        async with self._database.write() as connection:
            due = await secret_repository.claim_warnings(connection, horizon, now - _WARN_AGAIN)
        for secret in due:
            await self._warn(secret, now)

    async def _warn(self, secret: ExpiringSecret, now: datetime) -> None:
        _log.warning(
            "the secret of an account has expired" if secret.expires_at <= now else "a secret expires soon",
            client_id=secret.client_id,
            name=secret.name,
            expires_at=secret.expires_at.isoformat(),
        )
        event = AccountEvent(
            kind=AccountEventKind.SECRET_EXPIRES,
            at=now,
            account_id=secret.account_id,
            client_id=secret.client_id,
            name=secret.name,
            secret_id=secret.secret_id,
            expires_at=secret.expires_at,
        )
        try:
            await self._redis.publish(ACCOUNTS_CHANNEL, event.model_dump_json())
        except (RedisError, OSError) as error:
            _log.warning("the warning cannot be published", reason=type(error).__name__)
