"""Calls from one service to another."""

import aiohttp
from starlette.requests import Request

from artstore.kernel.access.principal import Principal
from artstore.kernel.tracing.calls import traced
from artstore.wire.headers import REQUEST_ID, TRACEPARENT

CONNECT_SECONDS = 3
SILENCE_SECONDS = 60
"""How long a peer may send nothing while its answer is waited for; an upload's own time does not count."""
_MAX_CONNECTIONS = 512
_IDLE_SECONDS = 15
"""Below the time after which our servers close an idle connection: none is used while it is closed."""
_READ_BUFFER = 256 * 1024


def http_session(*, most_connections: int = _MAX_CONNECTIONS) -> aiohttp.ClientSession:
    """A session for calls to other services; call it in the running loop, and close it.

    ``most_connections`` at once, for whose end further calls wait. 0: as many as there are calls, where
    something else bounds these.

    It reads nothing from the environment (no proxies), keeps no cookies, and gives
    bodies as they came over the wire.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=most_connections, keepalive_timeout=_IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": "artstore"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_READ_BUFFER,
        trace_configs=traced(),
    )


def forwarded_headers(request: Request, principal: Principal) -> dict[str, str]:
    """What goes along with a client's request to the next service: who asks, and what it belongs to."""
    return {
        "Authorization": f"Bearer {principal.token}",
        REQUEST_ID: request.state.request_id,
        TRACEPARENT: request.state.traceparent,
    }
