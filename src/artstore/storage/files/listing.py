"""``GET /api/v1/files``: the documents by time; or what changed after an LSN, for followers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from artstore.attributes.schema import Time
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.storage.documents import public_fields
from artstore.storage.files.cursors import ChangeCursor, TimeCursor, decode_cursor, invalid_cursor
from artstore.storage.files.merging import merged_page
from artstore.storage.files.schemas import DocumentPage
from artstore.storage.index.filters import Filters
from artstore.storage.running import RunningElement
from artstore.wire.documents import DocumentState, ElementDocumentPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

MAX_LIMIT = 1000
_BEFORE_ALL = UUID(int=0)
_AFTER_ALL = UUID(int=2**128 - 1)


class ListingParameters(BaseModel):
    """Others are refused, so that no filter is left out unseen."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 100
    cursor: Annotated[str | None, Field(max_length=200)] = None
    created_from: Annotated[Time | None, Field(description="Created at this time or later")] = None
    created_to: Annotated[Time | None, Field(description="Created before this time")] = None
    state: DocumentState | None = None
    since_lsn: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class Listing:
    """Raises IndexUnavailable and DatabaseDown: a listing is complete, or there is none."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def by_time(self, filters: Filters, cursor: TimeCursor | None, limit: int) -> dict[str, Any]:
        """A page of documents, with all that was acknowledged before it was asked for."""
        after = None if cursor is None else (cursor.created_at, cursor.file_id)
        last = await self._element.beyond_index.near()
        rows, state = await self._element.index.documents(filters=filters, after=after, limit=limit + 1)
        changes = await self._element.beyond_index.changes(state.position, last)
        page = merged_page(rows, changes, filters, after, limit)
        cursor = None if page.next_place is None else TimeCursor(*page.next_place)
        return {"items": page.items, "next_cursor": cursor and cursor.encode()}

    async def by_change(self, filters: Filters, cursor: ChangeCursor, limit: int) -> dict[str, Any]:
        """A page of documents and deletions in the order of their last change: an ElementDocumentPage.

        It says up to which LSN it is complete.
        """
        rows, state = await self._element.index.changed(
            filters=filters, after=(cursor.lsn, cursor.file_id), limit=limit + 1
        )
        page = rows[:limit]
        items = [
            {
                "lsn": row.lsn,
                "state": DocumentState.DELETED if row.attributes is None else DocumentState.ACTIVE,
                "file_id": str(row.file_id),
                "document": None if row.attributes is None else public_fields(row.attributes),
            }
            for row in page
        ]
        more = len(rows) > limit
        return {
            "items": items,
            "next_cursor": ChangeCursor(page[-1].lsn, page[-1].file_id).encode() if more else None,
            "last_lsn": state.position,
            "deletions_since": state.deletions_since,
        }


def listing_router(listing: Listing) -> APIRouter:
    router = APIRouter(tags=["files"])

    @router.get(
        "/api/v1/files",
        response_model=ElementDocumentPage | DocumentPage,
        summary="List documents",
        responses=problem_answers(ProblemType.INVALID_CURSOR, ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def list_files(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        asked: Annotated[ListingParameters, Query()],
    ) -> JSONResponse:
        """The documents that the caller may see, oldest first: all that were acknowledged,
        or 503 where that cannot be told now.

        With `since_lsn`, or for deleted ones: documents whose last change came after that LSN, and deletions,
        in the order of change, complete up to `last_lsn`. Times are those of RFC 3339. Give the same filters
        with each cursor.
        """
        filters = Filters(principal.visible_owners(), asked.created_from, asked.created_to, asked.state)
        begin = None if asked.cursor is None else decode_cursor(asked.cursor)
        since_lsn = asked.since_lsn
        by_change = since_lsn is not None or asked.state is DocumentState.DELETED
        if by_change or isinstance(begin, ChangeCursor):
            if isinstance(begin, TimeCursor):
                raise invalid_cursor()
            after = begin or ChangeCursor(since_lsn or 0, _AFTER_ALL if since_lsn else _BEFORE_ALL)
            return JSONResponse(await listing.by_change(filters, after, asked.limit))
        return JSONResponse(await listing.by_time(filters, begin, asked.limit))

    return router
