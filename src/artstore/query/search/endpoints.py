"""``GET`` and ``POST /api/v1/search``, ``GET /api/v1/search/export``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, StreamingResponse

from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.kernel.repeated import once, single
from artstore.query.catalog.rows import hit
from artstore.query.search.export import exported
from artstore.query.search.forgiving import ForgivingSearch
from artstore.query.search.questions import basis, question
from artstore.query.search.service import Question, Search
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.search import (
    ExportFormat,
    ExportParameters,
    SearchAnswer,
    SearchParameters,
    SearchRequest,
)

_REFUSALS = problem_answers(ProblemType.INVALID_CURSOR, ProblemType.DEPENDENCY_UNAVAILABLE)

_CONTENT_TYPES = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSONL: "application/x-ndjson"}


def search_routes(search: Search, forgiving: ForgivingSearch) -> APIRouter:
    router = APIRouter(tags=["search"])

    async def answered(asked: Question, corrections: bool, principal: Principal) -> JSONResponse:
        corrected: str | None = None
        if corrections:
            page, corrected = await forgiving.answer(asked, principal)
        else:
            page = await search.page(asked, principal)
        items = [hit(one.document, one.mark.element_id) for one in page.found]
        for item, highlights in zip(items, page.highlights or (), strict=False):
            item["highlights"] = highlights
        # What the rows hold was checked when it was taken in: doing so again would cost more than the search.
        answer: dict[str, Any] = {"items": items, "next_cursor": page.next_cursor, "corrected": corrected}
        if page.total is not None:
            answer["total"] = page.total.model_dump()
        if page.facets is not None and page.faceted is not None:
            answer["facets"] = {name: facet.model_dump() for name, facet in page.facets.items()}
            answer["faceted"] = page.faceted.model_dump()
        return JSONResponse(answer)

    @router.get(
        "/api/v1/search",
        response_model=SearchAnswer,
        summary="Find documents by words and by what they are",
        responses=_REFUSALS,
        dependencies=[Depends(once(*single(SearchParameters)))],
    )
    async def find(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        asked: Annotated[SearchParameters, Query()],
    ) -> JSONResponse:
        return await answered(question(asked), asked.corrections, principal)

    @router.post(
        "/api/v1/search",
        response_model=SearchAnswer,
        summary="The same for programs, with the question in a body",
        responses=_REFUSALS,
    )
    async def find_by_body(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)], asked: SearchRequest
    ) -> JSONResponse:
        return await answered(question(asked), asked.corrections, principal)

    @router.get(
        "/api/v1/search/export",
        response_class=StreamingResponse,
        summary="All documents that a search finds, as CSV or JSON Lines",
        responses={
            **_REFUSALS,
            200: {"description": "The documents", "content": {kind: {} for kind in _CONTENT_TYPES.values()}},
        },
        dependencies=[Depends(once(*single(ExportParameters)))],
    )
    async def export(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        asked: Annotated[ExportParameters, Query()],
    ) -> StreamingResponse:
        pieces = await exported(
            search, basis(asked), principal, form=asked.format, for_spreadsheets=asked.for_spreadsheets
        )
        headers = {
            "Content-Disposition": f'attachment; filename="documents.{asked.format.value}"',
            "Cache-Control": "private, no-store",
        }
        return StreamingResponse(pieces, headers=headers, media_type=_CONTENT_TYPES[asked.format])

    return router
