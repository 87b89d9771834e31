"""``/api/v1/admin-auth/…``: what people do about their own login."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from artstore.admin.administrators import administration, own, session_repository
from artstore.admin.administrators.answers import session_answer
from artstore.admin.administrators.browser import PATH
from artstore.admin.administrators.login_endpoints import CallerOf
from artstore.admin.administrators.means import Means
from artstore.admin.administrators.sessions import end_sessions, require_session
from artstore.admin.auth.refusals import NO_STORE
from artstore.admin.problem_answers import problem_answer
from artstore.kernel.access import Principal, Requires
from artstore.kernel.problems import Problem
from artstore.wire.administrators import (
    Administrator,
    PasswordChange,
    PasswordProof,
    RecoveryCodes,
    SecondFactorProof,
    SecondFactorRemoval,
    SecondFactorSecret,
    SessionPage,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_Person = Annotated[Principal, Requires(Scope.ADMINISTRATORS_SELF)]
_REFUSED = problem_answer(401, "login-refused: password or code; session-ended; or no valid access token")
_BUSY = problem_answer(429, "Too many passwords are being checked")


def own_routes(means: Means, caller_of: CallerOf) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["administrators"])

    @router.get("/me")
    async def read_own_account(principal: _Person) -> Administrator:
        """Who the token belongs to."""
        async with means.database.read() as connection:
            administrator_id, _ = await require_session(connection, principal)
            return await administration.shown_by_id(connection, administrator_id)

    @router.post("/password", status_code=204, responses=_REFUSED | _BUSY)
    async def change_own_password(wanted: PasswordChange, principal: _Person, request: Request) -> None:
        """Change the password. Every other session of the person ends."""
        await own.change_password(
            means, principal, wanted.old_password, wanted.new_password, caller_of(request)
        )

    @router.get("/sessions")
    async def list_own_sessions(principal: _Person) -> SessionPage:
        """The sessions that go on, the newest first."""
        async with means.database.read() as connection:
            administrator_id, _ = await require_session(connection, principal)
            found = await session_repository.live_of(connection, administrator_id)
        return SessionPage(items=[session_answer(one, principal.session_id) for one in found])

    @router.delete(
        "/sessions/{session_id}", status_code=204, responses=problem_answer(404, "No such session")
    )
    async def end_own_session(session_id: UUID, principal: _Person, request: Request) -> None:
        """End a session: it can be refreshed no more, and its access token ends with it, within seconds."""
        async with means.database.write() as connection:
            administrator_id, _ = await require_session(connection, principal)
            if not await end_sessions(
                connection, principal, caller_of(request), administrator_id, session_id
            ):
                raise Problem(ProblemType.NOT_FOUND, "There is no such session, or it is over.")

    @router.post("/totp", responses=_REFUSED | _BUSY | problem_answer(409, "There is a second factor"))
    async def begin_second_factor(
        wanted: PasswordProof, principal: _Person, request: Request, response: Response
    ) -> SecondFactorSecret:
        """Begin to enrol a second factor: a secret for an authenticator, to be confirmed with a code."""
        response.headers.update(NO_STORE)
        return await own.begin_enrolment(means, principal, wanted.password, caller_of(request))

    @router.post("/totp/confirm", responses=problem_answer(409, "No enrolment is under way"))
    async def confirm_second_factor(
        wanted: SecondFactorProof, principal: _Person, request: Request, response: Response
    ) -> RecoveryCodes:
        """Confirm the second factor. Logins need a code now; the recovery codes are shown this once."""
        response.headers.update(NO_STORE)
        return await own.confirm_enrolment(means, principal, wanted.code, caller_of(request))

    @router.post(
        "/totp/remove",
        status_code=204,
        responses=_REFUSED | _BUSY | problem_answer(409, "There is no second factor"),
    )
    async def remove_own_second_factor(
        wanted: SecondFactorRemoval, principal: _Person, request: Request
    ) -> None:
        """Remove the second factor and its recovery codes."""
        await own.remove_second_factor(means, principal, wanted.password, wanted.code, caller_of(request))

    return router
