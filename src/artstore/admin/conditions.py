"""Conditions on the revision of what is changed (``If-Match``, RFC 9110 §13.1.1)."""

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_TAGS = re.compile(r'\s*("[\x21\x23-\x7e]*"\s*(,\s*"[\x21\x23-\x7e]*"\s*)*)')


class RevisionCondition:
    """The revisions that a caller knows. ``check`` is called where nobody else can change the resource."""

    def __init__(self, tags: frozenset[str] | None) -> None:
        """None: any revision will do."""
        self._tags = tags

    def check(self, revision: int) -> None:
        """Raises Problem PRECONDITION_FAILED."""
        if self._tags is not None and tag_of(revision) not in self._tags:
            raise Problem(
                ProblemType.PRECONDITION_FAILED,
                "The resource was changed meanwhile: read it again, then decide anew.",
                field="If-Match",
                headers={"ETag": tag_of(revision)},
            )


def tag_of(revision: int) -> str:
    """The ``ETag`` of a revision."""
    return f'"{revision}"'


_WHAT = "The revisions that the caller knows: the ETag of what was read"
REQUIRED_IF_MATCH: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": _WHAT,
            "schema": {"type": "string"},
        }
    ]
}
"""``openapi_extra`` beside ``RequiredIfMatch``: were it a parameter, FastAPI would ask for it with 422."""


def _optional(
    request: Request, if_match: Annotated[str | None, Header(description=_WHAT)] = None
) -> RevisionCondition:
    # The parameter describes the header; of several headers it has one.
    header = _if_match(request)
    return RevisionCondition(None if header in (None, "*") else _tags(header or ""))


def _required(request: Request) -> RevisionCondition:
    header = _if_match(request)
    if header in (None, "*"):
        # "*" would match whatever somebody else has just written, which would then be lost.
        raise Problem(
            ProblemType.PRECONDITION_REQUIRED,
            "Say which revision is changed: read the resource and send its ETag in the header If-Match.",
            field="If-Match",
        )
    return RevisionCondition(_tags(header or ""))


IfMatch = Annotated[RevisionCondition, Depends(_optional)]
"""In an endpoint: the condition, where one was sent."""
RequiredIfMatch = Annotated[RevisionCondition, Depends(_required)]
"""In an endpoint where a lost update would do harm: 428 without one."""


def _if_match(request: Request) -> str | None:
    values = request.headers.getlist("if-match")
    return ", ".join(values).strip() if values else None


def _tags(header: str) -> frozenset[str]:
    """Weak tags and nonsense match nothing (RFC 9110 §8.8.3.2)."""
    match = _TAGS.fullmatch(header)
    return frozenset(re.findall(r'"[\x21\x23-\x7e]*"', match[1])) if match else frozenset()
