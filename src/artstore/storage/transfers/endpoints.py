"""``/api/v1/transfers/{file_id}``: what Admin's transactions ask of the source and of the target."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import aiohttp
from fastapi import APIRouter, Request, Response

from artstore.attributes import FileId
from artstore.kernel.access import Principal, Requires
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import forwarded_headers
from artstore.kernel.problems import Problem
from artstore.storage.documents import public_fields
from artstore.storage.running import RunningElement
from artstore.storage.transfers import holding
from artstore.storage.transfers.arriving import Arrivals
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope
from artstore.wire.transfers import Copied, Copy, Held, Hold, Withdrawn

_PREFIX = "/api/v1/transfers/{file_id}"
_Mover = Annotated[Principal, Requires(Scope.TRANSFERS_WRITE)]
_SOURCE = problem_answers(
    ProblemType.NOT_FOUND,
    ProblemType.CONFLICT,
    ProblemType.MODE_FORBIDS,
    ProblemType.LOG_FULL,
    ProblemType.INSUFFICIENT_STORAGE,
)
_TARGET = problem_answers(
    ProblemType.CONFLICT,
    ProblemType.MODE_FORBIDS,
    ProblemType.DOCUMENT_DAMAGED,
    ProblemType.ELEMENT_UNAVAILABLE,
    ProblemType.LOG_FULL,
    ProblemType.INSUFFICIENT_STORAGE,
)


def transfer_router(
    element: RunningElement,
    arrivals: Arrivals,
    are_under_way: Callable[[FileId], bool],
    session: Callable[[], aiohttp.ClientSession],
) -> APIRouter:
    """``are_under_way``: uploads with this id."""
    router = APIRouter(tags=["transfers"])

    @router.put(f"{_PREFIX}/hold", summary="Hold a document for a transfer", responses=_SOURCE)
    async def hold(file_id: UUID, wanted: Hold, principal: _Mover) -> Held:
        """At the source, of mode `edit`. Until it is released or let go nobody else changes or deletes it."""
        attributes = await holding.hold(element.engine, FileId(file_id), wanted)
        return Held(document=public_fields(attributes.to_json_object()))

    @router.delete(f"{_PREFIX}/hold", status_code=204, summary="Release a document", responses=_SOURCE)
    async def release(file_id: UUID, transfer_id: UUID, principal: _Mover) -> None:
        """At the source: it stays, as it was before. At a target of mode `edit`: it is like any other."""
        await holding.release(element.engine, FileId(file_id), transfer_id)

    @router.delete(
        f"{_PREFIX}/source",
        status_code=204,
        summary="Let a document go",
        responses={**_SOURCE, **problem_answers(ProblemType.ELEMENT_UNAVAILABLE)},
    )
    async def let_go(file_id: UUID, transfer_id: UUID, principal: _Mover) -> None:
        """At the source: the document is gone from here, for the target has it. Not while it is uploaded
        again: that try would not find it any more, and store it twice.
        """
        if are_under_way(FileId(file_id)):
            raise Problem(
                ProblemType.ELEMENT_UNAVAILABLE, "The document is just being uploaded again; try again soon."
            )
        await holding.let_go(element.engine, FileId(file_id), transfer_id)

    @router.put(
        f"{_PREFIX}/copy",
        summary="Take a document over",
        responses={**_TARGET, 202: {"description": "It goes on; ask again", "model": Copied}},
    )
    async def copy(
        file_id: UUID, wanted: Copy, principal: _Mover, request: Request, response: Response
    ) -> Copied:
        """At the target, of mode `rw`, or `edit` for what is not permanent: it pulls the document from the
        source, with the token of this request. 200 says that it is durable here and was read back. In an
        element of mode `edit` it bears the mark of the transfer until that is taken away by `hold`.
        """
        headers = forwarded_headers(request, principal)
        copied = await arrivals.copy(FileId(file_id), wanted, session(), headers)
        if copied.document is None:
            response.status_code = 202
            return copied
        return copied.model_copy(update={"document": public_fields(copied.document)})

    @router.delete(f"{_PREFIX}/copy", summary="Withdraw a transfer", responses=_TARGET)
    async def withdraw(file_id: UUID, principal: _Mover) -> Withdrawn:
        """At the target: what is under way ends. What was taken over before stays; the answer tells."""
        left = await arrivals.withdraw(FileId(file_id))
        return Withdrawn(is_present=left is not None, transfer_id=None if left is None else left.transfer_id)

    return router
