"""The OpenAPI operations of finalization."""

from typing import Any

from artstore.kernel.openapi import problem_answers
from artstore.wire.problems import ProblemType
from artstore.wire.transactions import Finalization

BEGIN_PATH = "/api/v1/finalize/{file_id}"
STATUS_PATH = "/api/v1/finalize/{transaction_id}/status"


def _whole(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema without references into itself, which nobody could follow from within a description."""
    match schema:
        case {"$ref": str(name)}:
            return _whole(definitions[name.rpartition("/")[2]], definitions)
        case dict():
            return {key: _whole(value, definitions) for key, value in schema.items() if key != "$defs"}
        case list():
            return [_whole(value, definitions) for value in schema]
        case _:
            return schema


_SCHEMA = Finalization.model_json_schema(mode="serialization")
_BODY = {"application/json": {"schema": _whole(_SCHEMA, _SCHEMA["$defs"])}}


def _id(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
        "description": description,
    }


BEGIN: dict[str, Any] = {
    "summary": "Make a temporary document permanent",
    "description": "It is copied to an element of mode `rw`, compared there, and becomes permanent under the"
    " same id; until then it stays as it is, and nobody changes or deletes it from the end of the step `hold`"
    " on, which the answer waits for, for two seconds at most. Asked again for the same document, the answer"
    " has the same transaction, unless that was undone.",
    "tags": ["finalization"],
    "parameters": [_id("file_id", "As the upload answered it.")],
    "responses": {
        "202": {
            "description": "It was begun, now or before",
            "headers": {"Location": {"description": "Its status", "schema": {"type": "string"}}},
            "content": _BODY,
        },
        **problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.NOT_PERMITTED,
            ProblemType.CONFLICT,
            ProblemType.FILE_TOO_LARGE,
            ProblemType.INSUFFICIENT_STORAGE,
            ProblemType.NO_ELEMENT_AVAILABLE,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.DEPENDENCY_UNAVAILABLE,
        ),
    },
}

STATUS: dict[str, Any] = {
    "summary": "How far a finalization is",
    "tags": ["finalization"],
    "parameters": [_id("transaction_id", "As the finalization answered it.")],
    "responses": {
        "200": {"description": "State, progress and history", "content": _BODY},
        **problem_answers(ProblemType.NOT_FOUND, ProblemType.DEPENDENCY_UNAVAILABLE),
    },
}
