"""``GET /api/v1/files/{file_id}``, ``GET`` and ``HEAD /api/v1/files/{file_id}/download``."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from artstore.kernel.access import Principal
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import forwarded_headers
from artstore.query.catalog.rows import hit
from artstore.query.files.continuing import Continuation
from artstore.query.files.fetching import Asked, Fetcher
from artstore.query.files.locate import Locator, Whereabouts, not_found
from artstore.query.files.relay import RelayedResponse
from artstore.query.files.stream import DocumentStream
from artstore.wire.problems import ProblemType

DOCUMENT_PATH = "/api/v1/files/{file_id}"
DOWNLOAD_PATH = "/api/v1/files/{file_id}/download"

_PASSED_ON = (
    "Accept-Encoding",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
)
_PASSED_ON_BY_RAW = {name.lower().encode("ascii"): name for name in _PASSED_ON}
"""As the server gives names of headers."""

_FILE_ID = {
    "name": "file_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "description": "As the upload answered it.",
}
DOCUMENT_OPERATION: dict[str, Any] = {
    "summary": "The attributes of one document",
    "tags": ["files"],
    "parameters": [_FILE_ID],
    "responses": {
        "200": {
            "description": "The document, with the element that keeps it",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SearchHit"}}},
        },
        **problem_answers(ProblemType.NOT_FOUND, ProblemType.ELEMENT_UNAVAILABLE),
    },
}
DOWNLOAD_OPERATION: dict[str, Any] = {
    "summary": "The bytes of one document, or ranges of them",
    "tags": ["files"],
    "parameters": [
        _FILE_ID,
        *(
            {"name": name, "in": "header", "schema": {"type": "string"}, "description": "RFC 9110"}
            for name in _PASSED_ON
        ),
    ],
    "responses": {
        "200": {"description": "The whole document", "content": {"*/*": {}}},
        "206": {"description": "The ranges that were asked for", "content": {"*/*": {}}},
        "304": {"description": "The client has these bytes already"},
        **problem_answers(
            ProblemType.DOCUMENT_OFFLINE,
            ProblemType.NOT_FOUND,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.RANGE_NOT_SATISFIABLE,
            ProblemType.DOCUMENT_DAMAGED,
            ProblemType.ELEMENT_UNAVAILABLE,
        ),
    },
}


class Documents:
    """The attributes of one document."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        file_id = _file_id(request)
        copies = await self._locator.find(file_id, principal, forwarded_headers(request, principal))
        element_id, document = next(iter(copies.items()))
        headers = {"Cache-Control": "private, no-cache"}
        return JSONResponse(hit(document, element_id), headers=headers)


class Downloads:
    """The bytes of one document, from whichever element has it."""

    def __init__(
        self, locator: Locator, fetcher: Fetcher, *, failover_seconds: float, stalled_seconds: float
    ) -> None:
        """``stalled_seconds``: how long a client may take nothing."""
        self._locator = locator
        self._fetcher = fetcher
        self._failover_seconds = failover_seconds
        self._stalled_seconds = stalled_seconds

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        file_id = _file_id(request)
        caller = forwarded_headers(request, principal)
        asked = Asked(file_id, request.method, caller, conditions_of(request))
        return self.answer(await self.stream(asked, Whereabouts(self._locator, file_id, principal, caller)))

    def answer(self, stream: DocumentStream, *, headers: Mapping[str, str] | None = None) -> Response:
        """``headers`` stand in it in place of the element's own. Whoever makes it must also call it."""
        return RelayedResponse(stream, stalled_seconds=self._stalled_seconds, headers=headers)

    async def stream(self, asked: Asked, where: Whereabouts) -> DocumentStream:
        """Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE where an element that has it does not answer."""
        opened = await self._fetcher.open(asked, where)
        continuation = Continuation(self._fetcher, asked, where, opened, seconds=self._failover_seconds)
        return DocumentStream(opened, continuation)


def conditions_of(request: Request) -> dict[str, str]:
    """The headers of a request that say which bytes are wanted, and in which form."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        if (name := _PASSED_ON_BY_RAW.get(raw_name)) is not None:
            value = raw_value.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _file_id(request: Request) -> UUID:
    """The id in the path. What is no UUID names no document."""
    try:
        return UUID(request.path_params["file_id"])
    except ValueError:
        raise not_found() from None
