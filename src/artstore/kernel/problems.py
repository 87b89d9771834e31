"""Refusals: what an endpoint raises, and how it reaches the client as RFC 9457 problem details."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel import tracing
from artstore.wire.problems import PROBLEM_JSON, ProblemType

CHALLENGE = 'Bearer realm="artstore"'
REFUSED_KEY = "artstore.refused"
"""In the ASGI scope: set when access was refused, whatever the answer says."""
_RETRY_AFTER_SECONDS = "5"

_OF_STATUS: Mapping[int, ProblemType] = {
    400: ProblemType.INVALID_REQUEST,
    401: ProblemType.UNAUTHENTICATED,
    403: ProblemType.INSUFFICIENT_SCOPE,
    404: ProblemType.NOT_FOUND,
    405: ProblemType.METHOD_NOT_ALLOWED,
    408: ProblemType.REQUEST_TIMEOUT,
    409: ProblemType.CONFLICT,
    413: ProblemType.REQUEST_TOO_LARGE,
    415: ProblemType.UNSUPPORTED_MEDIA_TYPE,
    416: ProblemType.RANGE_NOT_SATISFIABLE,
    422: ProblemType.INVALID_PARAMETER,
    429: ProblemType.TOO_MANY_REQUESTS,
    500: ProblemType.INTERNAL,
    503: ProblemType.DEPENDENCY_UNAVAILABLE,
}


class Problem(Exception):
    """Raise it to refuse a request. ``detail`` is a sentence for the client that says what to do.

    ``field`` names the offending input; ``headers`` go into the answer; further ``members`` into its body.
    Nothing internal belongs into any of them. ``is_refusal`` says that access was refused where the answer
    does not show it, for the audit trail; 401 and 403 are refusals anyway.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        is_refusal: bool = False,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.field = field
        self.headers = headers or {}
        self.is_refusal = is_refusal
        self.members = members

    @property
    def status(self) -> int:
        return self.kind.status

    def __str__(self) -> str:
        return f"{self.kind.slug}: {self.detail}"


def problem_response(problem: Problem) -> Response:
    """The answer for ``problem``: 401 carries a challenge (RFC 9110 §11.6.1), 503 says when to come again."""
    kind = problem.kind
    headers = dict(problem.headers)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", CHALLENGE)
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", _RETRY_AFTER_SECONDS)
    members = dict(problem.members)
    if problem.field is not None:
        members["field"] = problem.field
    head = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": problem.detail}
    return _response({**head, **members}, headers)


def install(app: FastAPI) -> None:
    """Makes every refusal of ``app`` a problem, also those of FastAPI and Starlette themselves.

    What no handler takes is the middleware's: it answers INTERNAL and logs the traceback.
    """
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_problem(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, Problem)
    if exception.is_refusal:
        request.scope[REFUSED_KEY] = True
    return problem_response(exception)


async def _on_http_exception(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)
    headers = dict(exception.headers or {})
    status = exception.status_code
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    if status < HTTPStatus.BAD_REQUEST:
        return Response(status_code=status, headers=headers)
    phrase = _phrase(status)
    if exception.detail == _BODY_UNREADABLE:
        return problem_response(Problem(ProblemType.INVALID_REQUEST, _NO_JSON))
    detail = _DETAILS.get(status) if exception.detail == phrase else exception.detail
    kind = _OF_STATUS.get(status)
    if kind is None:
        members = {"type": "about:blank", "title": phrase, "status": status, "detail": detail or phrase}
        return _response(members, headers)
    return problem_response(Problem(kind, detail or kind.title, headers=headers))


def _methods_at(request: Request) -> set[str]:
    """The methods of all routes at this path (RFC 9110 §10.2.1); Starlette names only the first one's."""
    path = request.scope["path"]
    methods: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(path):
            methods |= context.methods or set()
    return methods


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


_BODY_UNREADABLE = "There was an error parsing the body"
"""What FastAPI says of everything but broken syntax."""
_NO_JSON = (
    "The body cannot be read as JSON: it must be UTF-8, without numbers of thousands of digits and without"
    " thousands of brackets in each other."
)
_NOT_SAID_TO_BE_JSON = (
    "The body cannot be accepted: send JSON, and the header Content-Type: application/json."
)

_DETAILS = {
    404: "There is nothing at this address.",
    405: "The resource does not support this method; the header Allow lists those it does.",
    413: "The body is larger than this resource takes.",
}


async def _on_validation(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, RequestValidationError)
    error = exception.errors()[0]
    location = [str(part) for part in error["loc"]]
    if error["type"] == "json_invalid":
        reason = error.get("ctx", {}).get("error", "it ends too early")
        detail = f"The body is not valid JSON: {reason} (at character {location[-1]})."
        return problem_response(Problem(ProblemType.INVALID_REQUEST, detail))
    place, field = location[0], ".".join(location[1:]) or location[0]
    if field == place == "body" and error.get("input") and not _is_json(request):
        # curl says application/x-www-form-urlencoded of every -d.
        return problem_response(Problem(ProblemType.INVALID_PARAMETER, _NOT_SAID_TO_BE_JSON, field=field))
    what = "The body" if field == place == "body" else f"'{field}' ({_PLACES.get(place, place)})"
    detail = f"{what} cannot be accepted: {_lower_first(str(error['msg']))}."
    return problem_response(Problem(ProblemType.INVALID_PARAMETER, detail, field=field))


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


_PLACES = {
    "query": "in the query",
    "path": "in the path",
    "header": "a header",
    "cookie": "a cookie",
    "body": "in the body",
}


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _response(body: dict[str, Any], headers: dict[str, str]) -> Response:
    request_id = tracing.current_request_id()
    if request_id is not None:
        body["request_id"] = request_id
    content = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
    return Response(content, body["status"], headers, media_type=PROBLEM_JSON)
