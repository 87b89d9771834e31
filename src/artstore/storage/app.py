"""The composition root of the Storage Element service: the only module that knows all its parts."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.engine import failpoints
from artstore.engine.blobs import Blobs
from artstore.kernel.access import (
    JwksClient,
    RevocationFollower,
    RevocationList,
    TicketVerifier,
    TokenVerifier,
)
from artstore.kernel.app import create_app as create_service
from artstore.kernel.app import hot_route
from artstore.kernel.background import Background
from artstore.kernel.database import Database
from artstore.kernel.limits import request_limits
from artstore.kernel.peers import AdminAudit, KeyFollower, RefusalReporter, ServiceToken, http_session
from artstore.kernel.problems import problem_response
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.refusals import Refusals
from artstore.kernel.settings import load
from artstore.storage.batches.endpoints import batch_router
from artstore.storage.element.endpoints import element_router
from artstore.storage.element.mode_change import mode_router
from artstore.storage.element.thresholds import Thresholds
from artstore.storage.files import operations
from artstore.storage.files.changes import MAX_PATCH_BYTES, Changes
from artstore.storage.files.document import Documents
from artstore.storage.files.download import Downloads
from artstore.storage.files.listing import Listing, listing_router
from artstore.storage.files.ticketed import TicketedDownloads
from artstore.storage.files.upload import Uploads
from artstore.storage.health import (
    CapacityDependency,
    FollowerDependency,
    IntegrityDependency,
    LogDependency,
    StoreDependency,
)
from artstore.storage.index.endpoints import index_router
from artstore.storage.refusals import REFUSED_CLASSES, refusal_of
from artstore.storage.resumable import operations as resumable
from artstore.storage.resumable.endpoints import PATH as UPLOADS_PATH
from artstore.storage.resumable.endpoints import ResumableEndpoints
from artstore.storage.retention.endpoints import retention_router
from artstore.storage.retention.expiry import Expiry, ExpiryDependency
from artstore.storage.running import RunningElement
from artstore.storage.scrub.endpoints import scrub_router
from artstore.storage.settings import StorageSettings
from artstore.storage.transfers.arriving import Arrivals
from artstore.storage.transfers.endpoints import transfer_router
from artstore.version import __version__
from artstore.wire.scopes import Scope
from artstore.wire.tickets import TICKET_PATH

SERVICE = "storage"


def create_app() -> FastAPI:
    """The application, with its settings and failpoints from the environment."""
    failpoints.arm(os.environ.get(failpoints.ENVIRONMENT, ""))
    return compose(load(StorageSettings))


def compose(settings: StorageSettings) -> FastAPI:
    """The application of one element. Opens nothing before it is started."""
    name = f"artstore-storage-{settings.element_id}"
    database = Database(settings.database_url, application_name=name, pool_size=5)
    redis = connect(settings.redis_url, client_name=name)
    make_blobs = _object_store(settings)
    element = RunningElement(settings, database, redis, make_blobs)
    keys = JwksClient(settings.admin_url)
    store = StoreDependency(lambda: element.engine, lambda: element.is_open)
    revocations = RevocationList()
    following = RevocationFollower(revocations, redis, settings.admin_url)
    ttl_days = settings.temporary_days
    uploads = Uploads(
        element,
        max_file_bytes=settings.max_file_bytes,
        idle_seconds=settings.idle_seconds,
        ttl_days=ttl_days,
    )
    arrivals = Arrivals(element)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        background.start("keys", KeyFollower(redis, keys).run)
        try:
            await following.learn_first()
            background.start("revocations", following.run)
            await element.start()
            try:
                async with http_session() as session, _reporting(settings, app.state.refusals) as audit:
                    app.state.session = session
                    app.state.report_hold = audit.hold if audit is not None else None
                    report = audit.expiries if audit is not None else None
                    app.state.expiry = Expiry(
                        lambda: element.engine, element.index.expired, report, every=settings.expiry_seconds
                    )
                    expiring = Background()
                    expiring.start("expiry", app.state.expiry.run)
                    try:
                        yield
                    finally:
                        await expiring.stop()
                        await arrivals.close()
            finally:
                await uploads.close()
                await element.stop()
        finally:
            await background.stop()
            await redis.aclose()
            await database.close()

    app = create_service(
        service=SERVICE,
        title=f"ArtStore Storage Element {settings.element_id}",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer, revocations),
        limits=request_limits(SERVICE, settings),
        dependencies=[
            *([store] if make_blobs is not None else []),
            LogDependency(lambda: element.engine),
            CapacityDependency(lambda: element.engine, settings.thresholds),
            database.dependency(essential=False),
            RedisDependency(redis),
            FollowerDependency("index", lambda: element.index_follower),
            FollowerDependency("events", lambda: element.events_follower),
            IntegrityDependency(lambda: element.alarm),
            ExpiryDependency(lambda: getattr(app.state, "expiry", None)),
            following,
        ],
        lifespan=lifespan,
        otlp_endpoint=settings.otlp_endpoint,
        instance=settings.element_id,
    )
    for refused in REFUSED_CLASSES:
        app.add_exception_handler(refused, _on_refused)
    tickets = TicketVerifier(keys, settings.issuer, revocations)
    _add_routes(app, element, uploads, settings.thresholds, tickets)
    app.include_router(retention_router(element, lambda: app.state.report_hold))
    app.include_router(transfer_router(element, arrivals, uploads.are_under_way, lambda: app.state.session))
    _add_resumable(app, ResumableEndpoints(element, idle_seconds=settings.idle_seconds, ttl_days=ttl_days))
    return app


@asynccontextmanager
async def _reporting(settings: StorageSettings, refusals: Refusals) -> AsyncIterator[AdminAudit | None]:
    """While the block runs, Admin is told what the element refuses, if there is an account to do so, and can
    be told more.
    """
    if not settings.client_id:
        yield None
        return
    background = Background()
    async with http_session() as session:
        token = ServiceToken(session, settings.admin_url, settings.client_id, settings.client_secret)
        audit = AdminAudit(session, settings.admin_url, token)
        reporter = RefusalReporter(refusals, audit.refusals)
        background.start("refusals", reporter.run)
        try:
            yield audit
        finally:
            await background.stop()
            await reporter.close()


def _object_store(settings: StorageSettings) -> Callable[[], Blobs] | None:
    """Makes the storage of documents that do not lie in the root."""
    options = settings.s3_options()
    if options is None:
        return None
    from artstore.engine.blobs.s3 import S3Blobs

    return lambda: S3Blobs(options)


def _add_routes(
    app: FastAPI,
    element: RunningElement,
    uploads: Uploads,
    thresholds: Thresholds,
    tickets: TicketVerifier,
) -> None:
    documents, downloads, changes = Documents(element), Downloads(element), Changes(element)
    read, write, delete = Scope.FILES_READ, Scope.FILES_WRITE, Scope.FILES_DELETE
    hot: list[tuple[str, Any, list[str], Scope, dict[str, Any]]] = [
        ("/api/v1/files/upload", uploads.endpoint, ["POST"], write, operations.UPLOAD),
        ("/api/v1/files/{file_id}", documents.endpoint, ["GET"], read, operations.DOCUMENT),
        ("/api/v1/files/{file_id}", changes.delete, ["DELETE"], delete, operations.DELETE),
        ("/api/v1/files/{file_id}/metadata", documents.endpoint, ["GET"], read, operations.DOCUMENT),
        ("/api/v1/files/{file_id}/download", downloads.endpoint, ["GET", "HEAD"], read, operations.DOWNLOAD),
    ]
    for path, endpoint, methods, scope, operation in hot:
        hot_route(app, path, endpoint, methods=methods, scope=scope, operation=operation)
    hot_route(
        app,
        "/api/v1/files/{file_id}/metadata",
        changes.update,
        methods=["PATCH"],
        scope=write,
        operation=operations.UPDATE,
        max_body_bytes=MAX_PATCH_BYTES,
    )
    hot_route(
        app,
        TICKET_PATH,
        TicketedDownloads(downloads, tickets).endpoint,
        methods=["GET", "HEAD"],
        scope=None,  # the ticket itself is the right to it
        operation=operations.TICKETED_DOWNLOAD,
        max_body_bytes=0,
    )
    app.include_router(listing_router(Listing(element)))
    app.include_router(element_router(element, thresholds))
    app.include_router(mode_router(element))
    app.include_router(batch_router(element))
    app.include_router(index_router(element))
    app.include_router(scrub_router(element))


def _add_resumable(app: FastAPI, uploads: ResumableEndpoints) -> None:
    one = f"{UPLOADS_PATH}/{{upload_id}}"
    routes: list[tuple[str, Any, str, dict[str, Any], int | None]] = [
        (UPLOADS_PATH, uploads.create, "POST", resumable.CREATE, None),
        (one, uploads.append, "PATCH", resumable.APPEND, None),
        (one, uploads.head, "HEAD", resumable.HEAD, 0),
        (one, uploads.status, "GET", resumable.STATUS, 0),
        (one, uploads.end, "DELETE", resumable.END, 0),
    ]
    for path, endpoint, method, operation, most in routes:
        hot_route(
            app,
            path,
            endpoint,
            methods=[method],
            scope=Scope.FILES_WRITE,
            operation=operation,
            max_body_bytes=most,
        )


async def _on_refused(request: Request, error: Exception) -> Response:
    return problem_response(refusal_of(error))
