"""``GET`` and ``HEAD /api/v1/files/{file_id}/download``: the bytes of a document, or ranges of them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes, FileId
from artstore.engine import Damaged, ModeForbids, OpenDocument
from artstore.kernel.access import Principal
from artstore.kernel.problems import Problem, problem_response
from artstore.kernel.streaming import RangeSpec, parse_ranges
from artstore.storage import metrics
from artstore.storage.files import headers as fields
from artstore.storage.files.byteranges import ByteRanges
from artstore.storage.files.document import demand_visible, document_id, visible_attributes
from artstore.storage.files.representation import Representation, acceptable
from artstore.storage.files.sending import PIECE_BYTES, DocumentResponse
from artstore.storage.running import RunningElement
from artstore.wire.headers import REPR_DIGEST
from artstore.wire.problems import ProblemType


class Downloads:
    """Sends documents out. One deleted or changed meanwhile is sent to its end, as it was when opened."""

    def __init__(self, element: RunningElement) -> None:
        self._element = element

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        return await self.answer(request, document_id(request), principal)

    async def answer(self, request: Request, file_id: FileId, principal: Principal) -> Response:
        """As the headers of the request want it. Raises Problem and the errors of the engine."""
        try:
            document = await self._open_visible(file_id, principal)
        except ModeForbids:
            return await self._answer_offline(request, file_id, principal)
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
        try:
            demand_visible(document.attributes, principal)
        except Problem:
            await document.close()
            raise
        return document

    async def _answer_offline(self, request: Request, file_id: FileId, principal: Principal) -> Response:
        """The element keeps attributes only: 202 with what to do for the bytes."""
        engine = self._element.engine
        attributes = await visible_attributes(engine, file_id, principal)
        if (unchanged := _unchanged(request, attributes, acceptable(request, attributes))) is not None:
            return Response(status_code=304, headers=_validators(attributes, unchanged))
        metrics.OFFLINE.inc()
        if request.method == "HEAD":
            return Response(status_code=202, headers={"Cache-Control": "no-store"})
        return problem_response(_offline(attributes, engine.element.id))


async def _answer(request: Request, document: OpenDocument) -> Response:
    """Whole, in the form that the client prefers; ranges are of the original bytes only."""
    attributes = document.attributes
    forms = _expected(request, attributes, acceptable(request, attributes))
    if (unchanged := _unchanged(request, attributes, forms)) is not None:
        return Response(status_code=304, headers=_validators(attributes, unchanged))
    plain = next((form for form in forms if form.coding is None), None)
    wanted = () if plain is None else _ranges(request, attributes, plain)
    form = forms[0] if not wanted or plain is None else plain
    headers, body = _content(attributes, form, wanted)
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    as_stored = form.coding is not None
    # What takes long to come to is sent by what sees that the client has gone.
    is_far = document.coding is not None and any(part.start > PIECE_BYTES for part in wanted)
    if int(headers["Content-Length"]) > PIECE_BYTES or is_far:
        response = DocumentResponse(document, body, status, headers, as_stored=as_stored)
        if not is_far:
            await response.begin()
        return response
    read = document.read_stored if as_stored else document.read
    pieces = [part if isinstance(part, bytes) else await read(part.start, part.length) for part in body]
    content = b"".join(pieces)
    metrics.BYTES_OUT.inc(len(content))
    return Response(content, status, headers)


def _offline(attributes: FileAttributes, element_id: str) -> Problem:
    return Problem(
        ProblemType.DOCUMENT_OFFLINE,
        f"The storage element {element_id!r} is an archive: it has the attributes of this document, its bytes"
        f" are offline. Ask the administrator of the element to restore document {attributes.file_id}; once"
        " it is back, this address answers with the bytes again.",
        headers={"Cache-Control": "no-store"},
        file_id=str(attributes.file_id),
        element_id=element_id,
        original_filename=attributes.original_filename,
        file_size=attributes.file_size,
        checksum=attributes.checksum,
    )


def _expected(
    request: Request, attributes: FileAttributes, forms: Sequence[Representation]
) -> Sequence[Representation]:
    """The forms that the client goes on with, by the first preconditions of RFC 9110 §13.2.2; never none.

    Raises Problem PRECONDITION_FAILED.
    """
    lines = request.headers.getlist("if-match")
    if lines:
        header = ", ".join(lines).strip()
        tags = fields.strong_tags(header)
        expected = forms if header == "*" else [form for form in forms if form.tag in tags]
    else:
        since = request.headers.get("if-unmodified-since")
        expected = [] if since is not None and fields.is_modified(since, attributes.created_at) else forms
    if not expected:
        raise Problem(
            ProblemType.PRECONDITION_FAILED,
            "The document is not the one that the headers If-Match or If-Unmodified-Since tell of.",
        )
    return expected


def _unchanged(
    request: Request, attributes: FileAttributes, forms: Sequence[Representation]
) -> Representation | None:
    """What the client has already, by the preconditions in the order of RFC 9110 §13.2.2."""
    none_match = request.headers.get("if-none-match")
    if none_match is not None:
        return next((form for form in forms if fields.matches(none_match, form.tag)), None)
    since = request.headers.get("if-modified-since")
    if since is not None and fields.is_unmodified(since, attributes.created_at):
        return forms[0]
    return None


def _ranges(request: Request, attributes: FileAttributes, plain: Representation) -> Sequence[RangeSpec]:
    if request.method == "HEAD":
        return ()  # a range is defined for GET only (RFC 9110 §14.2)
    if_range = request.headers.get("if-range")
    if if_range is not None and not fields.allows_range(if_range, plain.tag, attributes):
        return ()
    return parse_ranges(request.headers.get("range"), plain.size)


def _validators(attributes: FileAttributes, form: Representation) -> dict[str, str]:
    validators = {
        "ETag": form.tag,
        "Last-Modified": fields.last_modified(attributes),
        "Cache-Control": "private, no-cache",
    }
    return validators if attributes.content_encoding is None else {**validators, "Vary": "Accept-Encoding"}


def _content(
    attributes: FileAttributes, form: Representation, wanted: Sequence[RangeSpec]
) -> tuple[dict[str, str], Sequence[bytes | RangeSpec]]:
    """The head of the answer, and what its body is made of."""
    body: Sequence[bytes | RangeSpec] = wanted or (RangeSpec(0, form.size, form.size),)
    length, content_type = form.size, attributes.content_type
    if len(wanted) == 1:
        length = wanted[0].length
    elif wanted:
        several = ByteRanges(wanted, form.checksum, attributes.content_type)
        body, length, content_type = several.body(), several.length, several.content_type
    headers = {
        **_validators(attributes, form),
        "Content-Type": content_type,
        "Content-Disposition": fields.content_disposition(attributes.original_filename),
        "Content-Length": str(length),
        "Accept-Ranges": "bytes" if form.coding is None else "none",
        REPR_DIGEST: form.digest,
        # A document is somebody's content, never a page of this site, whatever it claims to be.
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if form.coding is not None:
        headers["Content-Encoding"] = form.coding
    if len(wanted) == 1:
        headers["Content-Range"] = wanted[0].content_range
    return headers, body
