"""The composition root of Admin: the only module that knows all its parts."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI, Request

from artstore.admin import audit
from artstore.admin.accounts import Accounts
from artstore.admin.administrators.browser import RefreshCookie
from artstore.admin.administrators.first import ensure_first, show_once
from artstore.admin.administrators.housekeeping import keep_house
from artstore.admin.administrators.login_endpoints import login_routes
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.own_endpoints import own_routes
from artstore.admin.administrators.passwords import PasswordHasher
from artstore.admin.administrators.resealing import seal_anew
from artstore.admin.administrators.sealing import Seal
from artstore.admin.administrators.user_endpoints import user_routes
from artstore.admin.administrators.user_session_endpoints import user_session_routes
from artstore.admin.audit import log_key, metrics, protection
from artstore.admin.audit import refusals as audit_refusals
from artstore.admin.audit.endpoints import audit_routes
from artstore.admin.audit.sealing import Sealer
from artstore.admin.auth.tokens import TokenIssuer
from artstore.admin.keys.announcing import KeyAnnouncer
from artstore.admin.keys.endpoints import key_routes, key_set_routes
from artstore.admin.keys.ring import KeyRing
from artstore.admin.keys.rotation import KeyRotation
from artstore.admin.preparing import prepare_tables
from artstore.admin.repository import hold_start_lock
from artstore.admin.service_accounts.repository import account_by_name
from artstore.admin.settings import SERVICES_ACCOUNT_NAME, AdminSettings
from artstore.admin.storage_elements.decisions import Decisions
from artstore.admin.storage_elements.discovery import TOKEN_SECONDS, Discovery
from artstore.admin.storage_elements.endpoints import storage_element_routes
from artstore.admin.storage_elements.publishing import RegistryPublisher
from artstore.admin.storage_elements.registry import Registry
from artstore.admin.transactions.elements import TOKEN_SECONDS as TRANSFER_TOKEN_SECONDS
from artstore.admin.transactions.endpoints import transaction_routes
from artstore.admin.transactions.transactions import Transactions
from artstore.kernel import app as kernel_app
from artstore.kernel.access import TokenVerifier
from artstore.kernel.background import Background
from artstore.kernel.client_address import client_address, networks
from artstore.kernel.database import Database
from artstore.kernel.limits import request_limits
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import ElementDirectory, RefusalReporter
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.settings import load
from artstore.version import __version__
from artstore.wire.scopes import Scope

_log = get_logger(__name__)

_MOST_USER_AGENT: Final = 200


def create_app() -> FastAPI:
    """The application, made from the settings in the environment."""
    settings = load(AdminSettings)
    database = Database(
        settings.database_url, application_name="artstore-admin", pool_size=settings.database_pool_size
    )
    redis = connect(settings.redis_url, client_name="artstore-admin")
    passphrase = settings.key_passphrase.get_secret_value()
    keys = KeyRing(database, passphrase)
    rotation = KeyRotation(database, keys, passphrase, settings.key_times())
    means = Means(database, PasswordHasher(), Seal(passphrase), settings.rules())
    directory = ElementDirectory(redis)
    limits = request_limits("admin", settings)
    accounts = Accounts(settings, database, redis, keys, limits.limiter)
    thresholds = settings.element_thresholds()
    publisher = RegistryPublisher(database, redis, thresholds)
    discovery = Discovery(partial(_token_for_an_element, database, keys, settings.issuer))
    decisions = Decisions(database, discovery, publisher.changed.set)
    transactions = Transactions(
        settings, database, directory, partial(_token_for_transfers, database, keys, settings.issuer)
    )
    sealer = Sealer(database, every_seconds=settings.audit_seal_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        reporter = RefusalReporter(app.state.refusals, partial(audit_refusals.record, database))
        try:
            await _prepare(settings, database, rotation, accounts, sealer, means)
            await keys.refresh()
            background.start("keys", rotation.run)
            background.start("key announcements", KeyAnnouncer(keys, redis).run)
            await accounts.start(background)
            background.start("element directory", directory.run)
            background.start("element registry", Registry(database, directory).follow)
            background.start("registry publication", publisher.run)
            background.start("audit seal", sealer.run)
            background.start("transactions", transactions.run)
            background.start("refusals", reporter.run)
            background.start("sessions and attempts that are over", partial(keep_house, database))
            yield
        finally:
            await background.stop()
            await accounts.close()
            await reporter.close()
            means.hasher.close()
            await redis.aclose()
            await database.close()

    app = kernel_app.create_app(
        service="admin",
        title="ArtStore Admin",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer, accounts.revocations),
        limits=limits,
        dependencies=[database.dependency(), RedisDependency(redis), sealer],
        lifespan=lifespan,
        otlp_endpoint=settings.otlp_endpoint,
        instance=settings.public_url,
    )
    accounts.add_routes(app)
    app.include_router(key_set_routes(keys))
    app.include_router(key_routes(database, rotation))
    app.include_router(storage_element_routes(database, decisions, thresholds))
    app.include_router(audit_routes(database))
    app.include_router(transaction_routes(database, transactions.decisions, transactions.transfers))
    _add_people_routes(app, settings, means, keys)
    return app


def _add_people_routes(app: FastAPI, settings: AdminSettings, means: Means, keys: KeyRing) -> None:
    tokens = TokenIssuer(keys, issuer=settings.issuer, lifetime_seconds=settings.token_seconds)
    caller_of = _caller_of(settings)
    app.include_router(login_routes(means, tokens, RefreshCookie(settings.public_url), caller_of))
    app.include_router(own_routes(means, caller_of))
    app.include_router(user_routes(means, caller_of))
    app.include_router(user_session_routes(means, caller_of))


def _caller_of(settings: AdminSettings) -> Callable[[Request], Caller]:
    trusted = networks(settings.trusted_proxies)

    def caller_of(request: Request) -> Caller:
        agent = request.headers.get("user-agent", "")[:_MOST_USER_AGENT]
        # NUL and halves of surrogate pairs cannot come: headers are Latin-1, and NUL is none of theirs.
        return Caller(client_address(request.scope, trusted), agent)

    return caller_of


async def _prepare(
    settings: AdminSettings,
    database: Database,
    rotation: KeyRotation,
    accounts: Accounts,
    sealer: Sealer,
    means: Means,
) -> None:
    """Make what must be there before the first request: tables, keys, accounts, an administrator.

    One transaction under a lock: of several processes that start together, one makes it and all agree on it.
    """
    await prepare_tables(settings.database_url, settings.migration_database_url)
    passphrase = settings.key_passphrase.get_secret_value()
    async with database.write() as connection:
        await hold_start_lock(connection)
        made = await rotation.prepare(connection, settings.passphrase_before)
        if settings.passphrase_before is not None:
            await log_key.encrypt_anew(connection, before=settings.passphrase_before, passphrase=passphrase)
            await seal_anew(connection, before=Seal(settings.passphrase_before), now=means.seal)
        made += await log_key.ensure_log_key(connection, passphrase, log_key.origin_of(settings.issuer))
        made += await accounts.prepare(connection)
        first = settings.first_administrator()
        generated = await ensure_first(connection, means, first, terminal=sys.stderr.isatty())
        if made:
            await audit.append_all(connection, made)
        sealer.key = await log_key.open_log_key(connection, passphrase)
        protected = await protection.is_protected(connection)
    if generated is not None:
        show_once(first.username, generated)
    metrics.PROTECTED.set(protected)
    if not protected:
        _log.warning("the database role of the service could change the audit trail; see docs/operating.md")
    _log.info("checkpoints of the audit trail are signed", verifier_key=str(sealer.key.verifier))


async def _token_for_an_element(database: Database, keys: KeyRing, issuer: str) -> str:
    """With it Admin asks an element what it is."""
    return await _own_token(database, keys, issuer, TOKEN_SECONDS, [Scope.ELEMENTS_READ])


async def _token_for_transfers(database: Database, keys: KeyRing, issuer: str) -> str:
    """With it Admin has elements move documents; the target reads them at the source with the same one."""
    scopes = [Scope.TRANSFERS_WRITE, Scope.FILES_READ, Scope.FILES_ALL]
    return await _own_token(database, keys, issuer, TRANSFER_TOKEN_SECONDS, scopes)


async def _own_token(
    database: Database, keys: KeyRing, issuer: str, seconds: int, scopes: list[Scope]
) -> str:
    """A token of the account of the services, with few rights."""
    async with database.read() as connection:
        services = await account_by_name(connection, SERVICES_ACCOUNT_NAME)
    assert services is not None, "the start makes the account"
    tokens = TokenIssuer(keys, issuer=issuer, lifetime_seconds=seconds)
    return tokens.issue(services, scopes, []).access_token
