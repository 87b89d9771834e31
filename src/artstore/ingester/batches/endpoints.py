"""``/api/v1/batches`` of the Ingester."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from artstore.ingester.batches.addresses import PATH
from artstore.ingester.batches.service import Batches
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.wire.batches import DEFAULT_LIMIT, MAX_LIMIT, Batch, BatchPage, Commit, NewBatch
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_ONE = PATH + "/{batch_id}"
_Writer = Annotated[Principal, Requires(Scope.FILES_WRITE)]
_OF_ONE = (ProblemType.NOT_FOUND, ProblemType.ELEMENT_UNAVAILABLE)

router = APIRouter(tags=["batches"])


@router.post(
    PATH,
    status_code=201,
    summary="Open a batch",
    response_model=Batch,
    responses=problem_answers(
        ProblemType.TOO_MANY_BATCHES,
        ProblemType.MODE_FORBIDS,
        ProblemType.NO_ELEMENT_AVAILABLE,
        ProblemType.ELEMENT_UNAVAILABLE,
        ProblemType.LOG_FULL,
        ProblemType.INSUFFICIENT_STORAGE,
    ),
)
async def create(request: Request, principal: _Writer, new: NewBatch | None = None) -> Response:
    """Documents come into it by uploads of every kind that name it as `batch_id`: in the query, or in the
    metadata of a resumable one. Nobody sees them before it is committed.
    """
    return await _service(request).open(request, principal, new or NewBatch())


@router.get(_ONE, summary="How a batch stands", response_model=Batch, responses=problem_answers(*_OF_ONE))
async def read(request: Request, principal: _Writer, batch_id: str) -> Response:
    return await _service(request).read(request, principal, batch_id)


@router.get(
    f"{_ONE}/documents",
    summary="The documents of a batch",
    response_model=BatchPage,
    responses=problem_answers(*_OF_ONE, ProblemType.INVALID_CURSOR),
)
async def documents(
    request: Request,
    principal: _Writer,
    batch_id: str,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Response:
    """As they were put into it, whatever was done to them since it was committed."""
    return await _service(request).documents(request, principal, batch_id, cursor, limit)


@router.post(
    f"{_ONE}/commit",
    summary="Store all documents of a batch, or none",
    response_model=Batch,
    responses=problem_answers(
        *_OF_ONE,
        ProblemType.BATCH_INCOMPLETE,
        ProblemType.BATCH_CLOSED,
        ProblemType.MODE_FORBIDS,
        ProblemType.LOG_FULL,
        ProblemType.INSUFFICIENT_STORAGE,
    ),
)
async def commit(
    request: Request, principal: _Writer, batch_id: str, wanted: Commit | None = None
) -> Response:
    """Durable when 200 is answered. May be repeated. With `documents`, nothing is stored unless there are so
    many.
    """
    return await _service(request).commit(request, principal, batch_id, wanted)


@router.delete(
    _ONE,
    status_code=204,
    summary="Give a batch up",
    responses=problem_answers(*_OF_ONE, ProblemType.BATCH_CLOSED),
)
async def abort(request: Request, principal: _Writer, batch_id: str) -> Response:
    """Its documents are gone with it. One that was committed is refused: delete the documents."""
    return await _service(request).abort(request, principal, batch_id)


def _service(request: Request) -> Batches:
    service: Batches = request.app.state.batches
    return service
