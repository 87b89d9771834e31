"""The description of a service's API, with the hot routes and the problems in it."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from artstore.kernel.access.requirements import SECURITY_SCHEME
from artstore.wire.problems import PROBLEM_JSON, ProblemBody, ProblemType

_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM = {PROBLEM_JSON: {"schema": _PROBLEM_REF}}
RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {"description": "Seconds until it is worth asking again", "schema": {"type": "integer"}}
}
RATE_LIMIT: dict[str, Any] = {
    "RateLimit-Limit": {"description": "Requests in a minute", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many of them are left", "schema": {"type": "integer"}},
    "RateLimit-Reset": {
        "description": "Seconds until the oldest of them are over a minute ago, and no longer count",
        "schema": {"type": "integer"},
    },
}
"""Headers of every answer to an account that has a limit."""
_METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})


class DescribedApp(FastAPI):
    """An application whose ``openapi()`` is true also for what FastAPI does not know of."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            for path, methods, scope, operation in self.state.hot_operations:
                entry = schema["paths"].setdefault(path, {})
                for method in methods:
                    security = [{SECURITY_SCHEME: [scope.value]}] if scope is not None else []
                    entry[method.lower()] = {"security": security, **operation}
            _describe_problems(schema)
            self.openapi_schema = schema
        return self.openapi_schema


def _describe_problems(schema: dict[str, Any]) -> None:
    """Every operation can be refused with a problem, and none with FastAPI's own form of errors."""
    components = schema.setdefault("components", {})
    components.setdefault("securitySchemes", {}).setdefault(
        SECURITY_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from Admin.",
        },
    )
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = ProblemBody.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = {"description": "Refused", "content": _PROBLEM}
    components["responses"] = {
        "TooManyRequests": problem
        | {"description": "Too many requests", "headers": {**RETRY_AFTER, **RATE_LIMIT}}
    }
    for path in schema["paths"].values():
        for method, operation in path.items():
            if method not in _METHODS:
                continue
            responses = operation.setdefault("responses", {})
            responses["422"] = problem | {"description": "A parameter has an invalid value"}
            if operation.get("security"):
                responses.setdefault("401", problem | {"description": "No valid access token"})
                responses.setdefault("403", problem | {"description": "The token lacks the scope"})
                responses.setdefault("429", {"$ref": "#/components/responses/TooManyRequests"})
            responses.setdefault("default", problem)


def problem_answers(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation by status, each with the slugs of its types: a part of ``responses``."""
    by_status: dict[int | str, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(kind.slug)
    return {
        status: {"description": "Refused: " + ", ".join(slugs), "content": _PROBLEM}
        for status, slugs in by_status.items()
    }


async def description(request: Request) -> Response:
    """``GET /openapi.json``."""
    return JSONResponse(request.app.openapi())


async def documentation(request: Request) -> Response:
    """``GET /docs``: the description as a page to try it out."""
    from fastapi.openapi.docs import get_swagger_ui_html

    return get_swagger_ui_html(openapi_url="openapi.json", title=request.app.title)
