"""``GET /api/v1/files/{file_id}``: the attributes of one document, also while the index is away."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Engine
from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem
from artstore.storage.documents import document_json
from artstore.storage.files.headers import matches, revision_tag
from artstore.storage.refusals import document_not_found
from artstore.storage.running import RunningElement
from artstore.wire.problems import ProblemType


class Documents:
    """Answers from the engine alone."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        attributes = await visible_attributes(self._element.engine, document_id(request), principal)
        response = attributes_response(attributes)
        none_match = request.headers.get("if-none-match")
        if none_match is not None and matches(none_match, response.headers["ETag"]):
            headers = {name: response.headers[name] for name in ("ETag", "Cache-Control")}
            return Response(status_code=304, headers=headers)
        return response


def document_id(request: Request) -> FileId:
    """The id in the path. One that is no UUID names no document."""
    try:
        return FileId(UUID(request.path_params["file_id"]))
    except ValueError:
        raise document_not_found() from None


async def visible_attributes(engine: Engine, file_id: FileId, principal: Principal) -> FileAttributes:
    """The attributes of a document of the caller. Another's is not found, like one that is not there."""
    attributes = await engine.attributes(file_id)
    demand_visible(attributes, principal)
    return attributes


def demand_visible(attributes: FileAttributes, principal: Principal) -> None:
    """Raises Problem NOT_FOUND for another's document, unless the caller was granted to read it."""
    if not principal.may_see(attributes.created_by_id):
        raise document_not_found(is_refusal=True)


def demand_changeable(attributes: FileAttributes, principal: Principal) -> None:
    """Raises Problem NOT_PERMITTED for another's document that may only be read, NOT_FOUND for any other."""
    demand_visible(attributes, principal)
    if not principal.may_change(attributes.created_by_id):
        raise _not_permitted("change", "'files:write'")


def demand_deletable(attributes: FileAttributes, principal: Principal) -> None:
    """Raises Problem NOT_PERMITTED for another's document that may only be read, NOT_FOUND for any other."""
    demand_visible(attributes, principal)
    if not principal.may_delete(attributes.created_by_id):
        raise _not_permitted("delete", "")


def _not_permitted(what: str, grant: str) -> Problem:
    how = f"; its owner's documents must be granted to you with {grant}" if grant else "; that is its owner's"
    return Problem(ProblemType.NOT_PERMITTED, f"You may read this document, but not {what} it{how}.")


def attributes_response(attributes: FileAttributes) -> Response:
    """The document, with the revision that a change of it must name."""
    headers = {"ETag": revision_tag(attributes), "Cache-Control": "private, no-cache"}
    return Response(document_json(attributes), media_type="application/json", headers=headers)
