"""``GET /api/v1/search``."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from artstore.kernel.access import Principal, Requires
from artstore.query.catalog.rows import hit
from artstore.query.search.forgiving import ForgivingSearch
from artstore.query.search.service import MAX_CHARACTERS, Question, Search
from artstore.wire.documents import SearchPage
from artstore.wire.scopes import Scope

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

_Q = Query(
    description="Words that must all be found, in the file name, the description, the tags, the values of"
    " custom attributes or the name of the account that stored the document. Case and accents do not matter,"
    " nor do Russian and English endings. Words joined without a blank (2025-03) must stand together; a"
    " part of a word finds nothing. Chinese, Japanese and Korean text is found by any run of its characters."
    f" At most {MAX_CHARACTERS} characters. Empty: all documents.",
)
_Corrections = Query(
    description="Whether other words may be tried where nothing is found: the nearest ones that stand in the"
    " documents of the caller. `corrected` in the answer is then what was really asked."
)
_Limit = Query(ge=1, le=MAX_LIMIT, description="The greatest number of documents in the page.")
_Cursor = Query(description="The next_cursor of the page before, asked with the same q.")


def search_routes(search: Search, forgiving: ForgivingSearch) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.get("/api/v1/search", response_model=SearchPage, summary="Find documents by words, newest first")
    async def find(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        q: Annotated[str, _Q] = "",
        limit: Annotated[int, _Limit] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, _Cursor] = None,
        corrections: Annotated[bool, _Corrections] = True,
    ) -> JSONResponse:
        question = Question(q, limit, cursor)
        corrected: str | None = None
        if corrections:
            answer = await forgiving.answer(question, principal)
            page, corrected = answer.page, answer.corrected
        else:
            page = await search.page(question, principal)
        items = [hit(one.document, one.mark.element_id) for one in page.found]
        # What the rows hold was checked when it was taken in: doing so again would cost more than the search.
        return JSONResponse({"items": items, "next_cursor": page.next_cursor, "corrected": corrected})

    return router
