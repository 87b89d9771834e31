"""The OpenAPI operations of ``/api/v1/uploads``."""

from typing import Any

from artstore.kernel.openapi import problem_answers
from artstore.storage.files.operations import VERSION_HEADERS
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import UploadStatus


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


_UPLOAD = {"name": "upload_id", "in": "path", "required": True, "schema": {"type": "string"}}
_VERSION = _header("Tus-Resumable", "The version of tus", required=True) | {
    "schema": {"type": "string", "enum": ["1.0.0"]}
}
_PIECE = {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_REFUSED = (
    ProblemType.INVALID_REQUEST,
    ProblemType.NOT_PERMITTED,
    ProblemType.NOT_FOUND,
    ProblemType.OFFSET_MISMATCH,
    ProblemType.MODE_FORBIDS,
    ProblemType.TUS_VERSION,
    ProblemType.FILE_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
    ProblemType.UPLOAD_BUSY,
    ProblemType.CHECKSUM_MISMATCH,
    ProblemType.UPLOAD_STALLED,
    ProblemType.LOG_FULL,
    ProblemType.ELEMENT_UNAVAILABLE,
    ProblemType.INSUFFICIENT_STORAGE,
)

CREATE: dict[str, Any] = {
    "summary": "Begin a resumable upload",
    "description": "As tus 1.0 has it (creation, creation-with-upload, creation-defer-length, concatenation)."
    " `Location` is the address of the upload.",
    "tags": ["uploads"],
    "parameters": [
        _VERSION,
        _header("Upload-Length", "Bytes of the document"),
        _header("Upload-Defer-Length", "`1`: the length is told later"),
        _header("Upload-Metadata", "Names, each with the Base64 of its value: `filename` and others"),
        _header("Upload-Concat", "`partial`, or `final;` and the addresses of the parts"),
        _header("Upload-Checksum", "Of the bytes in the body, if there are any"),
        *VERSION_HEADERS,
    ],
    "requestBody": {"required": False, "content": _PIECE},
    "responses": {
        "201": {"description": "Begun; its address is in Location"},
        **problem_answers(
            *_REFUSED, ProblemType.FILE_EMPTY, ProblemType.FILE_MISSING, ProblemType.INVALID_PARAMETER
        ),
    },
}
APPEND: dict[str, Any] = {
    "summary": "Go on with a resumable upload",
    "description": "204 when the bytes are durable, and after the last of them when the document is."
    " What arrived of a request that broke off is kept, unless it had a checksum.",
    "tags": ["uploads"],
    "parameters": [
        _UPLOAD,
        _VERSION,
        _header("Upload-Offset", "Bytes that the upload has", required=True),
        _header("Upload-Length", "Where it was not told before"),
        _header("Upload-Checksum", "`sha256` or `sha1` and the Base64 of that of the body"),
    ],
    "requestBody": {"required": True, "content": _PIECE},
    "responses": {
        "204": {"description": "Taken; Upload-Offset says how far it is"},
        **problem_answers(*_REFUSED, ProblemType.FILE_EMPTY),
    },
}
HEAD: dict[str, Any] = {
    "summary": "How far a resumable upload is",
    "tags": ["uploads"],
    "parameters": [_UPLOAD, _VERSION],
    "responses": {"200": {"description": "Upload-Offset says it"}, **problem_answers(*_REFUSED)},
}
STATUS: dict[str, Any] = {
    "summary": "A resumable upload and the document that it became",
    "tags": ["uploads"],
    "parameters": [_UPLOAD],
    "responses": {
        "200": {
            "description": "The upload",
            "content": {"application/json": {"schema": UploadStatus.model_json_schema(mode="serialization")}},
        },
        **problem_answers(*_REFUSED),
    },
}
END: dict[str, Any] = {
    "summary": "Give up a resumable upload",
    "tags": ["uploads"],
    "parameters": [_UPLOAD, _VERSION],
    "responses": {
        "204": {"description": "It is gone, with its bytes"},
        **problem_answers(*_REFUSED, ProblemType.CONFLICT),
    },
}
