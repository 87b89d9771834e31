"""Forms with a document in them (``multipart/form-data``, RFC 7578), read while they arrive.

`FormParser` takes the body in whatever pieces the network gives and turns it into events. It keeps nothing
of a file: file data is handed on as views of the pieces it came in. What it does keep (headers of one part,
the value of one field) is bounded, and so is the number of parts, so that no body makes it use more memory.

The scanning is done by python-multipart; this module adds what a store of documents needs: limits, names in
UTF-8 or RFC 8187 form, and a refusal of everything that could be read in two ways.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from artstore.kernel.disposition import UnreadableHeader, parse_disposition, parse_media_type

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# The parser writes a warning, with bytes of the client's in it, for everything it refuses.
# Those who sent the bytes learn of it through BrokenForm; the log of the service does not need them.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

_BOUNDARY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")
"""Wider than RFC 2046 (70 characters of a small alphabet), as clients are; no control characters, however."""
_MAX_HEADERS = 16
_PLAIN_ENCODINGS = frozenset({b"", b"7bit", b"8bit", b"binary"})


class BrokenForm(Exception):
    """The body is not a form that can be read in exactly one way. The text is fit for the client to read."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAForm(BrokenForm):
    """The content type is not ``multipart/form-data``."""


class FieldTooLarge(BrokenForm):
    """The value of the field ``name`` exceeds the limit for fields."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(f"The field {name!r} is larger than {limit} bytes.")
        self.name = name
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Field:
    """A whole field, with its value as it came."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class FileStart:
    """A part with a file name begins; its FileData and one FileEnd follow before any other event."""

    name: str
    filename: str
    content_type: str | None


@dataclass(frozen=True, slots=True)
class FileData:
    """Bytes of the current file, never empty. A view holds the piece that was fed; it is never written to."""

    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class FileEnd:
    """All bytes of the current file were given."""


FormEvent = Field | FileStart | FileData | FileEnd


class FormParser:
    """Turns the pieces of one form into events.

    Feed every piece in order, then call `close` once. The events, taken together, depend on the body alone,
    not on how it was cut (but a file's bytes come in other portions). After a `BrokenForm` every call raises
    it again; the events of the piece that broke the form are lost.

    Raises `NotAForm` for a content type that is not ``multipart/form-data``, `BrokenForm` for one without a
    usable boundary. ``max_field_bytes`` bounds each value, ``max_fields`` the number of parts (files
    included), ``max_header_bytes`` the headers of one part.
    """

    def __init__(
        self,
        content_type: str,
        *,
        max_field_bytes: int = 64 * 1024,
        max_fields: int = 32,
        max_header_bytes: int = 16 * 1024,
    ) -> None:
        self._max_field_bytes = max_field_bytes
        self._max_parts = max_fields
        self._max_header_bytes = max_header_bytes
        self._events: list[FormEvent] = []
        self._broken: BrokenForm | None = None
        self._started = False
        self._ended = False
        self._parts = 0
        self._begin_part()
        boundary = _boundary_of(content_type)
        self.closing_bytes = len("\r\n--" + boundary + "--")
        """What must follow the last byte of the last part, at least."""
        self._parser = MultipartParser(
            boundary,
            self._callbacks(),
            max_header_count=_MAX_HEADERS,
            max_header_size=max_header_bytes,
        )

    def feed(self, chunk: bytes) -> list[FormEvent]:
        """The events that ``chunk`` completes. What follows the closing boundary is dropped (RFC 2046)."""
        if self._broken is not None:
            raise self._broken
        if not self._started:
            # Some clients put an empty line before the first boundary. The parser skips it in its own way,
            # which depends on where the piece ends.
            chunk = chunk.lstrip(b"\r\n")
            self._started = bool(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            self._broken = BrokenForm(f"The multipart body is malformed: {error}.")
            raise self._broken from error
        except BrokenForm as error:
            self._broken = error
            raise
        events, self._events = self._events, []
        return events

    @property
    def withheld_bytes(self) -> int:
        """While in the data of a part: bytes that were fed but not given, for they may begin a boundary."""
        return self._parser.index

    def close(self) -> list[FormEvent]:
        """Ends the form. Raises `BrokenForm` where the closing boundary was not seen."""
        if self._broken is not None:
            raise self._broken
        if not self._ended:
            self._broken = BrokenForm("The multipart body ends before its closing boundary.")
            raise self._broken
        return []

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part_counted,
            "on_header_field": self._header_name_bytes,
            "on_header_value": self._header_value_bytes,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._part_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part_counted(self) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise BrokenForm(f"The form has more than {self._max_parts} parts.")
        self._begin_part()

    def _begin_part(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._header_name = b""
        self._header_value = b""
        self._name = ""
        self._is_file = False
        self._value = bytearray()

    def _header_name_bytes(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._header_name += data[start:end]

    def _header_value_bytes(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._header_value += data[start:end]

    def _count_header_bytes(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > self._max_header_bytes:
            raise BrokenForm(f"The headers of a part are larger than {self._max_header_bytes} bytes.")

    def _end_header(self) -> None:
        name = self._header_name.lower()
        if name in self._headers:
            raise BrokenForm("A part has the same header twice.")
        self._headers[name] = self._header_value.strip(b" \t")
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        try:
            disposition = parse_disposition(self._headers.get(b"content-disposition", b""))
        except UnreadableHeader as error:
            raise BrokenForm(f"A part has an unreadable Content-Disposition: {error}.") from error
        _refuse_what_needs_decoding(self._headers, is_file=disposition.filename is not None)
        self._name = disposition.name
        if disposition.filename is not None:
            self._is_file = True
            content_type = _content_type(self._headers)
            self._events.append(FileStart(disposition.name, disposition.filename, content_type))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            whole = start == 0 and end == len(data)
            self._events.append(FileData(data if whole else memoryview(data)[start:end]))
            return
        if len(self._value) + end - start > self._max_field_bytes:
            raise FieldTooLarge(self._name, self._max_field_bytes)
        self._value += memoryview(data)[start:end]

    def _end_part(self) -> None:
        self._events.append(FileEnd() if self._is_file else Field(self._name, bytes(self._value)))

    def _end(self) -> None:
        self._ended = True


def _boundary_of(content_type: str) -> str:
    try:
        media_type, parameters = parse_media_type(content_type)
    except UnreadableHeader as error:
        raise BrokenForm(f"The Content-Type of the request is unreadable: {error}.") from error
    if media_type != "multipart/form-data":
        raise NotAForm(f"The body must be multipart/form-data, not {media_type or 'without a content type'}.")
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BrokenForm("The Content-Type of the request names no usable boundary.")
    return boundary


def _refuse_what_needs_decoding(headers: Mapping[bytes, bytes], *, is_file: bool) -> None:
    """Senders must not use these (RFC 7578 §4.3, §4.7); taken as plain bytes they would be stored wrong."""
    encoding = headers.get(b"content-transfer-encoding", b"").lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise BrokenForm("A part has a Content-Transfer-Encoding; send the bytes as they are.")
    if not is_file and headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
        raise BrokenForm("A part is a multipart of its own; send each file as a part of the form.")


def _content_type(headers: Mapping[bytes, bytes]) -> str | None:
    value = headers.get(b"content-type")
    try:
        return value.decode("ascii") or None if value is not None else None
    except UnicodeDecodeError as error:
        raise BrokenForm("A part has a Content-Type that is not ASCII.") from error
