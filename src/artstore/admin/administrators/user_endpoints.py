"""``/api/v1/admin-users``: administrators as others see and change them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from artstore.admin import paging
from artstore.admin.administrators import administration
from artstore.admin.administrators.login_endpoints import CallerOf
from artstore.admin.administrators.means import Means
from artstore.admin.administrators.writing import writing
from artstore.admin.auth.refusals import NO_STORE
from artstore.admin.problem_answers import problem_answer
from artstore.kernel.access import Principal, Requires
from artstore.kernel.problems import Problem
from artstore.wire.administrators import (
    Administrator,
    AdministratorChange,
    AdministratorPage,
    CreatedAdministrator,
    NewAdministrator,
    ResetCode,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_PREFIX = "/api/v1/admin-users"
_Reader = Annotated[Principal, Requires(Scope.ADMINISTRATORS_READ)]
_Writer = Annotated[Principal, Requires(Scope.ADMINISTRATORS_WRITE)]
_NONE = problem_answer(404, "No such administrator")
_LAST = problem_answer(409, "The last SUPER_ADMIN who can log in")


def user_routes(means: Means, caller_of: CallerOf) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["administrators"])

    @router.post("", status_code=201, responses=problem_answer(409, "The name is taken"))
    async def create_administrator(
        wanted: NewAdministrator, principal: _Writer, request: Request, response: Response
    ) -> CreatedAdministrator:
        """Make an administrator. The one-time code in this answer sets the password; shown this once."""
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            created = await administration.create(connection, means.rules.reset_code_lifetime, wanted, actor)
        assert isinstance(created, CreatedAdministrator)
        response.headers["Location"] = f"{_PREFIX}/{created.id}"
        response.headers.update(NO_STORE)
        return created

    @router.get("")
    async def list_administrators(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
    ) -> AdministratorPage:
        """Administrators in the order in which they were created."""
        after = paging.id_before(cursor) if cursor is not None else None
        found = await administration.page(means.database, after, limit + 1)
        items, more = found[:limit], found[limit:]
        return AdministratorPage(
            items=items, next_cursor=paging.cursor_after(str(items[-1].id)) if more else None
        )

    @router.get("/{administrator_id}", responses=_NONE)
    async def read_administrator(administrator_id: UUID, principal: _Reader) -> Administrator:
        async with means.database.read() as connection:
            return await administration.shown_by_id(connection, administrator_id)

    @router.patch("/{administrator_id}", responses=_NONE | _LAST)
    async def change_administrator(
        administrator_id: UUID, wanted: AdministratorChange, principal: _Writer, request: Request
    ) -> Administrator:
        """Change name, role or activity. A change of the last two ends all sessions of the person."""
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            return await administration.change(connection, administrator_id, wanted, actor)

    @router.delete("/{administrator_id}", status_code=204, responses=_NONE | _LAST)
    async def remove_administrator(administrator_id: UUID, principal: _Writer, request: Request) -> None:
        """Remove an administrator with all sessions. What the person stored stays."""
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            await administration.remove(connection, administrator_id, actor)

    @router.post(
        "/{administrator_id}/password-reset",
        responses=_NONE | problem_answer(409, "The own password is changed, not reset"),
    )
    async def reset_password_of_administrator(
        administrator_id: UUID, principal: _Writer, request: Request, response: Response
    ) -> ResetCode:
        """A one-time code to set a password. The old password and all sessions of the person end now."""
        if str(administrator_id) == principal.account_id:
            raise Problem(
                ProblemType.CONFLICT,
                "This is your own password: change it with the old one, so that you can log in again.",
            )
        response.headers.update(NO_STORE)
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            return await administration.reset_password(
                connection, means.rules.reset_code_lifetime, administrator_id, actor
            )

    @router.post("/{administrator_id}/unlock", status_code=204, responses=_NONE)
    async def unlock_administrator(administrator_id: UUID, principal: _Writer, request: Request) -> None:
        """Forget failed logins, so that the person can try again now."""
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            await administration.unlock(connection, administrator_id, actor)

    @router.delete(
        "/{administrator_id}/totp",
        status_code=204,
        responses=_NONE | problem_answer(409, "The own one is removed with password and code"),
    )
    async def remove_second_factor_of_administrator(
        administrator_id: UUID, principal: _Writer, request: Request
    ) -> None:
        """Remove the second factor of somebody else who has lost it."""
        if str(administrator_id) == principal.account_id:
            raise Problem(
                ProblemType.CONFLICT,
                "This is your own second factor: remove it with your password and a code.",
            )
        async with writing(means, principal, caller_of(request)) as (connection, actor):
            await administration.remove_second_factor(connection, administrator_id, actor)

    return router
