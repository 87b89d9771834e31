"""The headers of a document: dates, file name, and what a conditional request makes of its validators."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from artstore.attributes import FileAttributes
from artstore.engine import revision_of

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]|%(?=[0-9A-Fa-f]{2})")
"""What cannot stand in a quoted string of ASCII without an escape that some clients misread, and what some
take for an escape (RFC 6266, appendix D)."""


def revision_tag(attributes: FileAttributes) -> str:
    """The ETag of the attributes: it changes with every update of them."""
    return f'"{revision_of(attributes)}"'


def last_modified(attributes: FileAttributes) -> str:
    """Of the bytes, which never change after they were stored."""
    return format_datetime(attributes.created_at.astimezone(UTC), usegmt=True)


def content_disposition(filename: str) -> str:
    """``attachment`` with the original name: in ASCII for everybody, and exactly (RFC 6266, 8187)."""
    plain = _NOT_PLAIN.sub("_", filename)
    if plain == filename:
        return f'attachment; filename="{filename}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe=_UNQUOTED)}"


_UNQUOTED = "!#$&+-.^_`|~"  # attr-char of RFC 8187, beside letters and digits


def matches(header: str, tag: str) -> bool:
    """Whether an ``If-None-Match`` names ``tag`` (weak comparison, RFC 9110 §13.1.2)."""
    return header.strip() == "*" or any(found[1] == tag for found in _TAG.findall(header))


def strong_tags(header: str) -> list[str]:
    """The tags of an ``If-Match`` that can match at all: weak ones never do (RFC 9110 §13.1.1)."""
    return [tag for weak, tag in _TAG.findall(header) if not weak]


def is_unmodified(header: str, since: datetime) -> bool:
    """Whether an ``If-Modified-Since`` is not before ``since``. A malformed date is ignored (§13.1.3)."""
    at = _date(header)
    return at is not None and since.replace(microsecond=0) <= at


def is_modified(header: str, at: datetime) -> bool:
    """Whether an ``If-Unmodified-Since`` is before ``at``. A malformed date is ignored (§13.1.4)."""
    since = _date(header)
    return since is not None and since < at.replace(microsecond=0)


def allows_range(header: str, tag: str, attributes: FileAttributes) -> bool:
    """Whether the ``Range`` beside an ``If-Range`` may be served: strong tag or exact date (§13.1.5).

    A coded document has the same date in two forms, so that the date does not tell which one a client has.
    """
    if header.strip().startswith(('"', "W/")):
        return header.strip() == tag
    return attributes.content_encoding is None and header.strip() == last_modified(attributes)


def _date(header: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
