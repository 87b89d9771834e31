"""The mark between two pages of a search: opaque to clients, and good only for the question it came from."""

import base64
import json
import math
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from struct import Struct
from typing import Any
from uuid import UUID

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = Struct(">q16s")
_SEAL_BYTES = 8
_MAX_CHARACTERS = 2048
MAX_KEY = 100
"""Characters of a name that it is ordered by."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """The last document of a page, in the order of the results: newest first. The newest is the greatest."""

    created_at: datetime
    file_id: UUID
    element_id: str


Key = int | str | float | datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends in some order: the key of its last document, if the order has one, and its mark.

    ``window`` and ``until``: of results by relevance, the newest and the oldest document of those that were
    compared; no ``until`` where these were all.
    """

    key: Key
    mark: Mark
    window: Mark | None = None
    until: Mark | None = None


def write_place(place: Place, *, question: str) -> str:
    key = _moment(place.key) if isinstance(place.key, datetime) else place.key
    window = [None if end is None else _plain(end) for end in (place.window, place.until)]
    body = json.dumps([key, _plain(place.mark), *window], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(body, question) + body).rstrip(b"=").decode("ascii")


def read_place(cursor: str, *, question: str, key: type) -> Place:
    """The place, with a key of this type. Raises Problem INVALID_CURSOR as `read_cursor` does."""
    try:
        read, mark, window, until = _four(json.loads(_opened(cursor, question)))
        if type(read) is not (int if key is datetime else key):
            raise ValueError("the key is of another type")
        if isinstance(read, str) and (len(read) > MAX_KEY or _NO_TEXT.search(read)):
            raise ValueError("no name has this key")
        if isinstance(read, int) and not 0 <= read < 1 << 63:
            raise ValueError("no document is so large")
        if isinstance(read, float) and not math.isfinite(read):
            raise ValueError("nothing has this rank")
        if isinstance(read, int) and key is datetime:
            read = _EPOCH + read * _MICROSECOND
        ends = [None if end is None else _mark(end) for end in (window, until)]
        return Place(read, _mark(mark), *ends)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _invalid() from error


def write_cursor(mark: Mark, *, question: str) -> str:
    """``question`` is all that decides which documents are found, and in which order."""
    moment = (mark.created_at - _EPOCH) // _MICROSECOND
    body = _HEAD.pack(moment, mark.file_id.bytes) + mark.element_id.encode()
    return base64.urlsafe_b64encode(_seal(body, question) + body).rstrip(b"=").decode("ascii")


def read_cursor(cursor: str, *, question: str) -> Mark:
    """The mark. Raises Problem INVALID_CURSOR for whatever `write_cursor` did not write for this question.

    The seal finds mistakes, not malice: who makes a cursor up still sees only what the query itself allows.
    """
    try:
        body = _opened(cursor, question)
        moment, file_id = _HEAD.unpack_from(body)
        element_id = body[_HEAD.size :].decode()
        return Mark(_EPOCH + moment * _MICROSECOND, UUID(bytes=file_id), element_id)
    except (ValueError, struct.error, OverflowError) as error:
        raise _invalid() from error


def _opened(cursor: str, question: str) -> bytes:
    """What was sealed. Raises ValueError."""
    if len(cursor) > _MAX_CHARACTERS or not cursor.isascii():
        raise ValueError("no cursor has this form")
    sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    seal, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
    if seal != _seal(body, question):
        raise ValueError("the seal does not fit")
    return body


def _invalid() -> Problem:
    return Problem(
        ProblemType.INVALID_CURSOR,
        "The cursor is not the next_cursor of a page of this search. Start again without one.",
        field="cursor",
    )


def _moment(when: datetime) -> int:
    return (when - _EPOCH) // _MICROSECOND


def _plain(mark: Mark) -> list[int | str]:
    return [_moment(mark.created_at), mark.file_id.hex, mark.element_id]


def _mark(plain: Any) -> Mark:
    moment, file_id, element_id = plain
    if _NO_TEXT.search(element_id):
        raise ValueError("no element has this name")
    return Mark(_EPOCH + moment * _MICROSECOND, UUID(hex=file_id), element_id)


def _seal(body: bytes, question: str) -> bytes:
    asked = blake2s(question.encode("utf-8", "surrogatepass")).digest()
    return blake2s(body, key=asked, person=b"artstore", digest_size=_SEAL_BYTES).digest()


def _four(members: Any) -> tuple[Any, Any, Any, Any]:
    first, second, third, fourth = members
    return first, second, third, fourth
