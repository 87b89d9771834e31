"""``POST /api/v1/files/upload``, as OpenAPI tells of it."""

from typing import Any

from artstore.kernel.digests import REPR_DIGEST_PARAMETER
from artstore.wire.documents import Document

PATH = "/api/v1/files/upload"

_POLICY = {"type": "string", "enum": ["temporary", "permanent"], "default": "permanent"}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "retention_policy": {
            **_POLICY,
            "description": "Decides where the document is kept, so it must come before the file.",
        },
        "description": {"type": "string"},
        "custom_attributes": {"type": "string", "description": "A JSON object."},
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Repeated, or one JSON array, or separated by commas.",
        },
        "file": {"type": "string", "format": "binary", "description": "The document, with its file name."},
    },
}


def _refusal(description: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": reference}}}


OPERATION: dict[str, Any] = {
    "operationId": "upload",
    "summary": "Store a document",
    "description": (
        "Answers 201 once the document is durable. The body is streamed through. A refusal means that nothing"
        " is stored; where the answer is lost, or the element broke off, the document may have been."
    ),
    "tags": ["files"],
    "parameters": [
        {
            "name": "retention_policy",
            "in": "query",
            "required": False,
            "schema": _POLICY,
            "description": "Instead of the field of that name.",
        },
        REPR_DIGEST_PARAMETER,
    ],
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}},
    "responses": {
        "201": {
            "description": "Stored; the attributes of the document",
            "content": {"application/json": {"schema": Document.model_json_schema(mode="serialization")}},
        },
        "400": _refusal("The form cannot be read, or has no file"),
        "408": _refusal("The form did not arrive in time"),
        "413": _refusal("The file is larger than is taken"),
        "415": _refusal("The body is not multipart/form-data"),
        "422": _refusal("The file name or the attributes cannot be accepted, or the digest is another one"),
        "503": _refusal("No storage element can take it now; Retry-After says when to try again"),
        "507": _refusal("No storage element has room for it"),
    },
}
