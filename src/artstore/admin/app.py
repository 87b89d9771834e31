"""The composition root of Admin: the only module that knows all its parts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI, Request

from artstore.admin import audit
from artstore.admin.administrators.browser import RefreshCookie
from artstore.admin.administrators.first import ensure_first, show_once
from artstore.admin.administrators.housekeeping import keep_house
from artstore.admin.administrators.login_endpoints import login_routes
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.own_endpoints import own_routes
from artstore.admin.administrators.passwords import PasswordHasher
from artstore.admin.administrators.sealing import Seal
from artstore.admin.administrators.user_endpoints import user_routes
from artstore.admin.administrators.user_session_endpoints import user_session_routes
from artstore.admin.auth.endpoint import TOKEN_OPERATION, TOKEN_PATH, TokenEndpoint
from artstore.admin.auth.server_metadata import metadata_routes
from artstore.admin.auth.tokens import TokenIssuer
from artstore.admin.keys.endpoints import key_routes
from artstore.admin.keys.ring import KeyRing
from artstore.admin.metadata import SCHEMA
from artstore.admin.migrations import MIGRATIONS, VERSION_TABLE
from artstore.admin.repository import hold_start_lock
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.configured import ensure_account
from artstore.admin.service_accounts.endpoints import service_account_routes
from artstore.admin.settings import AdminSettings
from artstore.admin.storage_elements.endpoints import storage_element_routes
from artstore.admin.storage_elements.registry import Registry
from artstore.kernel import app as kernel_app
from artstore.kernel.access import TokenVerifier
from artstore.kernel.background import Background
from artstore.kernel.client_address import client_address, networks
from artstore.kernel.database import Database, migrate
from artstore.kernel.peers import ElementDirectory
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.settings import load
from artstore.version import __version__

_MOST_USER_AGENT: Final = 200


def create_app() -> FastAPI:
    """The application, made from the settings in the environment."""
    settings = load(AdminSettings)
    database = Database(
        settings.database_url, application_name="artstore-admin", pool_size=settings.database_pool_size
    )
    redis = connect(settings.redis_url, client_name="artstore-admin")
    hasher = SecretHasher()
    passphrase = settings.key_passphrase.get_secret_value()
    keys = KeyRing(database, passphrase)
    means = Means(database, PasswordHasher(), Seal(passphrase), settings.rules())
    directory = ElementDirectory(redis)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        try:
            await _prepare(settings, database, keys, hasher, means)
            background.start("keys", keys.keep_fresh)
            background.start("element directory", directory.run)
            background.start("element registry", Registry(database, directory).follow)
            background.start("sessions and attempts that are over", partial(keep_house, database))
            yield
        finally:
            await background.stop()
            hasher.close()
            means.hasher.close()
            await redis.aclose()
            await database.close()

    app = kernel_app.create_app(
        service="admin",
        title="ArtStore Admin",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer),
        dependencies=[database.dependency(), RedisDependency(redis)],
        lifespan=lifespan,
    )
    tokens = TokenIssuer(keys, issuer=settings.issuer, lifetime_seconds=settings.token_seconds)
    kernel_app.hot_route(
        app,
        TOKEN_PATH,
        TokenEndpoint(database, hasher, tokens),
        methods=["POST"],
        scope=None,
        operation=TOKEN_OPERATION,
    )
    app.include_router(metadata_routes(issuer=settings.issuer, public_url=settings.public_url))
    app.include_router(key_routes(keys))
    app.include_router(service_account_routes(database, hasher))
    app.include_router(storage_element_routes(database))
    caller_of = _caller_of(settings)
    app.include_router(login_routes(means, tokens, RefreshCookie(settings.public_url), caller_of))
    app.include_router(own_routes(means, caller_of))
    app.include_router(user_routes(means, caller_of))
    app.include_router(user_session_routes(means, caller_of))
    return app


def _caller_of(settings: AdminSettings) -> Callable[[Request], Caller]:
    trusted = networks(settings.trusted_proxies)

    def caller_of(request: Request) -> Caller:
        agent = request.headers.get("user-agent", "")[:_MOST_USER_AGENT]
        # NUL and halves of surrogate pairs cannot come: headers are Latin-1, and NUL is none of theirs.
        return Caller(client_address(request.scope, trusted), agent)

    return caller_of


async def _prepare(
    settings: AdminSettings, database: Database, keys: KeyRing, hasher: SecretHasher, means: Means
) -> None:
    """Make what must be there before the first request: tables, a key pair, accounts, an administrator.

    One transaction under a lock: of several processes that start together, one makes it and all agree on it.
    """
    await migrate(settings.database_url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
    async with database.write() as connection:
        await hold_start_lock(connection)
        made = await keys.ensure_pair(connection)
        for configured in settings.configured_accounts():
            made += await ensure_account(connection, configured, hasher)
        first = settings.first_administrator()
        generated = await ensure_first(connection, means, first)
        if made:
            await audit.append_all(connection, made)
    if generated is not None:
        show_once(first.username, generated)
    await keys.refresh()
