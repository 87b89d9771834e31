"""An upload whose body is the document itself, put into the form that elements take while it passes."""

import asyncio
import secrets
from urllib.parse import parse_qsl, quote

from starlette.requests import Request

from artstore.attributes import FilenameInvalid, check_filename
from artstore.ingester.files.versions import FIELDS as OF_VERSION
from artstore.ingester.files.versions import Follows
from artstore.ingester.placement import Wanted, mode_for
from artstore.ingester.uploads.body import Head, UploadBody, file_empty, head_too_slow, too_large
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.policy import retention_policy
from artstore.kernel.disposition import UnreadableHeader, parse_filename
from artstore.kernel.problems import Problem
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.problems import ProblemType

_PARAMETERS = (
    "filename",
    "description",
    "version",
    "custom_attributes",
    "tags",
    "retention_policy",
    "ttl_days",
    *OF_VERSION,
    BATCH_PARAMETER,
)
_MOST_PARAMETERS = 64
_SAYS_NOTHING = "application/x-www-form-urlencoded"
"""What curl sends with ``--data-binary`` where it is not told better."""


class RawBody(UploadBody):
    """A form with one file, whose bytes are the body of the request."""

    def __init__(self, request: Request, *, max_file_bytes: int, pace: PaceLimits) -> None:
        """Refuses at once what the head of the request condemns: INVALID_PARAMETER, FILE_MISSING (no name),
        UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST, FILE_EMPTY, FILE_TOO_LARGE.
        """
        _refuse_what_is_no_document(request)
        parameters = _parameters(request)
        self.element_query = ""
        boundary = secrets.token_hex(16)  # so long and random that no document holds it
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._policies = {value for name, value in parameters if name == "retention_policy"}
        self._of_version = {of: {value for name, value in parameters if name == of} for of in OF_VERSION}
        filename, content_type = _filename(request, parameters), _content_type(request)
        self._opening = _opening(boundary, parameters, filename, content_type)
        self._closing = f"\r\n--{boundary}--\r\n".encode()
        super().__init__(request, max_file_bytes=max_file_bytes, pace=pace)
        self._tell("file", filename, content_type)
        for name, value in dict.fromkeys(parameters):
            if name not in ("filename", BATCH_PARAMETER):
                self._tell("field", name, value)
        if self.announced == 0:
            raise file_empty()

    @property
    def form_bytes(self) -> int | None:
        if self.announced is None:
            return None
        return len(self._opening) + self.announced + len(self._closing)

    async def head(self, *, seconds: float) -> Head:
        mode, follows = mode_for(retention_policy(self._policies)), Follows.of(self._of_version)
        try:
            async with asyncio.timeout(seconds):
                first = await self.read()
        except TimeoutError as error:
            raise head_too_slow(seconds) from error
        size = self.received if self.ended else self.announced
        return Head([self._opening + first], Wanted(mode, size or self.received, size), follows)

    async def read(self) -> bytes:
        """Raises Problem: FILE_EMPTY, FILE_TOO_LARGE, REQUEST_TIMEOUT."""
        if self.ended:
            return b""
        piece = await self._receive()
        if self.received > self.max_file_bytes:
            raise too_large(self.max_file_bytes)
        if self.on_file_bytes is not None:
            self.on_file_bytes(piece)
        if not self.ended:
            return piece
        if self.received == 0:
            raise file_empty()
        return piece + self._closing


def _parameters(request: Request) -> list[tuple[str, str]]:
    query: bytes = request.scope["query_string"]
    try:
        parameters = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise _invalid("The query is not percent-encoded UTF-8.") from error
    except ValueError as error:
        raise _invalid(f"The query has more than {_MOST_PARAMETERS} parameters.") from error
    for name, _ in parameters:
        if name not in _PARAMETERS:
            # Not dropped in silence: it may be metadata that the client believes stored.
            known = ", ".join(_PARAMETERS)
            raise _invalid(f"{name[:64]!r} is not a parameter of an upload; known are {known}.", name[:64])
    return parameters


def _filename(request: Request, parameters: list[tuple[str, str]]) -> str:
    names = {value for name, value in parameters if name == "filename"}
    if (disposition := request.headers.get("content-disposition")) is not None:
        try:
            names.add(parse_filename(disposition.encode("latin-1")))
        except UnreadableHeader as error:
            raise _invalid(f"The header Content-Disposition is unreadable: {error}.", "filename") from error
    if len(names) > 1:
        raise _invalid("The file name is given twice, with different values.", "filename")
    if not names:
        detail = "The document needs a file name: add ?filename=NAME, or the header Content-Disposition."
        raise Problem(ProblemType.FILE_MISSING, detail, field="filename")
    name = names.pop()
    try:
        # Here already: a name that is far too long would not fit into the head of a part.
        return check_filename(name)
    except FilenameInvalid as error:
        raise Problem(ProblemType.INVALID_FILENAME, str(error), field=error.field) from error


def _content_type(request: Request) -> str | None:
    given = request.headers.get("content-type")
    if given is None or given.partition(";")[0].strip().lower() == _SAYS_NOTHING:
        return None
    if not given.isascii():
        raise _invalid("The Content-Type is not a media type, such as application/pdf.", "file")
    return given


def _refuse_what_is_no_document(request: Request) -> None:
    """Stored as it came, each of these would be something else than the document that is meant."""
    headers = request.headers
    if headers.get("content-type", "").lower().lstrip().startswith("multipart/"):
        detail = "The body is a form; send forms to /api/v1/files/upload, and here the document itself."
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, detail)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        detail = "The body has a Content-Encoding; send the document as it is."
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, detail)
    if "content-range" in headers:
        raise Problem(ProblemType.INVALID_REQUEST, "The body is a part of a document; send the whole.")


def _opening(
    boundary: str, parameters: list[tuple[str, str]], filename: str, content_type: str | None
) -> bytes:
    """The form up to the first byte of the file."""
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in dict.fromkeys(parameters)
        if name not in ("filename", BATCH_PARAMETER)
    )
    name = quote(filename.encode("utf-8", "surrogatepass"), safe="")
    typed = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    file = f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''{name}\r\n"
    return (fields + file + typed + "\r\n").encode("utf-8", "surrogatepass")


def _invalid(detail: str, field: str | None = None) -> Problem:
    return Problem(ProblemType.INVALID_PARAMETER, detail, field=field)
