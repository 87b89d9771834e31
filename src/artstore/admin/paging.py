"""Cursors of Admin's lists: opaque to clients, the key of the last item of a page to us."""

import base64
import binascii
from uuid import UUID

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

DEFAULT_LIMIT = 50
MAX_LIMIT = 500


def cursor_after(key: str) -> str:
    """The cursor that leads to what comes after the item of that key."""
    return base64.urlsafe_b64encode(key.encode("utf-8")).decode("ascii").rstrip("=")


def key_before(cursor: str) -> str:
    """The key in a cursor. Raises Problem INVALID_CURSOR for what no list gave out."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as e:
        raise invalid_cursor() from e
    if "\0" in key:  # which PostgreSQL's text cannot hold
        raise invalid_cursor()
    return key


def id_before(cursor: str) -> UUID:
    """The id in a cursor of a list in the order of ids. Raises Problem INVALID_CURSOR."""
    try:
        return UUID(key_before(cursor))
    except ValueError as e:
        raise invalid_cursor() from e


def invalid_cursor() -> Problem:
    return Problem(
        ProblemType.INVALID_CURSOR,
        "The cursor is none of this list; take next_cursor of an earlier page as it came.",
        field="cursor",
    )
