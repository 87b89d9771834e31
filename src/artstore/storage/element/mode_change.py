"""``GET`` and ``PUT /api/v1/mode``."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter

from artstore.engine import Engine
from artstore.engine import Mode as EngineMode
from artstore.kernel.access import Principal, Requires
from artstore.kernel.logging import get_logger
from artstore.kernel.openapi import problem_answers
from artstore.storage import metrics
from artstore.storage.element.modes import ALLOWED
from artstore.storage.element.schemas import ModeReport, WantedMode
from artstore.storage.outcomes import counted
from artstore.storage.running import RunningElement
from artstore.wire.elements import Mode
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_FILED_SECONDS = 5.0
"""How long the answer waits for element.json. The change is durable in the log before, whatever happens."""

_log = get_logger(__name__)


def mode_router(element: RunningElement) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["element"])

    @router.get("/mode", summary="The mode")
    async def mode(principal: Annotated[Principal, Requires(Scope.ELEMENTS_READ)]) -> ModeReport:
        """What the element allows, and which modes a request can give it."""
        return _report(element.engine)

    @router.put("/mode", summary="Change the mode", responses=problem_answers(ProblemType.MODE_FORBIDS))
    async def change_mode(
        wanted: WantedMode, principal: Annotated[Principal, Requires(Scope.ELEMENTS_WRITE)]
    ) -> ModeReport:
        """From `rw` to `ro`, and from `ro` to `ar`. The way back is a restart with another configuration
        and a confirmation. Uploads under way are refused when they end. Asking for the present mode changes
        nothing.
        """
        with counted(metrics.CHANGES, "done", "mode"):
            await _change(element.engine, wanted.mode, by=principal.client_id)
        return _report(element.engine)

    return router


async def _change(engine: Engine, wanted: Mode, by: str) -> None:
    before = engine.element.mode
    await engine.set_mode(EngineMode(wanted))
    if engine.element.mode is not before:
        _log.warning("the mode was changed", before=before, mode=wanted, client_id=by)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FILED_SECONDS):
                await engine.filed(engine.last_lsn)


def _report(engine: Engine) -> ModeReport:
    mode = engine.element.mode
    return ModeReport(
        element_id=engine.element.id,
        mode=Mode(mode),
        allowed=list(ALLOWED[mode]),
        next_modes=[Mode(each) for each in sorted(engine.next_modes)],
    )
