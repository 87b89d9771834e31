"""The composition root of Query: settings in, application out. What it is made of stands in ``running``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from artstore.kernel import app as kernel_app
from artstore.kernel.access import JwksClient, TokenVerifier
from artstore.kernel.app import hot_route
from artstore.kernel.limits import request_limits
from artstore.kernel.settings import load
from artstore.query.archives.endpoints import archive_routes
from artstore.query.files.endpoints import (
    DOCUMENT_OPERATION,
    DOCUMENT_PATH,
    DOWNLOAD_OPERATION,
    DOWNLOAD_PATH,
)
from artstore.query.files.versions import versions_routes
from artstore.query.links.endpoints import USE_OPERATION, USE_PATH, link_routes
from artstore.query.rebuild.endpoints import catalog_routes
from artstore.query.running import RunningQuery
from artstore.query.search.endpoints import search_routes
from artstore.query.settings import QuerySettings
from artstore.query.suggest.endpoints import suggest_routes
from artstore.version import __version__
from artstore.wire.scopes import Scope


def create_app() -> FastAPI:
    """The application, with its settings from the environment."""
    return compose(load(QuerySettings))


def compose(settings: QuerySettings) -> FastAPI:
    """The application of Query. Opens nothing before it is started."""
    keys = JwksClient(settings.admin_url)
    query = RunningQuery(settings, keys)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await query.start(app.state.refusals)
            yield
        finally:
            await query.stop()

    app = kernel_app.create_app(
        service="query",
        title="ArtStore Query",
        version=__version__,
        verifier=TokenVerifier(keys, settings.issuer, query.revocations),
        limits=request_limits("query", settings),
        dependencies=query.dependencies(),
        lifespan=lifespan,
        otlp_endpoint=settings.otlp_endpoint,
        instance=settings.public_url,
    )
    app.include_router(search_routes(query.search, query.forgiving))
    app.include_router(suggest_routes(query.suggester))
    app.include_router(versions_routes(query.versions))
    app.include_router(archive_routes(query.archives))
    app.include_router(link_routes(query.links, query.locator))
    app.include_router(catalog_routes(query.catalog_state, query.rebuilder))
    for path, endpoint, methods, operation in (
        (DOCUMENT_PATH, query.document, ["GET"], DOCUMENT_OPERATION),
        (DOWNLOAD_PATH, query.download, ["GET", "HEAD"], DOWNLOAD_OPERATION),
    ):
        hot_route(
            app,
            path,
            endpoint,
            methods=methods,
            scope=Scope.FILES_READ,
            operation=operation,
            max_body_bytes=0,
        )
    hot_route(
        app,
        USE_PATH,
        query.linked_download,
        methods=["GET", "HEAD"],
        scope=None,  # the link itself is the right to it
        operation=USE_OPERATION,
        max_body_bytes=0,
    )
    return app
