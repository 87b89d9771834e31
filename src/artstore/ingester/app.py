"""The composition root of the Ingester: the only module that knows all its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.admission import Admission
from artstore.ingester.batches import endpoints as batches
from artstore.ingester.batches.service import Batches
from artstore.ingester.files import deletion, retention
from artstore.ingester.files.deletion import Deletion
from artstore.ingester.files.locating import Locating
from artstore.ingester.files.retention import Retention
from artstore.ingester.files.versions import Versions
from artstore.ingester.finalize import operations
from artstore.ingester.finalize.finalizing import Finalizing
from artstore.ingester.finalize.transactions import AdminTransactions
from artstore.ingester.idempotency.once import Keys as IdempotencyKeys
from artstore.ingester.resumable import endpoint as resumable
from artstore.ingester.resumable.service import ResumableUploads
from artstore.ingester.settings import IngesterSettings
from artstore.ingester.uploads import endpoint
from artstore.ingester.uploads.body import UploadBody
from artstore.ingester.uploads.form import FormBody
from artstore.ingester.uploads.raw import RawBody
from artstore.ingester.uploads.retried import Retried
from artstore.ingester.uploads.service import Uploads
from artstore.kernel import app as kernel_app
from artstore.kernel.access import (
    JwksClient,
    Principal,
    RevocationFollower,
    RevocationList,
    TokenVerifier,
)
from artstore.kernel.background import Background
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.hot import HotEndpoint
from artstore.kernel.limits import request_limits
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import (
    AdminAudit,
    AdminKeysDependency,
    AdminRegistry,
    BreakerOptions,
    Breakers,
    ElementDirectory,
    KeyFollower,
    RefusalReporter,
    ServiceToken,
    http_session,
)
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.settings import load
from artstore.version import __version__
from artstore.wire.scopes import Scope

_log = get_logger(__name__)


def create_app() -> FastAPI:
    """The application, made from the settings in the environment."""
    return make_app(load(IngesterSettings))


def make_app(settings: IngesterSettings) -> FastAPI:
    """The application. It connects to nothing before it is started, and starts whatever is away."""
    redis = connect(settings.redis_url, client_name="artstore-ingester")
    keys = JwksClient(settings.admin_url)
    directory = ElementDirectory(redis)
    database = Database(
        settings.database_url, application_name="artstore-ingester", pool_size=settings.database_pool_size
    )
    keys_of_uploads = IdempotencyKeys(database, settings.database_url)
    breakers = Breakers(
        BreakerOptions(
            settings.breaker_failures, settings.breaker_open_seconds, settings.breaker_longest_seconds
        )
    )
    revocations = RevocationList()
    following = RevocationFollower(revocations, redis, settings.admin_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        # That of uploads is bounded by their number: who waited for a connection would see a silent element.
        async with http_session() as session, http_session(most_connections=0) as uploading:
            admission = Admission(settings.uploads_at_once, settings.uploads_of_account)
            reporter = transactions = token = None
            if settings.client_id:
                account = (session, settings.admin_url, settings.client_id, settings.client_secret)
                directory.admin = AdminRegistry(*account)
                token = ServiceToken(*account)
                send = AdminAudit(session, settings.admin_url, token).refusals
                transactions = AdminTransactions(session, settings.admin_url, token)
                reporter = RefusalReporter(app.state.refusals, send)
                background.start("refusals", reporter.run)
            locating = Locating(session, directory)
            app.state.deletion, app.state.retention = Deletion(locating), Retention(locating)
            app.state.finalizing = Finalizing(locating, settings, transactions)
            versions, retried = Versions(locating, token), Retried(locating, directory.elements, token)
            app.state.uploads = Uploads(
                uploading,
                directory,
                settings,
                breakers,
                keys_of_uploads,
                admission,
                versions,
                retried,
            )
            app.state.resumable = ResumableUploads(
                uploading, directory, breakers, settings, admission, versions
            )
            app.state.batches = Batches(session, directory, breakers, settings)
            await _prepare(keys_of_uploads)
            background.start("idempotency keys", keys_of_uploads.run)
            background.start("element directory", directory.run)
            background.start("keys", KeyFollower(redis, keys).run)
            await following.learn_first()
            background.start("revocations", following.run)
            await directory.learned_first()
            try:
                yield
            finally:
                await background.stop()
                if reporter is not None:
                    await reporter.close()
                await redis.aclose()
                await database.close()

    app = kernel_app.create_app(
        service="ingester",
        title="ArtStore Ingester",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer, revocations),
        limits=request_limits("ingester", settings),
        dependencies=[
            RedisDependency(redis),
            database.dependency(essential=False),
            AdminKeysDependency(keys),
            directory.dependency(),
            breakers.dependency(directory.elements),
            following,
        ],
        lifespan=lifespan,
        otlp_endpoint=settings.otlp_endpoint,
        instance=settings.public_url,
    )
    _add_uploads(app)
    _add_documents(app)
    resumable.add_routes(app)
    return app


def _add_uploads(app: FastAPI) -> None:
    for path, form, operation in (
        (endpoint.FORM_PATH, FormBody, endpoint.FORM),
        (endpoint.RAW_PATH, RawBody, endpoint.RAW),
    ):
        kernel_app.hot_route(
            app, path, _upload(form), methods=["POST"], scope=Scope.FILES_WRITE, operation=operation
        )


async def _prepare(keys: IdempotencyKeys) -> None:
    try:
        await keys.prepare()
    except DatabaseDown as error:
        _log.warning("started without idempotency keys", reason=error.reason)


def _add_documents(app: FastAPI) -> None:
    """What is done to documents, or to many of them; the parts are made when the application starts."""

    async def delete(request: Request, principal: Principal) -> Response:
        part: Deletion = request.app.state.deletion
        return await part.endpoint(request, principal)

    async def extend(request: Request, principal: Principal) -> Response:
        part: Retention = request.app.state.retention
        return await part.extend(request, principal)

    async def hold(request: Request, principal: Principal) -> Response:
        part: Retention = request.app.state.retention
        return await part.hold(request, principal)

    async def release(request: Request, principal: Principal) -> Response:
        part: Retention = request.app.state.retention
        return await part.release(request, principal)

    async def begin(request: Request, principal: Principal) -> Response:
        finalizing: Finalizing = request.app.state.finalizing
        return await finalizing.begin(request, principal)

    async def status(request: Request, principal: Principal) -> Response:
        finalizing: Finalizing = request.app.state.finalizing
        return await finalizing.status(request, principal)

    routes: list[tuple[str, HotEndpoint, str, Scope, dict[str, Any]]] = [
        (deletion.PATH, delete, "DELETE", Scope.FILES_DELETE, deletion.OPERATION),
        (retention.RETENTION_PATH, extend, "PUT", Scope.FILES_WRITE, retention.EXTEND),
        (retention.HOLD_PATH, hold, "PUT", Scope.FILES_HOLD, retention.HOLD),
        (retention.HOLD_PATH, release, "DELETE", Scope.FILES_HOLD, retention.RELEASE),
        (operations.BEGIN_PATH, begin, "POST", Scope.FILES_WRITE, operations.BEGIN),
        (operations.STATUS_PATH, status, "GET", Scope.FILES_READ, operations.STATUS),
    ]
    for path, endpoint_, method, scope, operation in routes:
        kernel_app.hot_route(
            app,
            path,
            endpoint_,
            methods=[method],
            scope=scope,
            operation=operation,
            max_body_bytes=retention.MAX_BODY_BYTES,
        )
    app.include_router(batches.router)


def _upload(form: type[UploadBody]) -> HotEndpoint:
    async def take(request: Request, principal: Principal) -> Response:
        uploads: Uploads = request.app.state.uploads
        return await uploads.take(request, principal, form)

    return take
