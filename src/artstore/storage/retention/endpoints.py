"""``PUT /api/v1/files/{file_id}/retention``, ``PUT`` and ``DELETE /api/v1/files/{file_id}/hold``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from artstore.attributes import FileAttributes
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.storage import metrics
from artstore.storage.files.document import attributes_response, demand_changeable, document_id
from artstore.storage.files.revisions import optional_condition
from artstore.storage.outcomes import counted
from artstore.storage.retention.extension import extended
from artstore.storage.retention.legal_hold import LegalHolds, Report
from artstore.storage.running import RunningElement
from artstore.storage.transfers.holding import demand_not_held
from artstore.wire.documents import Document
from artstore.wire.problems import ProblemType
from artstore.wire.retention import Extension, NewLegalHold
from artstore.wire.scopes import Scope

_ONE = "/api/v1/files/{file_id}"
_REFUSED = problem_answers(
    ProblemType.NOT_FOUND,
    ProblemType.MODE_FORBIDS,
    ProblemType.CONFLICT,
    ProblemType.ATTRIBUTES_TOO_LARGE,
    ProblemType.LOG_FULL,
    ProblemType.INSUFFICIENT_STORAGE,
)
_REFUSED_EXTENSION = {**_REFUSED, **problem_answers(ProblemType.PRECONDITION_FAILED)}
_REFUSED_HOLD = {**_REFUSED, **problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE)}
_Changer = Annotated[Principal, Requires(Scope.FILES_WRITE)]
_Holder = Annotated[Principal, Requires(Scope.FILES_HOLD)]


def retention_router(element: RunningElement, report: Callable[[], Report | None]) -> APIRouter:
    """``report`` gives what tells the audit trail of holds, where there is an account to do so."""
    router = APIRouter(tags=["retention"])

    @router.put(
        f"{_ONE}/retention",
        response_model=Document,
        summary="Keep a temporary document longer",
        responses=_REFUSED_EXTENSION,
    )
    async def extend(
        file_id: str,
        wanted: Extension,
        request: Request,
        principal: _Changer,
        if_match: Annotated[str | None, Header(description="The revisions that the caller knows")] = None,
    ) -> Response:
        """For so many days from now. Never shorter than before, and not once it has expired."""
        with counted(metrics.CHANGES, "done", "extend"):
            condition = optional_condition(request)

            def change(current: FileAttributes) -> FileAttributes:
                demand_changeable(current, principal)
                demand_not_held(current)
                condition.check(current)
                return extended(current, wanted.ttl_days, datetime.now(UTC))

            return attributes_response(await element.engine.update(document_id(request), change))

    @router.put(
        f"{_ONE}/hold",
        response_model=Document,
        summary="Put a document under a legal hold",
        responses=_REFUSED_HOLD,
    )
    async def hold(file_id: str, wanted: NewLegalHold, request: Request, principal: _Holder) -> Response:
        """Nobody deletes it, and it does not expire, until it is released. The audit trail has it when this
        is answered; repeating the request is safe.
        """
        with counted(metrics.CHANGES, "done", "hold"):
            holds = LegalHolds(element.engine, report())
            return attributes_response(await holds.set(document_id(request), wanted.reason, principal))

    @router.delete(
        f"{_ONE}/hold",
        status_code=204,
        summary="Release a document from its legal hold",
        responses=_REFUSED_HOLD,
    )
    async def release(file_id: str, request: Request, principal: _Holder) -> None:
        """Also answered with 204 where there is no hold."""
        with counted(metrics.CHANGES, "done", "release"):
            await LegalHolds(element.engine, report()).release(document_id(request), principal)

    return router
