"""``/api/v1/scrub``, and ``GET /api/v1/files/{file_id}/verification``."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from artstore.kernel.access import Principal, Requires
from artstore.kernel.logging import get_logger
from artstore.kernel.openapi import problem_answers
from artstore.storage.files.document import document_id, visible_attributes
from artstore.storage.running import RunningElement
from artstore.storage.scrub.reports import findings_page, report
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.scrub import ScrubFindingPage, ScrubReport, Verification

MAX_LIMIT = 1000
_SCRUB = "/api/v1/scrub"
_NOT_NOW = problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE)

Reader = Annotated[Principal, Requires(Scope.ELEMENTS_READ)]
Writer = Annotated[Principal, Requires(Scope.ELEMENTS_WRITE)]

_log = get_logger(__name__)


def scrub_router(element: RunningElement) -> APIRouter:
    router = APIRouter(tags=["scrub"])

    def told() -> ScrubReport:
        return report(element.engine.element.id, element.scrubbing, element.alarm)

    @router.get(_SCRUB, summary="The scrub", responses=_NOT_NOW)
    async def scrub(principal: Reader) -> ScrubReport:
        """How far the pass under way is, what the last one came to, what is wrong now, when the next one
        begins.
        """
        return told()

    @router.post(_SCRUB, status_code=202, summary="Scrub now", responses=_NOT_NOW)
    async def start(
        principal: Writer,
        response: Response,
        restart: Annotated[
            bool, Query(description="Give a pass up that is under way, and begin a new one")
        ] = False,
    ) -> ScrubReport:
        """Begins a pass over everything that the element keeps, or goes on with one that was interrupted or
        paused. It goes on behind the answer, also after a restart of the element unless its schedule is
        switched off. While one runs, asking again changes nothing.
        """
        await element.scrubbing.request(anew=restart)
        _log.info("a scrub was asked for", client_id=principal.client_id, restart=restart)
        response.headers["Location"] = _SCRUB
        return told()

    @router.post(f"{_SCRUB}/pause", summary="Pause the scrub", responses=_NOT_NOW)
    async def pause(principal: Writer) -> ScrubReport:
        """Nothing is read until a pass is asked for, or the element is started again: what was read is
        remembered. No pass begins by itself meanwhile.
        """
        await element.scrubbing.pause()
        _log.warning("the scrub was paused", client_id=principal.client_id)
        return told()

    @router.get(
        f"{_SCRUB}/findings",
        summary="Findings of the scrub",
        responses=problem_answers(ProblemType.INVALID_CURSOR, ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def findings(
        principal: Reader,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        is_open: Annotated[
            bool | None, Query(alias="open", description="Only what is still wrong, or only what is not")
        ] = None,
    ) -> ScrubFindingPage:
        """Of the last whole pass and of the one under way, at most 10,000 of each, in the order in which they
        were found.
        """
        return findings_page(element.scrubbing, element.alarm, is_open=is_open, cursor=cursor, limit=limit)

    @router.get(
        "/api/v1/files/{file_id}/verification",
        summary="When a document was verified",
        responses=problem_answers(
            ProblemType.NOT_FOUND, ProblemType.DOCUMENT_DAMAGED, ProblemType.DEPENDENCY_UNAVAILABLE
        ),
        tags=["files"],
    )
    async def verification(
        file_id: str, request: Request, principal: Annotated[Principal, Requires(Scope.FILES_READ)]
    ) -> Verification:
        """When the scrub last compared the document with its checksum and found it right; when it was stored,
        before the first time.
        """
        wanted = document_id(request)
        attributes = await visible_attributes(element.engine, wanted, principal)
        return Verification(
            file_id=wanted,
            verified_at=await element.scrubbing.scrub.last_verified(wanted),
            damaged=wanted in element.engine.damage,
            checksum=attributes.checksum,
        )

    return router
