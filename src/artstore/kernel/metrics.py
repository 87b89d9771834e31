"""Metrics of a process in the Prometheus text format, and the names that all services share.

A service adds its own with ``prometheus_client`` under the prefix ``artstore_``. Labels are few and bounded:
route templates, never paths; kinds, never ids.
"""

from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, Info, generate_latest
from starlette.requests import Request
from starlette.responses import Response

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_BYTES = (0, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 16 << 20, 256 << 20, 1 << 30, 16 << 30)

_REQUESTS = Counter(
    "artstore_http_requests", "HTTP requests answered", ("service", "method", "route", "status")
)
_REQUEST_SECONDS = Histogram(
    "artstore_http_request_seconds",
    "Seconds from the head of a request to the end of its answer",
    ("service", "method", "route"),
    buckets=_SECONDS,
)
_REQUEST_BYTES = Histogram(
    "artstore_http_request_bytes", "Bytes of request bodies", ("service", "method", "route"), buckets=_BYTES
)
_RESPONSE_BYTES = Histogram(
    "artstore_http_response_bytes", "Bytes of answers' bodies", ("service", "method", "route"), buckets=_BYTES
)
IN_FLIGHT = Gauge("artstore_http_requests_in_flight", "HTTP requests being served now", ("service",))
BACKGROUND_RESTARTS = Counter(
    "artstore_background_restarts", "Times a background task failed and was started again", ("task",)
)
_BUILD = Info("artstore_build", "The running release", ("service",))


def describe_build(service: str, version: str) -> None:
    _BUILD.labels(service).info({"version": version})


def observe_request(
    service: str, method: str, route: str, status: int, *, seconds: float, bytes_in: int, bytes_out: int
) -> None:
    """Counts one request that ended."""
    by_route = _children(service, method, route)
    _counter(service, method, route, status).inc()
    by_route[0].observe(seconds)
    by_route[1].observe(bytes_in)
    by_route[2].observe(bytes_out)


# Looking a labelled child up costs more than counting does; methods and routes are bounded by the middleware.
@lru_cache(maxsize=1024)
def _children(service: str, method: str, route: str) -> tuple[Histogram, Histogram, Histogram]:
    labels = (service, method, route)
    return (
        _REQUEST_SECONDS.labels(*labels),
        _REQUEST_BYTES.labels(*labels),
        _RESPONSE_BYTES.labels(*labels),
    )


@lru_cache(maxsize=4096)
def _counter(service: str, method: str, route: str, status: int) -> Counter:
    return _REQUESTS.labels(service, method, route, str(status))


async def scrape(request: Request) -> Response:
    """``GET /metrics``: everything that this process counts."""
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
