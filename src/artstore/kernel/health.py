"""``/health/live`` and ``/health/ready``: whether the process runs, and whether it can do its work."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from artstore.kernel.dependencies import Dependency, DependencyDown
from artstore.kernel.logging import get_logger

_CHECK_SECONDS = 2.0
_log = get_logger(__name__)


class Health:
    """The two endpoints of one service."""

    def __init__(self, dependencies: Sequence[Dependency]) -> None:
        self._dependencies = tuple(dependencies)
        self._checking: asyncio.Task[Response] | None = None

    async def live(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "live"})

    async def ready(self, request: Request) -> Response:
        """200 with ``ready`` or ``degraded``; 503, ``not_ready``, while an essential dependency is down."""
        # Anybody may ask, so those who ask at once share one round of checks.
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check_all(), name="health")
        return await asyncio.shield(self._checking)

    async def _check_all(self) -> Response:
        reasons = await asyncio.gather(*(_reason(dependency) for dependency in self._dependencies))
        down = [part for part, reason in zip(self._dependencies, reasons, strict=True) if reason]
        status = "degraded" if down else "ready"
        if any(part.essential for part in down):
            status = "not_ready"
        parts = {
            part.name: {"status": "down", "detail": reason} if reason else {"status": "up"}
            for part, reason in zip(self._dependencies, reasons, strict=True)
        }
        body = {"status": status, "dependencies": parts}
        return JSONResponse(body, status_code=503 if status == "not_ready" else 200)


async def _reason(dependency: Dependency) -> str | None:
    """Why the dependency is down, or None while it is up."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await dependency.check()
    except DependencyDown as down:
        return str(down) or "down"
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except Exception:  # noqa: BLE001 - whatever a check meets, the state of the others must be told
        _log.exception("a health check failed", dependency=dependency.name)
        return "the check failed; the log says why"
    return None
