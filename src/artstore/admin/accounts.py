"""The part of the composition root that has to do with accounts, their tokens, and the end of both."""

from datetime import timedelta

from fastapi import FastAPI
from redis.asyncio import Redis

from artstore.admin import audit
from artstore.admin.auth.client_limits import ClientLimits
from artstore.admin.auth.clients import ClientAuthentication
from artstore.admin.auth.endpoint import TOKEN_OPERATION, TOKEN_PATH, TokenEndpoint
from artstore.admin.auth.server_metadata import audiences, metadata_routes
from artstore.admin.auth.tickets import ticket_routes
from artstore.admin.auth.token_endpoints import (
    INTROSPECT_OPERATION,
    INTROSPECT_PATH,
    REVOKE_OPERATION,
    REVOKE_PATH,
    IntrospectEndpoint,
    RevokeEndpoint,
)
from artstore.admin.auth.token_truth import TokenTruth
from artstore.admin.auth.tokens import TokenIssuer
from artstore.admin.grants.endpoints import grant_routes
from artstore.admin.keys.ring import KeyRing
from artstore.admin.revocations.endpoints import revocation_routes
from artstore.admin.revocations.feed import RevocationFeed
from artstore.admin.revocations.publisher import RevocationPublisher
from artstore.admin.service_accounts.changes import AccountChanges
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.configured import ConfiguredAccounts
from artstore.admin.service_accounts.endpoints import service_account_routes
from artstore.admin.service_accounts.expiry import ExpiryWatch
from artstore.admin.service_accounts.last_use import LastUse
from artstore.admin.service_accounts.life import AccountLife
from artstore.admin.service_accounts.life_endpoints import account_life_routes
from artstore.admin.service_accounts.rotation import Rotation
from artstore.admin.settings import AdminSettings
from artstore.kernel.access import RevocationList
from artstore.kernel.app import hot_route
from artstore.kernel.background import Background
from artstore.kernel.client_address import networks
from artstore.kernel.database import Database, WriteConnection
from artstore.kernel.limits import Limiter


class Accounts:
    """Made once for each process; between ``start`` and ``close`` it works."""

    def __init__(
        self, settings: AdminSettings, database: Database, redis: Redis, keys: KeyRing, limiter: Limiter
    ) -> None:
        self._settings = settings
        self._database = database
        self._redis = redis
        self._keys = keys
        self._hasher = SecretHasher()
        self._feed = RevocationFeed(database)
        self._last_use = LastUse(database)
        names = audiences(issuer=settings.issuer, public_url=settings.public_url)
        limits = ClientLimits(
            limiter,
            failures=settings.auth_failures,
            address_failures=settings.auth_address_failures,
            trusted=networks(settings.trusted_proxies),
        )
        self._clients = ClientAuthentication(database, self._hasher, self._last_use, limits, names)

    @property
    def revocations(self) -> RevocationList:
        """For the verification of tokens in this process."""
        return self._feed.revocations

    async def prepare(self, connection: WriteConnection) -> list[audit.AuditEntry]:
        """Make what the settings name. Returns what the caller must append to the audit trail."""
        settings = self._settings
        configured = ConfiguredAccounts(
            self._hasher, settings.secret_policy(), secret_file=settings.initial_secret_file
        )
        return [
            entry
            for account in settings.configured_accounts()
            for entry in await configured.ensure(connection, account)
        ]

    async def start(self, background: Background) -> None:
        """Raises DatabaseDown."""
        await self._feed.refresh()
        warn_before = timedelta(days=self._settings.secret_warning_days)
        background.start("revocations", self._feed.follow)
        background.start("revocations in Redis", RevocationPublisher(self._feed, self._redis).run)
        background.start("last use", self._last_use.write_from_time_to_time)
        background.start("expiring secrets", ExpiryWatch(self._database, self._redis, warn_before).run)
        background.start("used assertions", self._clients.tidy_from_time_to_time)

    async def close(self) -> None:
        """After the last request, and after the background was stopped."""
        self._hasher.close()
        await self._last_use.write()

    def add_routes(self, app: FastAPI) -> None:
        settings, database = self._settings, self._database
        tokens = TokenIssuer(self._keys, issuer=settings.issuer, lifetime_seconds=settings.token_seconds)
        truth = TokenTruth(database, self._keys, settings.issuer)
        for path, endpoint, operation in (
            (TOKEN_PATH, TokenEndpoint(database, self._clients, tokens), TOKEN_OPERATION),
            (REVOKE_PATH, RevokeEndpoint(database, self._clients, truth, self._feed), REVOKE_OPERATION),
            (INTROSPECT_PATH, IntrospectEndpoint(self._clients, truth), INTROSPECT_OPERATION),
        ):
            # Open to everybody, for the client authenticates itself in the request.
            hot_route(app, path, endpoint, methods=["POST"], scope=None, operation=operation)
        app.include_router(metadata_routes(issuer=settings.issuer, public_url=settings.public_url))
        app.include_router(revocation_routes(self._feed))
        app.include_router(ticket_routes(tokens))
        policy, changes = settings.secret_policy(), AccountChanges(database, self._feed)
        app.include_router(service_account_routes(database, self._hasher, policy, changes))
        app.include_router(account_life_routes(AccountLife(changes), Rotation(changes, self._hasher, policy)))
        app.include_router(grant_routes(database, changes))
