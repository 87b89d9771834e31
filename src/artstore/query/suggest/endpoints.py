"""``GET /api/v1/suggest``."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse

from artstore.kernel.access import Principal, Requires
from artstore.kernel.repeated import only
from artstore.query.suggest.service import MAX_CHARACTERS, MIN_CHARACTERS, Suggester
from artstore.wire.scopes import Scope
from artstore.wire.suggestions import SuggestionKind, Suggestions

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_Q = Query(
    description="What was typed so far: the beginning of a text, or of one of its words. Case and accents do"
    " not matter, nor, in file names, what parts words. At most"
    f" {MAX_CHARACTERS} characters; for fewer than {MIN_CHARACTERS} nothing is suggested."
)
_Limit = Query(ge=1, le=MAX_LIMIT, description="The greatest number of suggestions.")
_Kinds = Query(
    max_length=len(SuggestionKind) * 2,
    description="What is suggested; may be repeated. If nothing is said: everything.",
)


def suggest_routes(suggester: Suggester) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.get(
        "/api/v1/suggest",
        response_model=Suggestions,
        summary="Complete names, tags, attributes and their values",
        dependencies=[Depends(only("q", "limit", several=("kinds",)))],
    )
    async def suggest(
        principal: Annotated[Principal, Requires(Scope.FILES_READ)],
        q: Annotated[str, _Q] = "",
        limit: Annotated[int, _Limit] = DEFAULT_LIMIT,
        kinds: Annotated[list[SuggestionKind], _Kinds] = list(SuggestionKind),  # noqa: B006  never changed
    ) -> JSONResponse:
        found = await suggester.suggest(q, principal, kinds=kinds, limit=limit)
        headers = {"Cache-Control": "private, no-cache"}
        return JSONResponse({"items": [one.model_dump() for one in found]}, headers=headers)

    return router
