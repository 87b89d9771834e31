"""``DELETE /api/v1/files/{file_id}``: the element that has the document deletes it, and answers."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.files.locating import Locating
from artstore.ingester.files.relaying import FILE_ID, IF_MATCH, relayed
from artstore.ingester.metrics import DELETIONS
from artstore.kernel.access import Principal
from artstore.kernel.openapi import problem_answers
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

PATH = "/api/v1/files/{file_id}"
OPERATION: dict[str, Any] = {
    "summary": "Delete a document",
    "description": "One in an element of mode `edit`, which are the temporary ones. Durable when 204 is"
    " answered; deleting again is answered with 404, and so is a repetition after an answer that got lost.",
    "tags": ["files"],
    "parameters": [FILE_ID, IF_MATCH],
    "responses": {
        "204": {"description": "The document is gone"},
        **problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.MODE_FORBIDS,
            ProblemType.CONFLICT,
            ProblemType.RETAINED,
            ProblemType.LEGAL_HOLD,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.LOG_FULL,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    },
}


class Deletion:
    def __init__(self, locating: Locating) -> None:
        self._locating = locating

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        """Raises Problem."""
        try:
            answer = await relayed(self._locating, request, principal)
        except Problem as problem:
            DELETIONS.labels(problem.kind.slug).inc()
            raise
        DELETIONS.labels("done" if answer.status_code == 204 else "refused").inc()
        return answer
