"""``GET /api/v1/files/{file_id}/versions``: all versions of a document, by the id of any of them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import JSONResponse

from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import forwarded_headers
from artstore.kernel.repeated import only
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.rows import hit
from artstore.query.files.locate import Locator, not_found
from artstore.query.files.repository import FilesRepository
from artstore.query.search.cursor import Mark, read_cursor, write_cursor
from artstore.query.search.repository import Found
from artstore.query.search.service import Page
from artstore.wire.documents import SearchPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

_FileId = Path(
    description="Of any version of the document, or the `document_id` that they share.",
    json_schema_extra={"format": "uuid"},
)
_Limit = Query(ge=1, le=MAX_LIMIT, description="The greatest number of versions in the page.")
_Cursor = Query(description="The next_cursor of the page before, asked with the same id.")


class Versions:
    def __init__(self, catalog: CatalogReader, repository: FilesRepository, locator: Locator) -> None:
        self._catalog = catalog
        self._repository = repository
        self._locator = locator

    async def page(
        self,
        file_id: UUID,
        principal: Principal,
        headers: Mapping[str, str],
        *,
        limit: int,
        cursor: str | None,
    ) -> Page:
        """Those that the caller may see, newest first.

        The one of that id is among them also where the catalog does not know of it yet. Raises Problem, among
        them NOT_FOUND, ELEMENT_UNAVAILABLE and DatabaseDown.
        """
        owners = principal.visible_owners()
        async with self._catalog.read() as db:
            document_id = await self._repository.document_of(db, file_id, owners=owners)
        new = None
        if document_id is None:
            new = await self._at_element(file_id, headers)
            document_id = UUID(new.document.get("document_id") or str(file_id))
        asked = repr(("versions", document_id, None if owners is None else sorted(owners)))
        after = None if cursor is None else read_cursor(cursor, question=asked)
        async with self._catalog.read() as db:
            found = await self._repository.versions(
                db, document_id, owners=owners, after=after, limit=limit + 1
            )
        if new is not None and (after is None or new.mark < after):
            found = [one for one in found if one.mark.file_id != file_id]
            found = sorted([*found, new], key=lambda one: one.mark, reverse=True)
        shown = found[:limit]
        more = len(found) > limit
        return Page(shown, write_cursor(shown[-1].mark, question=asked) if more else None)

    async def _at_element(self, file_id: UUID, headers: Mapping[str, str]) -> Found:
        copies = await self._locator.in_elements(file_id, headers)
        element_id, document = next(iter(copies.items()))
        return Found(Mark(datetime.fromisoformat(document["created_at"]), file_id, element_id), document)


def versions_routes(versions: Callable[[], Versions]) -> APIRouter:
    """``versions`` is there once the service has started."""
    router = APIRouter(tags=["files"])

    @router.get(
        "/api/v1/files/{file_id}/versions",
        response_model=SearchPage,
        summary="The versions of a document, newest first",
        responses=problem_answers(
            ProblemType.INVALID_CURSOR, ProblemType.NOT_FOUND, ProblemType.ELEMENT_UNAVAILABLE
        ),
        dependencies=[Depends(only("limit", "cursor"))],
    )
    async def list_versions(
        file_id: Annotated[str, _FileId],
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        request: Request,
        limit: Annotated[int, _Limit] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, _Cursor] = None,
    ) -> JSONResponse:
        page = await versions().page(
            _uuid(file_id), principal, forwarded_headers(request, principal), limit=limit, cursor=cursor
        )
        items = [hit(one.document, one.mark.element_id) for one in page.found]
        headers = {"Cache-Control": "private, no-cache"}
        return JSONResponse({"items": items, "next_cursor": page.next_cursor}, headers=headers)

    return router


def _uuid(text: str) -> UUID:
    """What is no UUID names no document."""
    try:
        return UUID(text)
    except ValueError:
        raise not_found() from None
