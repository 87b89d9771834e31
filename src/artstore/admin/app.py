"""The composition root of Admin: the only module that knows all its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from fastapi import FastAPI

from artstore.admin import audit
from artstore.admin.audit import log_key, metrics, protection
from artstore.admin.audit import refusals as audit_refusals
from artstore.admin.audit.endpoints import audit_routes
from artstore.admin.audit.sealing import Sealer
from artstore.admin.auth.clients import ClientAuthentication
from artstore.admin.auth.endpoint import TOKEN_OPERATION, TOKEN_PATH, TokenEndpoint
from artstore.admin.auth.server_metadata import audiences, metadata_routes
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
from artstore.admin.keys.endpoints import key_routes
from artstore.admin.keys.ring import KeyRing
from artstore.admin.preparing import prepare_tables
from artstore.admin.repository import hold_start_lock
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
from artstore.admin.storage_elements.endpoints import storage_element_routes
from artstore.admin.storage_elements.registry import Registry
from artstore.kernel import app as kernel_app
from artstore.kernel.access import TokenVerifier
from artstore.kernel.background import Background
from artstore.kernel.database import Database
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory, RefusalReporter
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.settings import load
from artstore.version import __version__

_log = get_logger(__name__)


def create_app() -> FastAPI:
    """The application, made from the settings in the environment."""
    settings = load(AdminSettings)
    database = Database(
        settings.database_url, application_name="artstore-admin", pool_size=settings.database_pool_size
    )
    redis = connect(settings.redis_url, client_name="artstore-admin")
    hasher = SecretHasher()
    keys = KeyRing(database, settings.key_passphrase.get_secret_value())
    directory = ElementDirectory(redis)
    feed = RevocationFeed(database)
    last_use = LastUse(database)
    clients = ClientAuthentication(
        database,
        hasher,
        last_use,
        audiences(issuer=settings.issuer, public_url=settings.public_url),
    )
    expiry = ExpiryWatch(database, redis, timedelta(days=settings.secret_warning_days))
    sealer = Sealer(database, every_seconds=settings.audit_seal_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        reporter = RefusalReporter(app.state.refusals, partial(audit_refusals.record, database))
        try:
            await _prepare(settings, database, keys, hasher, sealer)
            await feed.refresh()
            background.start("keys", keys.keep_fresh)
            background.start("revocations", feed.follow)
            background.start("revocations in Redis", RevocationPublisher(feed, redis).run)
            background.start("last use", last_use.write_from_time_to_time)
            background.start("expiring secrets", expiry.run)
            background.start("used assertions", clients.tidy_from_time_to_time)
            background.start("element directory", directory.run)
            background.start("element registry", Registry(database, directory).follow)
            background.start("audit seal", sealer.run)
            background.start("refusals", reporter.run)
            yield
        finally:
            await background.stop()
            await last_use.write()
            await reporter.close()
            hasher.close()
            await redis.aclose()
            await database.close()

    app = kernel_app.create_app(
        service="admin",
        title="ArtStore Admin",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer, feed.revocations),
        dependencies=[database.dependency(), RedisDependency(redis), sealer],
        lifespan=lifespan,
    )
    _add_auth_routes(app, settings, database, keys, clients, feed)
    app.include_router(metadata_routes(issuer=settings.issuer, public_url=settings.public_url))
    app.include_router(key_routes(keys))
    app.include_router(revocation_routes(feed))
    policy, changes = settings.secret_policy(), AccountChanges(database, feed)
    app.include_router(service_account_routes(database, hasher, policy, changes))
    app.include_router(account_life_routes(AccountLife(changes), Rotation(changes, hasher, policy)))
    app.include_router(grant_routes(database, changes))
    app.include_router(storage_element_routes(database))
    app.include_router(audit_routes(database))
    return app


def _add_auth_routes(
    app: FastAPI,
    settings: AdminSettings,
    database: Database,
    keys: KeyRing,
    clients: ClientAuthentication,
    feed: RevocationFeed,
) -> None:
    tokens = TokenIssuer(keys, issuer=settings.issuer, lifetime_seconds=settings.token_seconds)
    truth = TokenTruth(database, keys, settings.issuer)
    for path, endpoint, operation in (
        (TOKEN_PATH, TokenEndpoint(database, clients, tokens), TOKEN_OPERATION),
        (REVOKE_PATH, RevokeEndpoint(database, clients, truth, feed), REVOKE_OPERATION),
        (INTROSPECT_PATH, IntrospectEndpoint(clients, truth), INTROSPECT_OPERATION),
    ):
        # Open to everybody, for the client authenticates itself in the request.
        kernel_app.hot_route(app, path, endpoint, methods=["POST"], scope=None, operation=operation)


async def _prepare(
    settings: AdminSettings, database: Database, keys: KeyRing, hasher: SecretHasher, sealer: Sealer
) -> None:
    """Make what must be there before the first request: tables, keys, the configured accounts.

    One transaction under a lock: of several processes that start together, one makes it and all agree on it.
    """
    await prepare_tables(settings.database_url, settings.migration_database_url)
    passphrase = settings.key_passphrase.get_secret_value()
    async with database.write() as connection:
        await hold_start_lock(connection)
        made = await keys.ensure_pair(connection)
        made += await log_key.ensure_log_key(connection, passphrase, log_key.origin_of(settings.issuer))
        accounts = ConfiguredAccounts(
            hasher, settings.secret_policy(), secret_file=settings.initial_secret_file
        )
        for configured in settings.configured_accounts():
            made += await accounts.ensure(connection, configured)
        if made:
            await audit.append_all(connection, made)
        sealer.key = await log_key.open_log_key(connection, passphrase)
        protected = await protection.is_protected(connection)
    metrics.PROTECTED.set(protected)
    if not protected:
        _log.warning("the database role of the service could change the audit trail; see docs/operating.md")
    _log.info("checkpoints of the audit trail are signed", verifier_key=str(sealer.key.verifier))
    await keys.refresh()
