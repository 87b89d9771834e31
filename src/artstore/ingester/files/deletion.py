"""``DELETE /api/v1/files/{file_id}``: the element that has the document deletes it, and answers."""

from typing import Any

import aiohttp
from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.files.locating import Locating, file_id_in
from artstore.ingester.metrics import DELETIONS
from artstore.kernel.access import Principal
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

PATH = "/api/v1/files/{file_id}"
OPERATION: dict[str, Any] = {
    "summary": "Delete a document",
    "description": "One in an element of mode `edit`, which are the temporary ones. Durable when 204 is"
    " answered; deleting again is answered with 404, and so is a repetition after an answer that got lost.",
    "tags": ["files"],
    "parameters": [
        {
            "name": "file_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
            "description": "As the upload answered it.",
        },
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The revisions that the caller knows: the ETag of the attributes.",
        },
    ],
    "responses": {
        "204": {"description": "The document is gone"},
        **problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.MODE_FORBIDS,
            ProblemType.CONFLICT,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.LOG_FULL,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    },
}
_SECONDS = 30.0
_MOST_BYTES = 64 * 1024
_RELAYED = ("Content-Type", "ETag", "Retry-After", "WWW-Authenticate")


class Deletion:
    def __init__(self, locating: Locating) -> None:
        self._locating = locating

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        """Raises Problem."""
        try:
            answer = await self._deleted(request, principal)
        except Problem as problem:
            DELETIONS.labels(problem.kind.slug).inc()
            raise
        DELETIONS.labels("done" if answer.status_code == 204 else "refused").inc()
        return answer

    async def _deleted(self, request: Request, principal: Principal) -> Response:
        file_id = file_id_in(request.path_params["file_id"])
        headers = forwarded_headers(request, principal)
        [copy, *_] = await self._locating.copies(file_id, principal, headers)
        if conditions := request.headers.getlist("if-match"):
            headers["If-Match"] = ", ".join(conditions)
        address = f"{copy.element.url.rstrip('/')}/api/v1/files/{file_id}"
        try:
            async with self._locating.session.delete(
                address,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                allow_redirects=False,
            ) as answer:
                content = await whole_body(answer, _MOST_BYTES)
                relayed = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
                return Response(content, answer.status, relayed)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE,
                "The storage element broke off, and may have deleted the document or not; delete it again.",
            ) from error
