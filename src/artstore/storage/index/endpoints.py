"""``GET /api/v1/index`` and ``POST /api/v1/index/rebuild``."""

from typing import Annotated

from fastapi import APIRouter, Response

from artstore.kernel.access import Principal, Requires
from artstore.kernel.logging import get_logger
from artstore.kernel.openapi import problem_answers
from artstore.storage.index.reader import IndexUnavailable
from artstore.storage.index.rebuild import Progress
from artstore.storage.index.repository import PositionMoved, TablesMissing, translated_absence
from artstore.storage.index.writer import RebuildOver
from artstore.storage.running import RunningElement
from artstore.wire.index import IndexReport, IndexStatus, RebuildReport
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_INDEX = "/api/v1/index"
_log = get_logger(__name__)


def index_router(element: RunningElement) -> APIRouter:
    router = APIRouter(tags=["index"])

    @router.get(_INDEX, summary="The index")
    async def index(principal: Annotated[Principal, Requires(Scope.ELEMENTS_READ)]) -> IndexReport:
        """How far the index is, and how far its rebuild."""
        return _report(element)

    @router.post(
        f"{_INDEX}/rebuild",
        status_code=202,
        summary="Rebuild the index",
        responses=problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def rebuild(
        principal: Annotated[Principal, Requires(Scope.ELEMENTS_WRITE)], response: Response
    ) -> IndexReport:
        """From the files, while the element serves. It goes on behind the answer, also after a restart of
        the element; `GET /api/v1/index` tells how far it is. While one is under way, asking again changes
        nothing.
        """
        away = element.index_follower.status.away
        if away is not None:
            raise IndexUnavailable(f"the index is away: {away}")
        try:
            with translated_absence():
                await element.rebuild.request()
        except (TablesMissing, PositionMoved, RebuildOver) as error:
            raise IndexUnavailable("the index is being set up") from error
        _log.warning("a rebuild of the index was asked for", client_id=principal.client_id)
        response.headers["Location"] = _INDEX
        return _report(element)

    return router


def _report(element: RunningElement) -> IndexReport:
    follower, progress = element.index_follower, element.rebuild.progress
    away = follower.status.away
    running = element.rebuild.is_running
    status = IndexStatus.REBUILDING if running else IndexStatus.READY
    return IndexReport(
        element_id=element.engine.element.id,
        status=IndexStatus.AWAY if away is not None else status,
        away=away,
        complete=away is None and element.rebuild.is_complete,
        documents=element.engine.capacity().documents,
        position=follower.status.position,
        lag=follower.lag,
        rebuild=None if progress is None else _rebuild_report(progress),
    )


def _rebuild_report(progress: Progress) -> RebuildReport:
    return RebuildReport(
        reason=progress.reason,
        documents=progress.documents,
        expected=progress.expected,
        documents_per_second=round(progress.documents / max(progress.seconds, 0.001), 1),
        left_out=progress.left_out,
        removed=progress.removed,
        waits_for=progress.waits_for,
        started_at=progress.started_at,
        finished_at=progress.finished_at,
    )
