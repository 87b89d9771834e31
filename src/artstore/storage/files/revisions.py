"""Conditions on the revision of a document's attributes (``If-Match``, RFC 9110 §13.1.1)."""

from starlette.requests import Request

from artstore.attributes import FileAttributes
from artstore.engine import RevisionMismatch, revision_of
from artstore.kernel.problems import Problem
from artstore.storage.files.headers import strong_tags
from artstore.wire.problems import ProblemType


class RevisionCondition:
    """The revisions that a caller knows. ``check`` is called where nobody else can change the document."""

    def __init__(self, revisions: frozenset[str] | None) -> None:
        """``None``: any revision will do."""
        self._revisions = revisions

    def check(self, attributes: FileAttributes) -> None:
        """Raises RevisionMismatch where the document has none of the revisions that the caller knows."""
        if self._revisions is None:
            return
        current = revision_of(attributes)
        if current not in self._revisions:
            known = " or ".join(sorted(self._revisions)) or "what If-Match says"
            raise RevisionMismatch(attributes.file_id, known, current)


def optional_condition(request: Request) -> RevisionCondition:
    """What ``If-Match`` asks; nothing where there is none, or ``*``."""
    header = _if_match(request)
    return RevisionCondition(None if header in (None, "*") else _revisions(header or ""))


def required_condition(request: Request) -> RevisionCondition:
    """The same where the header is a must. Raises Problem PRECONDITION_REQUIRED (RFC 6585 §3).

    ``*`` will not do: it matches whatever somebody else has just written, which would then be lost.
    """
    header = _if_match(request)
    if header in (None, "*"):
        raise Problem(
            ProblemType.PRECONDITION_REQUIRED,
            "Say which revision is changed: read the document and send its ETag in the header If-Match.",
            field="If-Match",
        )
    return RevisionCondition(_revisions(header or ""))


def _if_match(request: Request) -> str | None:
    values = request.headers.getlist("if-match")
    return ", ".join(values).strip() if values else None


def _revisions(header: str) -> frozenset[str]:
    return frozenset(tag.strip('"') for tag in strong_tags(header))
