"""The two ways of an upload in one request, as OpenAPI tells of them."""

from typing import Any

from artstore.attributes import MAX_TTL_DAYS, MIN_TTL_DAYS
from artstore.ingester.idempotency.header import MOST_CHARACTERS
from artstore.kernel.digests import REPR_DIGEST_PARAMETER
from artstore.wire.documents import Document
from artstore.wire.headers import IDEMPOTENCY_KEY

FORM_PATH = "/api/v1/files/upload"
RAW_PATH = "/api/v1/files"

_POLICY = {"type": "string", "enum": ["temporary", "permanent"], "default": "permanent"}
_TTL = {"type": "integer", "minimum": MIN_TTL_DAYS, "maximum": MAX_TTL_DAYS}
_TTL_MEANING = "Of a temporary document: how many days it is kept; by default as the storage element is set."
_TAGS = {"type": "array", "items": {"type": "string"}}
_ID = {"type": "string", "format": "uuid"}
_OF_VERSIONS = {
    "replaces": "The `file_id` of the version that this one follows.",
    "document_id": "The `file_id` of the first version of the document that this one belongs to.",
}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "retention_policy": {
            **_POLICY,
            "description": "Decides where the document is kept, so it must come before the file.",
        },
        "ttl_days": {**_TTL, "description": _TTL_MEANING},
        **{
            name: {**_ID, "description": f"{text} It must come before the file."}
            for name, text in _OF_VERSIONS.items()
        },
        "description": {"type": "string"},
        "version": {"type": "string"},
        "custom_attributes": {"type": "string", "description": "A JSON object."},
        "tags": {
            **_TAGS,
            "description": "Repeated, or one JSON array, or separated by commas.",
        },
        "file": {"type": "string", "format": "binary", "description": "The document, with its file name."},
    },
}


def _refusal(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": reference}}}


_DURABLE = (
    "Answers 201 once the document is durable. The body is streamed through. A refusal means that nothing"
    " is stored; where the answer is lost, or the element broke off, the document may have been."
)


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = schema or {"type": "string"}
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_KEY = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Of this upload alone, a UUID say: sent again with it within 24 hours, it is stored once",
    "schema": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
}


def _responses(malformed: str, media_type: str) -> dict[str, Any]:
    return {
        "201": {
            "description": "Stored; the attributes of the document",
            "content": {"application/json": {"schema": Document.model_json_schema(mode="serialization")}},
        },
        "400": _refusal(malformed),
        "403": _refusal("There may be no versions of that document"),
        "404": _refusal("There is no document of which this could be a version"),
        "408": _refusal("The document did not arrive in time"),
        "413": _refusal("The file is larger than is taken"),
        "415": _refusal(media_type),
        "422": _refusal("The file name, the attributes, the digest or the key cannot be accepted"),
        "503": _refusal("No storage element can take it now; Retry-After says when to try again"),
        "507": _refusal("No storage element has room for it"),
    }


FORM: dict[str, Any] = {
    "operationId": "upload",
    "summary": "Store a document",
    "description": _DURABLE,
    "tags": ["files"],
    "parameters": [
        _query("retention_policy", "Instead of the field of that name.", _POLICY),
        _query("ttl_days", "Instead of the field of that name.", _TTL),
        *(_query(name, "Instead of the field of that name.", _ID) for name in _OF_VERSIONS),
        REPR_DIGEST_PARAMETER,
        _KEY,
    ],
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}},
    "responses": _responses("The form cannot be read, or has no file", "The body is not multipart/form-data"),
}

RAW: dict[str, Any] = {
    "operationId": "uploadRaw",
    "summary": "Store a document that is the body itself",
    "description": _DURABLE,
    "tags": ["files"],
    "parameters": [
        _query("filename", "The file name; or send it as `Content-Disposition`, as a mail does."),
        _query("retention_policy", "Decides where the document is kept.", _POLICY),
        _query("ttl_days", _TTL_MEANING, _TTL),
        *(_query(name, text, _ID) for name, text in _OF_VERSIONS.items()),
        _query("description", "Text."),
        _query("version", "A name of your own for this version."),
        _query("custom_attributes", "A JSON object."),
        _query("tags", "Repeated, or one JSON array, or separated by commas.", _TAGS),
        REPR_DIGEST_PARAMETER,
        _KEY,
    ],
    "requestBody": {"required": True, "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    "responses": _responses(
        "The document is empty, has no name, or is only a part", "The body is a form, or coded"
    ),
}
