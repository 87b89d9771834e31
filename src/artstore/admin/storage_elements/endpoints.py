"""``/api/v1/storage-elements``: the elements as Admin last heard of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from artstore.admin import paging
from artstore.admin.problem_answers import problem_answer
from artstore.admin.storage_elements import repository
from artstore.kernel.access import Principal, Requires
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementAnnouncement, ElementPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_Reader = Annotated[Principal, Requires(Scope.ELEMENTS_READ)]
_ElementId = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]


def storage_element_routes(database: Database) -> APIRouter:
    router = APIRouter(prefix="/api/v1/storage-elements", tags=["storage elements"])

    @router.get("")
    async def list_storage_elements(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
    ) -> ElementPage:
        """Every element that ever announced itself, in the order of ids, each with its last state."""
        after = paging.key_before(cursor) if cursor is not None else None
        async with database.read() as connection:
            elements = await repository.elements_after(connection, after, limit + 1)
        items, more = elements[:limit], elements[limit:]
        return ElementPage(
            items=items, next_cursor=paging.cursor_after(items[-1].element_id) if more else None
        )

    @router.get("/{element_id}", responses=problem_answer(404, "No such element"))
    async def read_storage_element(element_id: _ElementId, principal: _Reader) -> ElementAnnouncement:
        """The last state of one element."""
        async with database.read() as connection:
            element = await repository.element_by_id(connection, element_id)
        if element is None:
            raise Problem(ProblemType.NOT_FOUND, "No storage element with this id ever announced itself.")
        return element

    return router
