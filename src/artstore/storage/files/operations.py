"""The OpenAPI operations of the hot routes, which FastAPI cannot derive: see ``kernel.hot``."""

from typing import Any

from artstore.wire.documents import Document
from artstore.wire.problems import PROBLEM_JSON, ProblemType


def _problems(*kinds: ProblemType) -> dict[str, Any]:
    """The refusals of an operation by status, each with the slugs of its types."""
    by_status: dict[str, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(kind.slug)
    return {
        status: {
            "description": "Refused: " + ", ".join(slugs),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, slugs in by_status.items()
    }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_DOCUMENT = {"application/json": {"schema": Document.model_json_schema()}}
_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_FILE_ID = {
    "name": "file_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_RETENTION = {"type": "string", "enum": ["temporary", "permanent"]}

UPLOAD: dict[str, Any] = {
    "summary": "Store a document",
    "description": "The document is durable when 201 is answered. One file for each request; the other fields"
    " may come before or behind it, `retention_policy` only before it, or in the query.",
    "tags": ["files"],
    "parameters": [
        {"name": "retention_policy", "in": "query", "required": False, "schema": _RETENTION},
        {
            "name": "X-Expected-Size",
            "in": "header",
            "required": False,
            "description": "An upper bound of the file's bytes, for a body that does not tell its length",
            "schema": {"type": "integer", "minimum": 0},
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "retention_policy": _RETENTION | {"default": "permanent"},
                        "file": {"type": "string", "format": "binary"},
                        "description": {"type": "string"},
                        "custom_attributes": {"type": "string", "description": "A JSON object"},
                        "tags": {
                            "type": "string",
                            "description": "A JSON array, or words between commas; may be repeated",
                        },
                    },
                }
            }
        },
    },
    "responses": {
        "201": {
            "description": "The attributes of the stored document",
            "headers": {
                "Location": _header("The document at this element"),
                "ETag": _header("Revision of the attributes"),
            },
            "content": _DOCUMENT,
        },
        **_problems(
            ProblemType.BROKEN_MULTIPART,
            ProblemType.FILE_MISSING,
            ProblemType.FILE_EMPTY,
            ProblemType.REQUEST_TIMEOUT,
            ProblemType.MODE_FORBIDS,
            ProblemType.FILE_TOO_LARGE,
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            ProblemType.INVALID_PARAMETER,
            ProblemType.INVALID_FILENAME,
            ProblemType.INVALID_ATTRIBUTES,
            ProblemType.ATTRIBUTES_TOO_LARGE,
            ProblemType.FIELD_ORDER,
            ProblemType.LOG_FULL,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    },
}

DOCUMENT: dict[str, Any] = {
    "summary": "The attributes of a document",
    "tags": ["files"],
    "parameters": [_FILE_ID],
    "responses": {
        "200": {
            "description": "The attributes",
            "headers": {"ETag": _header("Revision of the attributes")},
            "content": _DOCUMENT,
        },
        "304": {"description": "Not changed since the revision in If-None-Match"},
        **_problems(ProblemType.NOT_FOUND),
    },
}

_DOWNLOAD_HEADERS = {
    "ETag": _header("Of the bytes; strong"),
    "Last-Modified": _header("When the bytes were stored"),
    "Repr-Digest": _header("SHA-256 of the whole document (RFC 9530)"),
    "Content-Disposition": _header("The original file name"),
    "Accept-Ranges": _header("bytes"),
}

DOWNLOAD: dict[str, Any] = {
    "summary": "The bytes of a document",
    "description": "One range for each request; several are answered with the whole document.",
    "tags": ["files"],
    "parameters": [
        _FILE_ID,
        {
            "name": "Range",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "examples": ["bytes=0-99"]},
        },
    ],
    "responses": {
        "200": {"description": "The whole document", "headers": _DOWNLOAD_HEADERS, "content": _BYTES},
        "206": {
            "description": "The range that was asked for",
            "headers": _DOWNLOAD_HEADERS,
            "content": _BYTES,
        },
        "304": {"description": "The client has the bytes already"},
        **_problems(ProblemType.NOT_FOUND, ProblemType.RANGE_NOT_SATISFIABLE, ProblemType.DOCUMENT_DAMAGED),
    },
}
