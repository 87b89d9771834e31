"""``/api/v1/admin-users/{administrator_id}/sessions``: the sessions of others."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request

from artstore.admin.administrators import administration, session_repository
from artstore.admin.administrators.answers import session_answer
from artstore.admin.administrators.login_endpoints import CallerOf
from artstore.admin.administrators.means import Means
from artstore.admin.administrators.sessions import end_sessions
from artstore.admin.administrators.writing import writing
from artstore.admin.problem_answers import problem_answer
from artstore.kernel.access import Principal, Requires
from artstore.kernel.problems import Problem
from artstore.wire.administrators import SessionPage
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_Reader = Annotated[Principal, Requires(Scope.ADMINISTRATORS_READ)]
_Writer = Annotated[Principal, Requires(Scope.ADMINISTRATORS_WRITE)]
_NONE = problem_answer(404, "No such administrator")


def user_session_routes(means: Means, caller_of: CallerOf) -> APIRouter:
    router = APIRouter(prefix="/api/v1/admin-users", tags=["administrators"])

    @router.get("/{administrator_id}/sessions", responses=_NONE)
    async def list_sessions_of_administrator(administrator_id: UUID, principal: _Reader) -> SessionPage:
        """The sessions that go on, the newest first."""
        async with means.database.read() as connection:
            await administration.shown_by_id(connection, administrator_id)
            found = await session_repository.live_of(connection, administrator_id)
        return SessionPage(items=[session_answer(one, principal.session_id) for one in found])

    @router.delete("/{administrator_id}/sessions", status_code=204, responses=_NONE)
    async def end_sessions_of_administrator(
        administrator_id: UUID, principal: _Writer, request: Request
    ) -> None:
        """End all sessions of a person."""
        async with writing(means, principal, caller_of(request)) as (connection, _):
            await administration.shown_by_id(connection, administrator_id)
            await end_sessions(connection, principal, caller_of(request), administrator_id)

    @router.delete(
        "/{administrator_id}/sessions/{session_id}",
        status_code=204,
        responses=problem_answer(404, "No such administrator or session"),
    )
    async def end_session_of_administrator(
        administrator_id: UUID, session_id: UUID, principal: _Writer, request: Request
    ) -> None:
        """End one session of a person."""
        async with writing(means, principal, caller_of(request)) as (connection, _):
            if not await end_sessions(
                connection, principal, caller_of(request), administrator_id, session_id
            ):
                raise Problem(ProblemType.NOT_FOUND, "There is no such session, or it is over.")

    return router
