"""Makes the web application of a service: what all services answer, and what happens around their answers."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from artstore.kernel import metrics, openapi, problems
from artstore.kernel.access.requirements import undeclared_routes
from artstore.kernel.access.tokens import TokenVerifier
from artstore.kernel.dependencies import Dependency, DependencyDown
from artstore.kernel.health import Health
from artstore.kernel.hot import HotPath, hot_route
from artstore.kernel.limits import RequestLimits
from artstore.kernel.logging import get_logger, tell_cannot_start
from artstore.kernel.middleware import RequestMiddleware, RouteNames
from artstore.kernel.refusals import Refusals

__all__ = ["Dependency", "DependencyDown", "create_app", "hot_route"]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_log = get_logger(__name__)


def create_app(
    *,
    service: str,
    title: str,
    version: str,
    verifier: TokenVerifier | None,
    limits: RequestLimits | None = None,
    dependencies: Sequence[Dependency] = (),
    lifespan: Lifespan | None = None,
    otlp_endpoint: str = "",
    instance: str = "",
) -> FastAPI:
    """An application with health, metrics, description, problems, request ids and access checks.

    ``lifespan(app)`` is entered before the first request and left after the last one. The application refuses
    to start while a route says nothing about access: see ``access.undeclared_routes``.
    ``verifier`` is None only where no route needs a principal; without ``limits`` nobody is limited, and no
    proxy trusted. What the application refuses is counted in ``app.state.refusals``, from where the service
    has it reported (``peers.RefusalReporter``).
    Where ``otlp_endpoint`` is given, spans are sent there; ``instance`` tells services of one kind apart.
    """
    app = _ServiceApp(
        title=title,
        version=version,
        lifespan=_traced(
            _guarded(service, lifespan, verifier, limits), otlp_endpoint, service, version, instance
        ),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.verifier = verifier
    app.state.limits = limits
    app.state.trusted_proxies = limits.trusted if limits is not None else ()
    app.state.hot_operations = []
    problems.install(app)
    app.state.refusals = refusals = Refusals(service)
    app.state.around = partial(RequestMiddleware, service=service, routes=RouteNames(app), refusals=refusals)
    app.add_middleware(app.state.around)
    metrics.describe_build(service, version)
    health = Health([*dependencies, *([limits.limiter.dependency] if limits is not None else [])])
    hot_routes = {
        "/health/live": (health.live, "application/json", "Whether the process runs"),
        "/health/ready": (
            health.ready,
            "application/json",
            "Whether the service can do its work, and the state of what it needs",
        ),
        "/metrics": (metrics.scrape, "text/plain", "Metrics in the Prometheus text format"),
        "/openapi.json": (openapi.description, "application/json", "This description"),
        "/docs": (openapi.documentation, "text/html", "This description as a page"),
    }
    for path, (endpoint, content_type, summary) in hot_routes.items():
        answers = {"200": {"description": summary, "content": {content_type: {}}}}
        if endpoint == health.ready:
            answers["503"] = answers["200"] | {"description": "It cannot: what it needs is away"}
        operation = {"summary": summary, "tags": ["service"], "responses": answers}
        hot_route(app, path, endpoint, methods=["GET"], scope=None, operation=operation, max_body_bytes=0)
    return app


class _ServiceApp(openapi.DescribedApp):
    """FastAPI, with the hot routes taken before its middleware."""

    def build_middleware_stack(self) -> ASGIApp:
        return HotPath(self, super().build_middleware_stack(), self.state.around)


def _guarded(
    service: str, lifespan: Lifespan | None, verifier: TokenVerifier | None, limits: RequestLimits | None
) -> Lifespan:
    """The service's lifespan; a failure to start is one line on stderr, and a traceback in the log."""

    @asynccontextmanager
    async def guarded(app: FastAPI) -> AsyncIterator[None]:
        started = False
        try:
            undeclared = undeclared_routes(app)
            if undeclared:
                raise RuntimeError(f"routes without a declared scope: {', '.join(undeclared)}")
            async with (lifespan or _nothing)(app):
                started = True
                _log.info("started")
                yield
                _log.info("stopping")
        except Exception as error:
            _log.exception("the service cannot start" if not started else "the service did not stop cleanly")
            if not started:
                tell_cannot_start(service, error)
            raise
        finally:
            if limits is not None:
                await limits.limiter.close()
            if verifier is not None:
                await verifier.close()

    return guarded


def _traced(inner: Lifespan, endpoint: str, service: str, version: str, instance: str) -> Lifespan:
    """The lifespan within which spans are sent, if that is wanted: from before anything is opened."""
    if not endpoint:
        return inner

    @asynccontextmanager
    async def traced(app: FastAPI) -> AsyncIterator[None]:
        # Loaded only here: it costs time and memory.
        from artstore.kernel.tracing import exporting

        exporter = exporting.start(endpoint, service=service, version=version, instance=instance)
        try:
            async with inner(app):
                yield
        finally:
            await exporter.close()

    return traced


@asynccontextmanager
async def _nothing(app: FastAPI) -> AsyncIterator[None]:
    yield
