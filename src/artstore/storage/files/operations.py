"""The OpenAPI operations of the hot routes, which FastAPI cannot derive: see ``kernel.hot``."""

from typing import Any

from artstore.attributes import MAX_TTL_DAYS, MIN_TTL_DAYS
from artstore.kernel.digests import REPR_DIGEST_PARAMETER
from artstore.kernel.openapi import problem_answers
from artstore.wire.documents import Document
from artstore.wire.problems import ProblemType


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _condition(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


_DOCUMENT = {"application/json": {"schema": Document.model_json_schema()}}
_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_FILE_ID = {
    "name": "file_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The revisions that the caller knows: the ETag of the attributes",
    "schema": {"type": "string", "examples": ['"0123456789abcdef0123456789abcdef"']},
}
VERSION_HEADERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }
    for name, description in (
        ("X-Document-Id", "Of the services: the document of which this becomes a version"),
        ("X-Previous-Version-Id", "Of the services: the version that this one follows"),
        ("X-Service-Token", "The token of the service that says so"),
    )
]
_RETENTION = {"type": "string", "enum": ["temporary", "permanent"]}
_TTL = {"type": "integer", "minimum": MIN_TTL_DAYS, "maximum": MAX_TTL_DAYS}

UPLOAD: dict[str, Any] = {
    "summary": "Store a document",
    "description": "The document is durable when 201 is answered. One file for each request; the other fields"
    " may come before or behind it, `retention_policy` only before it, or in the query.",
    "tags": ["files"],
    "parameters": [
        {"name": "retention_policy", "in": "query", "required": False, "schema": _RETENTION},
        {"name": "ttl_days", "in": "query", "required": False, "schema": _TTL},
        {
            "name": "X-Expected-Size",
            "in": "header",
            "required": False,
            "description": "An upper bound of the file's bytes, for a body that does not tell its length",
            "schema": {"type": "integer", "minimum": 0},
        },
        {
            "name": "X-File-Id",
            "in": "header",
            "required": False,
            "description": "A new UUIDv7 that the document gets; sent again with the same document, it is"
            " stored once",
            "schema": {"type": "string", "format": "uuid"},
        },
        *VERSION_HEADERS,
        REPR_DIGEST_PARAMETER,
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
                        "ttl_days": _TTL | {"description": "Of a temporary document: days that it is kept"},
                        "file": {"type": "string", "format": "binary"},
                        "description": {"type": "string"},
                        "version": {"type": "string"},
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
        **problem_answers(
            ProblemType.BROKEN_MULTIPART,
            ProblemType.FILE_MISSING,
            ProblemType.FILE_EMPTY,
            ProblemType.NOT_PERMITTED,
            ProblemType.REQUEST_TIMEOUT,
            ProblemType.MODE_FORBIDS,
            ProblemType.FILE_ID_TAKEN,
            ProblemType.FILE_TOO_LARGE,
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            ProblemType.INVALID_PARAMETER,
            ProblemType.DIGEST_MISMATCH,
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
    "parameters": [_FILE_ID, _condition("If-None-Match", "The revision that the caller has")],
    "responses": {
        "200": {
            "description": "The attributes",
            "headers": {"ETag": _header("Revision of the attributes")},
            "content": _DOCUMENT,
        },
        "304": {"description": "Not changed since the revision in If-None-Match"},
        **problem_answers(ProblemType.NOT_FOUND),
    },
}

_PATCH = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "description": {"type": ["string", "null"]},
        "version": {"type": ["string", "null"]},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
        "custom_attributes": {
            "type": ["object", "null"],
            "description": "Merged into those that are there; a member that is null is removed",
        },
    },
}

