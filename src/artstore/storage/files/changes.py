"""``PATCH /api/v1/files/{file_id}/metadata`` and ``DELETE /api/v1/files/{file_id}``."""

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes
from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.element.modes import Operation, demand
from artstore.storage.files.document import (
    attributes_response,
    demand_changeable,
    demand_deletable,
    document_id,
)
from artstore.storage.files.merge_patch import Patch, parse_patch, patched
from artstore.storage.files.revisions import optional_condition, required_condition
from artstore.storage.outcomes import counted
from artstore.storage.retention.extension import demand_temporary
from artstore.storage.retention.legal_hold import demand_no_legal_hold
from artstore.storage.running import RunningElement
from artstore.storage.transfers.holding import demand_not_held
from artstore.wire.problems import ProblemType

MAX_PATCH_BYTES = 64 * 1024
"""Far more than attributes may hold: what is refused for its size has a reason that can be told."""
_PATCH_TYPES = ("application/merge-patch+json", "application/json")


class Changes:
    """Decides each change under the lock of its document, so that none is lost and none is made unseen."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def update(self, request: Request, principal: Principal) -> Response:
        with counted(metrics.CHANGES, "done", "update"):
            engine = self._element.engine
            demand(engine.element.mode, Operation.UPDATE)  # before anything that the caller could mend
            condition = required_condition(request)
            patch = await _read_patch(request)

            def change(current: FileAttributes) -> FileAttributes:
                demand_changeable(current, principal)
                demand_not_held(current)
                condition.check(current)
                return patched(current, patch)

            return attributes_response(await engine.update(document_id(request), change))

    async def delete(self, request: Request, principal: Principal) -> Response:
        with counted(metrics.CHANGES, "done", "delete"):
            condition = optional_condition(request)

            def check(current: FileAttributes) -> None:
                demand_deletable(current, principal)
                demand_no_legal_hold(current)
                demand_temporary(current)
                demand_not_held(current)
                condition.check(current)

            await self._element.engine.delete(document_id(request), check=check)
            return Response(status_code=204)


async def _read_patch(request: Request) -> Patch:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _PATCH_TYPES:
        raise Problem(
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            f"Send the changes as JSON, with Content-Type {_PATCH_TYPES[0]}.",
            headers={"Accept-Patch": ", ".join(_PATCH_TYPES)},
        )
    return parse_patch(await request.body())
