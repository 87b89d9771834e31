"""``GET /api/v1/files/{file_id}``, ``GET`` and ``HEAD /api/v1/files/{file_id}/download``."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from artstore.kernel.access import Principal
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import ElementDirectory, ElementSilent, forwarded_headers
from artstore.query.catalog.rows import hit
from artstore.query.files.elements import ElementFiles
from artstore.query.files.locate import Copies, Locator, not_found, unavailable
from artstore.query.files.relay import RelayedResponse
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

    def __init__(self, locator: Locator, directory: ElementDirectory, elements: ElementFiles) -> None:
        self._locator = locator
        self._directory = directory
        self._elements = elements

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        file_id = _file_id(request)
        asked = forwarded_headers(request, principal)
        values = {name: ", ".join(request.headers.getlist(name)) for name in _PASSED_ON}
        passed = asked | {name: value for name, value in values.items() if name in request.headers}
        known = await self._locator.in_catalog(file_id, principal)
        answer = await self._opened(known, file_id, request.method, passed)
        if answer is None:
            # The catalog may be behind: the document is new, or has moved to another element.
            found = await self._locator.in_elements(file_id, asked)
            answer = await self._opened(found, file_id, request.method, passed)
        if answer is None:
            raise not_found()
        return RelayedResponse(answer)

    async def _opened(
        self, copies: Copies, file_id: UUID, method: str, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse | None:
        """The answer of the first element that has the document after all; None where none of them has.

        Raises Problem ELEMENT_UNAVAILABLE where one that should have it does not answer, and no other has it.
        """
        silent = False
        for element_id in copies:
            element = self._directory.get(element_id)
            try:
                if element is None:
                    raise ElementSilent("it has never announced itself here")
                answer = await self._elements.download(element.url, file_id, method, headers)
            except ElementSilent:
                silent = True
                continue
            if answer is not None:
                return answer
        if silent:
            raise unavailable()
        return None


def _file_id(request: Request) -> UUID:
    """The id in the path. What is no UUID names no document."""
    try:
        return UUID(request.path_params["file_id"])
    except ValueError:
        raise not_found() from None
