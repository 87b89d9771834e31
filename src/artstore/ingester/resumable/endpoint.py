"""The endpoints of resumable uploads, and how OpenAPI tells of them."""

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.resumable.addresses import PATH
from artstore.ingester.resumable.service import ResumableUploads
from artstore.kernel.access import Principal
from artstore.kernel.hot import hot_route
from artstore.kernel.openapi import problem_answers
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import UploadStatus
from artstore.wire.scopes import Scope

_UPLOAD = {"name": "upload", "in": "path", "required": True, "schema": {"type": "string"}}
_PIECE = {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


_VERSION = _header("Tus-Resumable", "The version of tus", required=True) | {
    "schema": {"type": "string", "enum": ["1.0.0"]}
}
_OFFSET = _header("Upload-Offset", "Bytes that the upload has")
_CHECKSUM = _header("Upload-Checksum", "`sha256` or `sha1` and the Base64 of that of the body")
_REFUSED = problem_answers(
    ProblemType.INVALID_REQUEST,
    ProblemType.NOT_PERMITTED,
    ProblemType.NOT_FOUND,
    ProblemType.OFFSET_MISMATCH,
    ProblemType.TUS_VERSION,
    ProblemType.FILE_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
    ProblemType.UPLOAD_BUSY,
    ProblemType.CHECKSUM_MISMATCH,
    ProblemType.UPLOAD_STALLED,
    ProblemType.NO_ELEMENT_AVAILABLE,
    ProblemType.ELEMENT_UNAVAILABLE,
    ProblemType.INSUFFICIENT_STORAGE,
)


def _operation(summary: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    responses = more.pop("responses")
    operation = {"summary": summary, "tags": ["uploads"], "parameters": list(parameters), **more}
    return operation | {"responses": {**_REFUSED, **responses}}


_OPTIONS: dict[str, Any] = {
    "tags": ["uploads"],
    "summary": "What is spoken here: version and extensions of tus, the largest document",
    "responses": {"204": {"description": "The headers Tus-Version, Tus-Extension, Tus-Max-Size say it"}},
}
_OPTIONS_OF_ONE = {**_OPTIONS, "parameters": [_UPLOAD]}
_CREATE = _operation(
    "Begin a resumable upload (tus 1.0)",
    _VERSION,
    _header("Upload-Length", "Bytes of the document"),
    _header("Upload-Defer-Length", "`1`: the length is told later"),
    _header("Upload-Metadata", "Names, each with the Base64 of its value: `filename` and others"),
    _header("Upload-Concat", "`partial`, or `final;` and the addresses of the parts"),
    _CHECKSUM,
    requestBody={"required": False, "content": _PIECE},
    responses={
        "201": {"description": "Begun; its address is in Location"},
        **problem_answers(ProblemType.FILE_EMPTY, ProblemType.FILE_MISSING, ProblemType.INVALID_REQUEST),
    },
)
_APPEND = _operation(
    "Go on with a resumable upload",
    _UPLOAD,
    _VERSION,
    _OFFSET | {"required": True},
    _header("Upload-Length", "Where it was not told before"),
    _CHECKSUM,
    description="204 when the bytes are durable, and after the last of them when the document is; then"
    " ArtStore-File-Id names it. What arrived of a request that broke off is kept, unless it had a checksum.",
    requestBody={"required": True, "content": _PIECE},
    responses={"204": {"description": "Taken; Upload-Offset says how far it is"}},
)
_HEAD = _operation(
    "How far a resumable upload is",
    _UPLOAD,
    _VERSION,
    responses={"200": {"description": "Upload-Offset says it"}},
)
_STATUS = _operation(
    "A resumable upload and the document that it became",
    _UPLOAD,
    responses={
        "200": {
            "description": "The upload",
            "content": {"application/json": {"schema": UploadStatus.model_json_schema(mode="serialization")}},
        }
    },
)
_END = _operation(
    "Give up a resumable upload",
    _UPLOAD,
    _VERSION,
    responses={"204": {"description": "It is gone, with its bytes"}},
)
_OVERRIDDEN = _operation(
    "The same for clients that can send no other method",
    _UPLOAD,
    _VERSION,
    _header("X-HTTP-Method-Override", "PATCH, DELETE or HEAD", required=True),
    _OFFSET,
    requestBody={"required": False, "content": _PIECE},
    responses={
        "200": {"description": "As HEAD"},
        "204": {"description": "As PATCH and DELETE"},
    },
)


def add_routes(app: FastAPI) -> None:
    """The service is ``app.state.resumable``, made when the application starts."""
    one = f"{PATH}/{{upload}}"
    for path, operation in ((PATH, _OPTIONS), (one, _OPTIONS_OF_ONE)):
        hot_route(app, path, _options, methods=["OPTIONS"], scope=None, operation=operation, max_body_bytes=0)
    hot_route(app, PATH, _create, methods=["POST"], scope=Scope.FILES_WRITE, operation=_CREATE)
    for method, operation, most in (
        ("PATCH", _APPEND, None),
        ("HEAD", _HEAD, 0),
        ("GET", _STATUS, 0),
        ("DELETE", _END, 0),
        ("POST", _OVERRIDDEN, None),
    ):
        hot_route(
            app,
            one,
            _pass_on,
            methods=[method],
            scope=Scope.FILES_WRITE,
            operation=operation,
            max_body_bytes=most,
        )


async def _options(request: Request) -> Response:
    return await _service(request).options()


async def _create(request: Request, principal: Principal) -> Response:
    return await _service(request).create(request, principal)


async def _pass_on(request: Request, principal: Principal) -> Response:
    return await _service(request).pass_on(request, principal)


def _service(request: Request) -> ResumableUploads:
    service: ResumableUploads = request.app.state.resumable
    return service
