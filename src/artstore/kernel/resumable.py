"""The headers of tus 1.0, read and checked. Every function raises Problem for what tus forbids."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import (
    PIECE_TYPE,
    PROTOCOL,
    TUS_RESUMABLE,
    TUS_VERSION,
    UPLOAD_CONCAT,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
)

MAX_METADATA_BYTES: Final = 16 * 1024
MAX_PARTS: Final = 1000
_KEY = re.compile(r"[!-+\--~]+")
"""Printable ASCII without space and comma."""
_FINAL = "final;"


@dataclass(frozen=True)
class Creation:
    """What a client says of an upload that it begins."""

    length: int | None
    """None: it will be told later, or is that of the parts together. 0 of a part only."""
    metadata: Mapping[str, str]
    told: str
    """The metadata as they came."""
    partial: bool
    parts: tuple[str, ...]
    """Addresses of the uploads that it is put together of, as the client names them."""


def demand_version(headers: Headers) -> None:
    version = headers.get(TUS_RESUMABLE)
    if version != PROTOCOL:
        detail = f"The header {TUS_RESUMABLE} must be {PROTOCOL}, the version of tus that is spoken here."
        raise Problem(ProblemType.TUS_VERSION, detail, field=TUS_RESUMABLE, headers={TUS_VERSION: PROTOCOL})


def creation_of(headers: Headers) -> Creation:
    told = headers.get(UPLOAD_METADATA, "")
    partial, parts = _concat(headers.get(UPLOAD_CONCAT))
    length = whole_number(headers, UPLOAD_LENGTH)
    deferred = headers.get(UPLOAD_DEFER_LENGTH)
    if deferred not in (None, "1"):
        raise _invalid(UPLOAD_DEFER_LENGTH, "must be 1, or not be there")
    if parts:
        length = None  # tus forbids it to be said, and what the parts have counts
    elif (length is None) == (deferred is None):
        raise _invalid(UPLOAD_LENGTH, f"must be there, or {UPLOAD_DEFER_LENGTH}: 1 in its place")
    if length == 0 and not partial:
        raise file_empty()
    return Creation(length, metadata_of(told), told, partial, parts)


def file_empty() -> Problem:
    return Problem(ProblemType.FILE_EMPTY, "The document has no bytes.", field=UPLOAD_LENGTH)


def metadata_of(told: str) -> dict[str, str]:
    """Names and values: pairs between commas, the value behind a space, as Base64 of UTF-8."""
    if len(told) > MAX_METADATA_BYTES:
        raise _invalid(UPLOAD_METADATA, f"has more than {MAX_METADATA_BYTES} characters")
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip(" ") for each in told.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key):
            raise _invalid(UPLOAD_METADATA, "has a name that is not plain ASCII")
        if key in found:
            raise _invalid(UPLOAD_METADATA, f"has {key[:64]!r} twice")
        try:
            found[key] = base64.b64decode(value.strip(" "), validate=True).decode()
        except (binascii.Error, ValueError):
            reason = f"has a value of {key[:64]!r} that is not Base64 of UTF-8"
            raise _invalid(UPLOAD_METADATA, reason) from None
    return found


def whole_number(headers: Headers, name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _invalid(name, "must be a whole number of bytes")
    return int(text)


def is_piece(headers: Headers) -> bool:
    """Whether the body is bytes of an upload."""
    return headers.get("content-type", "").strip().lower() == PIECE_TYPE


def demand_piece(headers: Headers) -> None:
    if not is_piece(headers):
        detail = f"The Content-Type of a piece of an upload must be {PIECE_TYPE}."
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, detail)


def _concat(text: str | None) -> tuple[bool, tuple[str, ...]]:
    if text is None:
        return False, ()
    if text.strip() == "partial":
        return True, ()
    if not text.startswith(_FINAL):
        raise _invalid(UPLOAD_CONCAT, "must be 'partial', or 'final;' and the addresses of the parts")
    parts = tuple(text.removeprefix(_FINAL).split())
    if not 0 < len(parts) <= MAX_PARTS:
        raise _invalid(UPLOAD_CONCAT, f"must name from 1 to {MAX_PARTS} parts")
    return False, parts


def _invalid(name: str, reason: str) -> Problem:
    return Problem(ProblemType.INVALID_REQUEST, f"The header {name} {reason}.", field=name)
