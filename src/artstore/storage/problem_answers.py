"""How the refusals of an operation are described in OpenAPI."""

from typing import Any

from artstore.wire.problems import PROBLEM_JSON, ProblemType


def problems(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation by status, each with the slugs of its types."""
    by_status: dict[int | str, list[str]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(kind.slug)
    return {
        status: {
            "description": "Refused: " + ", ".join(slugs),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, slugs in by_status.items()
    }