UPDATE: dict[str, Any] = {
    "summary": "Change attributes",
    "description": "A JSON merge patch (RFC 7396): members that are given replace those that are there, null"
    " removes, objects in `custom_attributes` are merged. `If-Match` must name the revision that is to be"
    " changed: after somebody else's change in between the answer is 412, and nothing is changed.",
    "tags": ["files"],
    "parameters": [_FILE_ID, _IF_MATCH | {"required": True}],
    "requestBody": {
        "required": True,
        "content": {
            "application/merge-patch+json": {"schema": _PATCH},
            "application/json": {"schema": _PATCH},
        },
    },
    "responses": {
        "200": {
            "description": "The attributes after the change",
            "headers": {"ETag": _header("The new revision of the attributes")},
            "content": _DOCUMENT,
        },
        **problem_answers(
            ProblemType.INVALID_REQUEST,
            ProblemType.NOT_FOUND,
            ProblemType.MODE_FORBIDS,
            ProblemType.CONFLICT,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.REQUEST_TOO_LARGE,
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            ProblemType.INVALID_PARAMETER,
            ProblemType.INVALID_ATTRIBUTES,
            ProblemType.ATTRIBUTES_TOO_LARGE,
            ProblemType.PRECONDITION_REQUIRED,
            ProblemType.LOG_FULL,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    },
}

DELETE: dict[str, Any] = {
    "summary": "Delete a document",
    "description": "In elements of mode `edit` only, and none that is permanent. Downloads that have begun"
    " are sent to their end. Durable when 204 is answered; deleting again is answered with 404.",
    "tags": ["files"],
    "parameters": [_FILE_ID, _IF_MATCH | {"required": False}],
    "responses": {
        "204": {"description": "The document is gone"},
        **problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.MODE_FORBIDS,
            ProblemType.CONFLICT,
            ProblemType.RETAINED,
            ProblemType.LEGAL_HOLD,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.LOG_FULL,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.INSUFFICIENT_STORAGE,
        ),
    },
}

_DOWNLOAD_HEADERS = {
    "ETag": _header("Of the bytes; strong"),
    "Last-Modified": _header("When the bytes were stored"),
    "Repr-Digest": _header("SHA-256 of the whole document, in the form that is sent (RFC 9530)"),
    "Content-Disposition": _header("The original file name"),
    "Accept-Ranges": _header("bytes; none where the document is sent compressed"),
    "Content-Encoding": _header("How it is compressed, where it lies so and the client takes that"),
    "Vary": _header("Accept-Encoding, where the document lies compressed"),
}

DOWNLOAD: dict[str, Any] = {
    "summary": "The bytes of a document",
    "description": "Several ranges are answered with `multipart/byteranges`; those that nearly meet are one.",
    "tags": ["files"],
    "parameters": [
        _FILE_ID,
        {
            "name": "Range",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "examples": ["bytes=0-99"]},
        },
        _condition("Accept-Encoding", "What the client can decode; ranges are never compressed"),
        _condition("If-Range", "A range only of these bytes, by ETag or date; else the whole document"),
        _condition("If-Match", "ETags of the bytes that are wanted, and no others"),
        _condition("If-Unmodified-Since", "When the caller learned of the bytes that are wanted"),
        _condition("If-None-Match", "The ETag of bytes that the caller has"),
        _condition("If-Modified-Since", "When the caller got the bytes that it has"),
    ],
    "responses": {
        "200": {"description": "The whole document", "headers": _DOWNLOAD_HEADERS, "content": _BYTES},
        "206": {
            "description": "The ranges that were asked for",
            "headers": _DOWNLOAD_HEADERS,
            "content": _BYTES,
        },
        "304": {"description": "The client has the bytes already"},
        **problem_answers(
            ProblemType.DOCUMENT_OFFLINE,
            ProblemType.NOT_FOUND,
            ProblemType.PRECONDITION_FAILED,
            ProblemType.RANGE_NOT_SATISFIABLE,
            ProblemType.DOCUMENT_DAMAGED,
        ),
    },
}

TICKETED_DOWNLOAD: dict[str, Any] = {
    **DOWNLOAD,
    "summary": "The bytes of the document that a ticket is for, without a token",
    "parameters": [
        {
            "name": "ticket",
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": "As the address has it to which a link at Query led.",
        },
        *DOWNLOAD["parameters"][1:],
    ],
}
