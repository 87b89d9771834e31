"""``GET /api/v1/files/{file_id}``: the attributes of one document, also while the index is away."""

from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel.access import Principal
from artstore.storage.documents import document_json
from artstore.storage.files.download import document_id, visible_attributes
from artstore.storage.files.headers import matches, revision_tag
from artstore.storage.running import RunningElement


class Documents:
    """Answers from the engine alone."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        attributes = await visible_attributes(self._element.engine, document_id(request), principal)
        headers = {"ETag": revision_tag(attributes), "Cache-Control": "private, no-cache"}
        none_match = request.headers.get("if-none-match")
        if none_match is not None and matches(none_match, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(document_json(attributes), media_type="application/json", headers=headers)
