"""``/api/v1/storage-elements``: the elements as Admin last heard of them, and what is decided about them."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from artstore.admin import audit, paging
from artstore.admin.problem_answers import problem_answer
from artstore.admin.storage_elements import noticing, repository
from artstore.admin.storage_elements.decisions import Decisions
from artstore.admin.storage_elements.noticing import Thresholds
from artstore.kernel.access import Principal, Requires
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.elements import (
    Draining,
    ElementPage,
    ElementStatistics,
    ListedElement,
    NewElement,
    RegisteredElement,
    RegistrationChange,
    Retirement,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_PREFIX = "/api/v1/storage-elements"
_Reader = Annotated[Principal, Requires(Scope.ELEMENTS_READ)]
_Writer = Annotated[Principal, Requires(Scope.ELEMENTS_WRITE)]
_ElementId = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]
_UNKNOWN = problem_answer(404, "No such element")


def storage_element_routes(database: Database, decisions: Decisions, thresholds: Thresholds) -> APIRouter:
    router = APIRouter(tags=["storage elements"])
    _add_reading(router, database, thresholds)
    _add_deciding(router, decisions, thresholds)
    return router


def _add_reading(router: APIRouter, database: Database, thresholds: Thresholds) -> None:
    @router.get(_PREFIX)
    async def list_storage_elements(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
    ) -> ElementPage:
        """Every element that was ever announced or registered, in the order of ids, with its last state."""
        after = paging.key_before(cursor) if cursor is not None else None
        async with database.read() as connection:
            elements = await repository.elements_after(connection, after, limit + 1)
        items, more = elements[:limit], elements[limit:]
        return ElementPage(
            items=[_listed(element, thresholds) for element in items],
            next_cursor=paging.cursor_after(items[-1].element_id) if more else None,
        )

    @router.get(f"{_PREFIX}/{{element_id}}", responses=_UNKNOWN)
    async def read_storage_element(element_id: _ElementId, principal: _Reader) -> ListedElement:
        """The last state of one element."""
        async with database.read() as connection:
            element = await repository.element_by_id(connection, element_id)
        if element is None:
            raise Problem(ProblemType.NOT_FOUND, "There is no storage element with this id.")
        return _listed(element, thresholds)

    @router.get("/api/v1/storage-statistics")
    async def storage_statistics(principal: _Reader) -> ElementStatistics:
        """Documents, bytes and room of all elements and by mode, and how many elements are in which state."""
        async with database.read() as connection:
            elements = await repository.all_elements(connection)
        return noticing.statistics(_listed(element, thresholds) for element in elements)


def _add_deciding(router: APIRouter, decisions: Decisions, thresholds: Thresholds) -> None:
    @router.post(
        _PREFIX,
        status_code=201,
        responses={
            **problem_answer(409, "It is registered already, with another address or by hand"),
            **problem_answer(503, "Nobody answers at the address"),
            200: {"description": "It was known; what was wanted is changed", "model": ListedElement},
        },
    )
    async def register_storage_element(
        wanted: NewElement, principal: _Writer, request: Request, response: Response
    ) -> ListedElement:
        """With `url` alone the element there is asked what it is. With `element_id` and `mode` as well nobody
        is asked, and the element is listed as away until it announces itself.
        """
        element, is_new = await decisions.register(wanted, audit.actor_of(request, principal))
        if not is_new:
            response.status_code = 200
        response.headers["Location"] = f"{_PREFIX}/{element.element_id}"
        return _listed(element, thresholds)

    @router.patch(f"{_PREFIX}/{{element_id}}", responses=_UNKNOWN)
    async def change_storage_element(
        element_id: _ElementId, wanted: RegistrationChange, principal: _Writer, request: Request
    ) -> ListedElement:
        """What is left out stays; null takes a limit, the retention period or all labels away."""
        changed = await decisions.change(element_id, wanted, audit.actor_of(request, principal))
        return _listed(changed, thresholds)

    @router.post(
        f"{_PREFIX}/{{element_id}}/drain",
        responses={**_UNKNOWN, **problem_answer(409, "It is retired, or its documents cannot be moved")},
    )
    async def drain_storage_element(
        element_id: _ElementId, principal: _Writer, request: Request, wanted: Draining | None = None
    ) -> ListedElement:
        """Let it take no new documents; everything else goes on. With `moves_to`, those that it has are moved
        to that element, one by one, as far as they may be.
        """
        actor = audit.actor_of(request, principal)
        return _listed(await decisions.drain(element_id, wanted or Draining(), actor), thresholds)

    @router.post(f"{_PREFIX}/{{element_id}}/activate", responses=_UNKNOWN)
    async def activate_storage_element(
        element_id: _ElementId, principal: _Writer, request: Request
    ) -> ListedElement:
        """Let it take documents again."""
        return _listed(await decisions.activate(element_id, audit.actor_of(request, principal)), thresholds)

    @router.post(
        f"{_PREFIX}/{{element_id}}/retire",
        responses={**_UNKNOWN, **problem_answer(409, "It may have documents, and that was not confirmed")},
    )
    async def retire_storage_element(
        element_id: _ElementId, principal: _Writer, request: Request, wanted: Retirement | None = None
    ) -> ListedElement:
        """Say that it is to be switched off. Refused unless it is drained and empty, or that is confirmed."""
        confirmed = wanted is not None and wanted.confirm
        actor = audit.actor_of(request, principal)
        return _listed(await decisions.retire(element_id, actor, confirmed=confirmed), thresholds)


def _listed(element: RegisteredElement, thresholds: Thresholds) -> ListedElement:
    return noticing.listed(element, thresholds, datetime.now(UTC))
