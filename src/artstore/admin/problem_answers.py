"""How a refusal is described in OpenAPI, where an endpoint has one of its own."""

from typing import Any

from artstore.wire.problems import PROBLEM_JSON


def problem_answer(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """For ``responses=``: a problem document with this status."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": description, "content": content}}
