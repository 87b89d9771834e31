"""``GET`` and ``HEAD /api/v1/files/{file_id}/download``: the bytes of a document, or one range of them."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, Engine, OpenDocument
from artstore.kernel.access import Principal
from artstore.kernel.streaming import RangeSpec, parse_range
from artstore.storage import metrics
from artstore.storage.files import headers as fields
from artstore.storage.files.sending import PIECE_BYTES, DocumentResponse
from artstore.storage.refusals import document_not_found
from artstore.storage.running import RunningElement
from artstore.wire.headers import REPR_DIGEST


class Downloads:
    """Sends documents out. One deleted or changed meanwhile is sent to its end, as it was when opened."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        document = await self._open_visible(document_id(request), principal)
        try:
            response = await _answer(request, document)
        except BaseException:
            await document.close()
            raise
        if not isinstance(response, DocumentResponse):  # which closes it when all is sent
            await document.close()
        return response

    async def _open_visible(self, file_id: FileId, principal: Principal) -> OpenDocument:
        try:
            document = await self._element.engine.open_document(file_id)
        except Damaged:
            await visible_attributes(self._element.engine, file_id, principal)
            raise
        if not principal.may_see(document.attributes.created_by_id):
            await document.close()
            raise document_not_found()
        return document


def document_id(request: Request) -> FileId:
    """The id in the path. One that is no UUID names no document."""
    try:
        return FileId(UUID(request.path_params["file_id"]))
    except ValueError:
        raise document_not_found() from None


async def visible_attributes(engine: Engine, file_id: FileId, principal: Principal) -> FileAttributes:
    """The attributes of a document of the caller. Another's is not found, like one that is not there."""
    attributes = await engine.attributes(file_id)
    if not principal.may_see(attributes.created_by_id):
        raise document_not_found()
    return attributes


async def _answer(request: Request, document: OpenDocument) -> Response:
    attributes = document.attributes
    if _is_unchanged(request, attributes):
        return Response(status_code=304, headers=_validators(attributes))
    wanted = _range(request, attributes)
    headers = _headers(attributes, wanted)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    part = wanted or RangeSpec(0, attributes.file_size, attributes.file_size)
    if part.length > PIECE_BYTES:
        return DocumentResponse(document, part, status, headers)
    content = await document.read(part.start, part.length)
    metrics.BYTES_OUT.inc(len(content))
    return Response(content, status, headers)


def _is_unchanged(request: Request, attributes: FileAttributes) -> bool:
    """The preconditions in the order of RFC 9110 §13.2.2."""
    none_match = request.headers.get("if-none-match")
    if none_match is not None:
        return fields.matches(none_match, fields.content_tag(attributes))
    since = request.headers.get("if-modified-since")
    return since is not None and fields.is_unmodified(since, attributes.created_at)


def _range(request: Request, attributes: FileAttributes) -> RangeSpec | None:
    if request.method == "HEAD":
        return None  # a range is defined for GET only (RFC 9110 §14.2)
    if_range = request.headers.get("if-range")
    if if_range is not None and not fields.allows_range(if_range, attributes):
        return None
    return parse_range(request.headers.get("range"), attributes.file_size)


def _validators(attributes: FileAttributes) -> dict[str, str]:
    return {
        "ETag": fields.content_tag(attributes),
        "Last-Modified": fields.last_modified(attributes),
        "Cache-Control": "private, no-cache",
    }


def _headers(attributes: FileAttributes, wanted: RangeSpec | None) -> dict[str, str]:
    headers = {
        **_validators(attributes),
        "Content-Type": attributes.content_type,
        "Content-Disposition": fields.content_disposition(attributes.original_filename),
        "Content-Length": str(attributes.file_size if wanted is None else wanted.length),
        "Accept-Ranges": "bytes",
        REPR_DIGEST: fields.repr_digest(attributes),
        # A document is somebody's content, never a page of this site, whatever it claims to be.
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if wanted is not None:
        headers["Content-Range"] = wanted.content_range
    return headers
