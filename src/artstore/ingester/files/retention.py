"""How long a document is kept: the element that has it decides, and answers."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.files.locating import Locating
from artstore.ingester.files.relaying import FILE_ID, IF_MATCH, relayed
from artstore.ingester.metrics import RETENTION
from artstore.kernel.access import Principal
from artstore.kernel.openapi import problem_answers
from artstore.kernel.problems import Problem
from artstore.wire.documents import Document
from artstore.wire.problems import ProblemType
from artstore.wire.retention import Extension, NewLegalHold

RETENTION_PATH = "/api/v1/files/{file_id}/retention"
HOLD_PATH = "/api/v1/files/{file_id}/hold"
MAX_BODY_BYTES = 4096
_REFUSED = (
    ProblemType.INVALID_PARAMETER,
    ProblemType.REQUEST_TOO_LARGE,
    ProblemType.NOT_FOUND,
    ProblemType.MODE_FORBIDS,
    ProblemType.CONFLICT,
    ProblemType.ATTRIBUTES_TOO_LARGE,
    ProblemType.ELEMENT_UNAVAILABLE,
    ProblemType.LOG_FULL,
    ProblemType.INSUFFICIENT_STORAGE,
)
_DOCUMENT = {"application/json": {"schema": Document.model_json_schema()}}
EXTEND: dict[str, Any] = {
    "summary": "Keep a temporary document longer",
    "description": "For so many days from now: never shorter than before, and not once it has expired.",
    "tags": ["retention"],
    "parameters": [FILE_ID, IF_MATCH],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Extension.model_json_schema()}},
    },
    "responses": {
        "200": {"description": "The document with its new `expires_at`", "content": _DOCUMENT},
        **problem_answers(*_REFUSED, ProblemType.NOT_PERMITTED, ProblemType.PRECONDITION_FAILED),
    },
}
HOLD: dict[str, Any] = {
    "summary": "Put a document under a legal hold",
    "description": "Nobody deletes it, and it does not expire, until it is released. The audit trail has it"
    " when this is answered; repeating the request is safe.",
    "tags": ["retention"],
    "parameters": [FILE_ID],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": NewLegalHold.model_json_schema()}},
    },
    "responses": {
        "200": {"description": "The document with its `legal_hold`", "content": _DOCUMENT},
        **problem_answers(*_REFUSED, ProblemType.DEPENDENCY_UNAVAILABLE),
    },
}
RELEASE: dict[str, Any] = {
    "summary": "Release a document from its legal hold",
    "description": "Also answered with 204 where there is none. Repeating the request is safe.",
    "tags": ["retention"],
    "parameters": [FILE_ID],
    "responses": {
        "204": {"description": "It is under no legal hold"},
        **problem_answers(*_REFUSED, ProblemType.DEPENDENCY_UNAVAILABLE),
    },
}


class Retention:
    """Raises Problem."""

    def __init__(self, locating: Locating) -> None:
        self._locating = locating

    async def extend(self, request: Request, principal: Principal) -> Response:
        return await self._relayed("extend", request, principal, "/retention")

    async def hold(self, request: Request, principal: Principal) -> Response:
        return await self._relayed("hold", request, principal, "/hold")

    async def release(self, request: Request, principal: Principal) -> Response:
        return await self._relayed("release", request, principal, "/hold")

    async def _relayed(self, operation: str, request: Request, principal: Principal, what: str) -> Response:
        try:
            answer = await relayed(self._locating, request, principal, what)
        except Problem as problem:
            RETENTION.labels(operation, problem.kind.slug).inc()
            raise
        RETENTION.labels(operation, "done" if answer.status_code < 300 else "refused").inc()
        return answer
