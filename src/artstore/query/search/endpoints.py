"""``GET /api/v1/search``."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from artstore.kernel.access import Principal, Requires
from artstore.query.catalog.rows import hit
from artstore.query.search.service import MAX_CHARACTERS, Question, Search
from artstore.wire.documents import SearchPage
from artstore.wire.scopes import Scope
from artstore.wire.search import SearchMode

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

_Q = Query(
    description="What is looked for in the file name, the description, the tags, the values of custom"
    " attributes and the name of the account that stored the document: words that must all be found,"
    ' `"phrases"`, `-not`, `a or b`, `prefix*`. Any text is a question. Case and accents do not matter. Words'
    f" joined without a blank (2025-03) must stand together. At most {MAX_CHARACTERS} characters. Empty: all"
    " documents.",
)
_Mode = Query(
    description="`fulltext`: Russian and English endings do not matter. `exact`: words as they were written."
    " `partial`: the beginning of a word or any part of the file name is enough."
)
_Limit = Query(ge=1, le=MAX_LIMIT, description="The greatest number of documents in the page.")
_Cursor = Query(description="The next_cursor of the page before, asked with the same question.")


def search_routes(search: Search) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.get("/api/v1/search", response_model=SearchPage, summary="Find documents by words, newest first")
    async def find(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        q: Annotated[str, _Q] = "",
        mode: Annotated[SearchMode, _Mode] = SearchMode.FULLTEXT,
        limit: Annotated[int, _Limit] = DEFAULT_LIMIT,
        cursor: Annotated[str | None, _Cursor] = None,
    ) -> JSONResponse:
        page = await search.page(Question(q, limit, cursor, mode), principal)
        items = [hit(one.document, one.mark.element_id) for one in page.found]
        # What the rows hold was checked when it was taken in: doing so again would cost more than the search.
        return JSONResponse({"items": items, "next_cursor": page.next_cursor})

    return router
