"""``/api/v1/batches`` of an element."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.datastructures import Headers

from artstore.attributes import RetentionPolicy, parse
from artstore.engine import Batch, BatchUnknown, Engine, Member
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.documents import document_json
from artstore.storage.outcomes import counted
from artstore.storage.refusals import batch_not_found
from artstore.storage.running import RunningElement
from artstore.wire import batches as wire
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_PREFIX = "/api/v1/batches"
_ONE = _PREFIX + "/{batch_id}"
_Writer = Annotated[Principal, Requires(Scope.FILES_WRITE)]


def batch_router(element: RunningElement) -> APIRouter:
    router = APIRouter(tags=["batches"])

    @router.post(
        _PREFIX,
        status_code=201,
        summary="Open a batch",
        responses=problem_answers(
            ProblemType.TOO_MANY_BATCHES,
            ProblemType.MODE_FORBIDS,
            ProblemType.LOG_FULL,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    )
    async def create(new: wire.NewBatch, principal: _Writer, response: Response) -> wire.Batch:
        """Documents come into it by uploads with the header X-Batch-Id, or `batch_id` in a resumable one."""
        with counted(metrics.BATCHES, "done", "open"):
            batch = await element.engine.batches.create(
                owner_id=principal.account_id, told=new.retention_policy.value
            )
        response.headers["Location"] = f"{_PREFIX}/{batch.id}"
        return _told(batch)

    @router.get(_ONE, summary="How a batch stands", responses=problem_answers(ProblemType.NOT_FOUND))
    async def read(batch_id: str, principal: _Writer) -> wire.Batch:
        return _told(find_batch(element.engine, batch_id, principal))

    @router.get(
        f"{_ONE}/documents",
        summary="The documents of a batch",
        response_model=wire.BatchPage,
        responses=problem_answers(ProblemType.NOT_FOUND, ProblemType.INVALID_CURSOR),
    )
    async def documents(
        batch_id: str,
        principal: _Writer,
        cursor: Annotated[str | None, Query(max_length=20)] = None,
        limit: Annotated[int, Query(ge=1, le=wire.MAX_LIMIT)] = wire.DEFAULT_LIMIT,
    ) -> Response:
        """As they were put into it, whatever was done to them since it was committed."""
        batch = find_batch(element.engine, batch_id, principal)
        try:
            members, following = await batch.read(int(cursor or "0"), limit)
        except ValueError:
            raise Problem(ProblemType.INVALID_CURSOR, "The cursor is not one of this batch.") from None
        page = await asyncio.to_thread(_page, members, following)
        return Response(page, media_type="application/json")

    @router.post(
        f"{_ONE}/commit",
        summary="Store all documents of a batch, or none",
        responses=problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.BATCH_INCOMPLETE,
            ProblemType.BATCH_CLOSED,
            ProblemType.MODE_FORBIDS,
            ProblemType.LOG_FULL,
            ProblemType.INSUFFICIENT_STORAGE,
            ProblemType.ELEMENT_UNAVAILABLE,
        ),
    )
    async def commit(batch_id: str, principal: _Writer, wanted: wire.Commit | None = None) -> wire.Batch:
        """Durable when 200 is answered. May be repeated."""
        batch = find_batch(element.engine, batch_id, principal)
        with counted(metrics.BATCHES, "done", "commit"):
            was_committed = batch.committed
            await batch.commit(None if wanted is None else wanted.documents)
        if not was_committed:
            metrics.BATCH_DOCUMENTS.inc(batch.documents)
        return _told(batch)

    @router.delete(
        _ONE,
        status_code=204,
        summary="Give a batch up",
        responses=problem_answers(ProblemType.NOT_FOUND, ProblemType.BATCH_CLOSED),
    )
    async def remove(batch_id: str, principal: _Writer) -> None:
        """Its documents are gone with it. One that was committed is refused: delete the documents."""
        batch = find_batch(element.engine, batch_id, principal)
        with counted(metrics.BATCHES, "done", "abort"):
            if batch.committed:
                detail = "The batch was committed; its documents can be deleted one by one."
                raise Problem(ProblemType.BATCH_CLOSED, detail)
            await batch.remove()

    return router


def batch_of_upload(engine: Engine, headers: Headers, principal: Principal) -> Batch | None:
    """The batch that an upload says it is for. Raises Problem NOT_FOUND."""
    batch_id = headers.get(wire.BATCH_ID)
    return None if batch_id is None else find_batch(engine, batch_id, principal)


def find_batch(engine: Engine, batch_id: str, principal: Principal) -> Batch:
    """Of the caller, whatever else it may see. Raises Problem NOT_FOUND."""
    try:
        batch = engine.batches.get(batch_id)
    except BatchUnknown:
        raise batch_not_found() from None
    if batch.head.owner_id != principal.account_id:
        raise batch_not_found(is_refusal=True)
    return batch


def policy_of(batch: Batch) -> RetentionPolicy:
    return RetentionPolicy(batch.head.told)


def _page(members: Sequence[Member], following: int | None) -> str:
    """The JSON of a ``wire.batches.BatchPage``."""
    items = ",".join(document_json(parse(each.attributes.encode())) for each in members)
    cursor = "null" if following is None else f'"{following}"'
    return f'{{"items":[{items}],"next_cursor":{cursor}}}'


def _told(batch: Batch) -> wire.Batch:
    return wire.Batch(
        batch_id=batch.id,
        state=wire.BatchState.COMMITTED if batch.committed else wire.BatchState.OPEN,
        retention_policy=policy_of(batch),
        documents=batch.documents,
        bytes=batch.bytes,
        expires_at=datetime.fromtimestamp(batch.expires_at, UTC).replace(microsecond=0),
    )
