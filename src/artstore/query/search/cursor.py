"""The mark between two pages of a search: opaque to clients, and good only for the question it came from."""

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from struct import Struct
from uuid import UUID

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = Struct(">q16s")
_SEAL_BYTES = 8
_MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """The last document of a page, in the order of the results: newest first. The newest is the greatest."""

    created_at: datetime
    file_id: UUID
    element_id: str


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
        if len(cursor) > _MAX_CHARACTERS or not cursor.isascii():
            raise ValueError("no cursor has this form")
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        seal, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if seal != _seal(body, question):
            raise ValueError("the seal does not fit")
        moment, file_id = _HEAD.unpack_from(body)
        element_id = body[_HEAD.size :].decode()
        return Mark(_EPOCH + moment * _MICROSECOND, UUID(bytes=file_id), element_id)
    except (ValueError, binascii.Error, struct.error, OverflowError) as error:
        raise Problem(
            ProblemType.INVALID_CURSOR,
            "The cursor is not the next_cursor of a page of this search. Start again without one.",
            field="cursor",
        ) from error


def _seal(body: bytes, question: str) -> bytes:
    asked = blake2s(question.encode("utf-8", "surrogatepass")).digest()
    return blake2s(body, key=asked, person=b"artstore", digest_size=_SEAL_BYTES).digest()
