"""``/api/v1/admin-auth/login|refresh|logout|password/reset``: open to everybody, for who has no token yet."""

from collections.abc import Callable
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from artstore.admin.administrators import own, sessions
from artstore.admin.administrators.answers import login_answer
from artstore.admin.administrators.browser import PATH, RefreshCookie
from artstore.admin.administrators.login import log_in
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.sessions import OpenedSession
from artstore.admin.auth.refusals import NO_STORE
from artstore.admin.auth.tokens import TokenIssuer
from artstore.admin.problem_answers import problem_answer
from artstore.kernel.access import public
from artstore.kernel.problems import Problem
from artstore.wire.administrators import Login, LoginAnswer, PasswordReset, Refresh

CallerOf = Callable[[Request], Caller]
_REFUSED = problem_answer(401, "login-refused: name, password or code; or second-factor-required")
_CROSS_ORIGIN = problem_answer(403, "cross-origin: sent by a page of another origin")
_BUSY = problem_answer(429, "Too many passwords are being checked")


def login_routes(means: Means, tokens: TokenIssuer, cookie: RefreshCookie, caller_of: CallerOf) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["administrators"])

    def answered(response: Response, opened: OpenedSession, *, in_body: bool) -> LoginAnswer:
        response.headers.update(NO_STORE)
        answer = login_answer(opened, means.rules, tokens, with_token=in_body)
        if not in_body:
            left = answer.refresh_expires_at - opened.at
            cookie.set(response, opened.refresh_token, int(left / timedelta(seconds=1)))
        return answer

    @router.post("/login", responses=_REFUSED | _CROSS_ORIGIN | _BUSY)
    @public
    async def login(wanted: Login, request: Request, response: Response) -> LoginAnswer:
        """Begin a session. The refresh token is given in a cookie, or in the body to what is no browser."""
        cookie.require_own_page(request)
        opened = await log_in(means, wanted.username, wanted.password, wanted.code, caller_of(request))
        return answered(response, opened, in_body=wanted.refresh_token_in == "body")  # noqa: S105

    @router.post("/refresh", responses=problem_answer(401, "The session is over") | _CROSS_ORIGIN)
    @public
    async def refresh(request: Request, response: Response, wanted: Refresh | None = None) -> LoginAnswer:
        """Another access token. The refresh token comes and goes the same way, and is good once.

        One that comes a second time ends the session, since then somebody has a copy.
        """
        cookie.require_own_page(request)
        token, in_body = _presented(wanted, cookie.read(request))
        if token is None:
            raise sessions.session_ended()
        try:
            opened = await sessions.refresh(means, token, caller_of(request))
        except Problem as problem:
            raise problem if in_body else _forgetting(problem, cookie) from None
        return answered(response, opened, in_body=in_body)

    @router.post("/logout", status_code=204, responses=_CROSS_ORIGIN)
    @public
    async def logout(request: Request, response: Response, wanted: Refresh | None = None) -> None:
        """End the session of the refresh token. Also where there is none, so that it can be repeated."""
        cookie.require_own_page(request)
        token, _ = _presented(wanted, cookie.read(request))
        if token is not None:
            await sessions.log_out(means, token, caller_of(request))
        cookie.clear(response)

    @router.post("/password/reset", status_code=204, responses=_REFUSED | _BUSY)
    @public
    async def reset_password(wanted: PasswordReset, request: Request) -> None:
        """Set a password with a one-time code. Sessions end when the code is given out, not here."""
        await own.set_password(means, wanted.username, wanted.code, wanted.new_password, caller_of(request))

    return router


def _presented(wanted: Refresh | None, in_cookie: str | None) -> tuple[str | None, bool]:
    """The refresh token, and whether it came in the body."""
    if wanted is not None and wanted.refresh_token is not None:
        return wanted.refresh_token.get_secret_value(), True
    return in_cookie, False


def _forgetting(problem: Problem, cookie: RefreshCookie) -> Problem:
    """The refusal, with which a browser forgets a cookie that is good no more."""
    if problem.kind is not sessions.session_ended().kind:
        return problem
    told = Response()
    cookie.clear(told)
    problem.headers["Set-Cookie"] = told.headers["set-cookie"]
    return problem
