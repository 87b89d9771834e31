"""``GET /api/v1/files``: the documents by time; or what changed after an LSN, for followers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from artstore.kernel.access import Principal, Requires
from artstore.storage.documents import public_fields
from artstore.storage.files.cursors import ChangeCursor, TimeCursor, decode_cursor, invalid_cursor
from artstore.storage.files.schemas import DocumentPage
from artstore.storage.running import RunningElement
from artstore.wire.documents import DocumentState, ElementDocumentPage
from artstore.wire.scopes import Scope

MAX_LIMIT = 1000
_WAIT_SECONDS = 2.0
"""How long a listing waits for the index to take what was acknowledged before the request came."""
_BEFORE_ALL = UUID(int=0)
_AFTER_ALL = UUID(int=2**128 - 1)


class Listing:
    """Answers from the index. Raises IndexUnavailable and DatabaseDown."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def by_time(self, owner: str | None, cursor: TimeCursor | None, limit: int) -> dict[str, Any]:
        """A page of documents, with all that were acknowledged before unless the index is far behind."""
        follower = self._element.index_follower
        if follower.status.away is None:
            await follower.reached(self._element.engine.last_lsn, _WAIT_SECONDS)
        after = None if cursor is None else (cursor.created_at, cursor.file_id)
        rows = await self._element.index.documents(owner=owner, after=after, limit=limit + 1)
        page = rows[:limit]
        following = None
        if len(rows) > limit and page[-1].created_at is not None:
            following = TimeCursor(page[-1].created_at, page[-1].file_id).encode()
        return {"items": [public_fields(row.attributes or {}) for row in page], "next_cursor": following}

    async def by_change(self, owner: str | None, cursor: ChangeCursor, limit: int) -> dict[str, Any]:
        """A page of documents and deletions in the order of their last change: an ElementDocumentPage."""
        rows, state = await self._element.index.changed(
            owner=owner, after=(cursor.lsn, cursor.file_id), limit=limit + 1
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

    @router.get("/api/v1/files", response_model=ElementDocumentPage | DocumentPage, summary="List documents")
    async def list_files(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        since_lsn: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    ) -> JSONResponse:
        """The caller's documents, or everybody's with ``files:all``, oldest first.

        With ``since_lsn``: documents whose last change came after that LSN, and deletions, in the order of
        change.
        """
        owner = None if principal.has(Scope.FILES_ALL) else principal.account_id
        begin = None if cursor is None else decode_cursor(cursor)
        if since_lsn is not None or isinstance(begin, ChangeCursor):
            if isinstance(begin, TimeCursor):
                raise invalid_cursor()
            after = begin or ChangeCursor(since_lsn or 0, _AFTER_ALL if since_lsn else _BEFORE_ALL)
            return JSONResponse(await listing.by_change(owner, after, limit))
        return JSONResponse(await listing.by_time(owner, begin, limit))

    return router
