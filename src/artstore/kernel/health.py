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
        states = await asyncio.gather(*(_state(dependency) for dependency in self._dependencies))
        told = list(zip(self._dependencies, states, strict=True))
        down = [part for part, state in told if state["status"] == "down"]
        status = "degraded" if down else "ready"
        if any(part.essential for part in down):
            status = "not_ready"
        body = {"status": status, "dependencies": {part.name: state for part, state in told}}
        return JSONResponse(body, status_code=503 if status == "not_ready" else 200)


async def _state(dependency: Dependency) -> dict[str, str]:
    """``status``, and ``detail`` where there is something to say."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            said = await dependency.check()
    except DependencyDown as down:
        return _down(str(down) or "down")
    except TimeoutError:
        return _down(f"no answer within {_CHECK_SECONDS:g} s")
    except Exception:  # noqa: BLE001 - whatever a check meets, the state of the others must be told
        _log.exception("a health check failed", dependency=dependency.name)
        return _down("the check failed; the log says why")
    return {"status": "up", "detail": said} if said else {"status": "up"}


def _down(reason: str) -> dict[str, str]:
    return {"status": "down", "detail": reason}
