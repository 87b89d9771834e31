"""The body of an upload as it arrives: within the limits of size and time, and checked to be a form."""

import asyncio

from starlette.requests import Request

from artstore.kernel.multipart import (
    BrokenForm,
    Field,
    FieldTooLarge,
    FileData,
    FileEnd,
    FileStart,
    FormEvent,
    FormParser,
    NotAForm,
)
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

FORM_OVERHEAD_BYTES = 4 * 1024 * 1024
"""More than a form that `FormParser` takes can hold beside its file (32 parts, 64 KiB and 16 KiB each)."""


class UploadBody:
    """Reads the pieces of a form from a client, in order and once.

    Every piece goes through the parser, so that a form that breaks off or a file that grows over the limit is
    refused here, while it passes, and never reaches the element as a whole.
    """

    def __init__(self, request: Request, *, max_file_bytes: int, silence_seconds: float) -> None:
        """Refuses at once what the head of the request condemns: UNSUPPORTED_MEDIA_TYPE, FILE_TOO_LARGE."""
        self.announced = _content_length(request)
        """Content-Length; None for a chunked body."""
        self.ended = False
        self.received = 0
        self.file_bytes = 0
        self._file_ended = False
        self._files = 0
        self._stream = request.stream()
        self._max_file_bytes = max_file_bytes
        self._silence_seconds = silence_seconds
        self._parser = _parser(request)
        if self.announced is not None and self.announced > max_file_bytes + FORM_OVERHEAD_BYTES:
            raise too_large(max_file_bytes)

    async def read(self) -> tuple[bytes, list[FormEvent]]:
        """The next piece and the events in it; an empty piece at the end.

        Raises ClientDisconnect, and Problem: BROKEN_MULTIPART, ATTRIBUTES_TOO_LARGE, FILE_MISSING,
        FILE_TOO_LARGE, REQUEST_TIMEOUT.
        """
        piece = b"" if self.ended else await self._receive()
        try:
            events = self._parser.feed(piece) if piece else []
            if self.ended:
                events += self._parser.close()
        except FieldTooLarge as error:
            raise Problem(ProblemType.ATTRIBUTES_TOO_LARGE, error.detail, field=error.name) from error
        except BrokenForm as error:
            raise Problem(ProblemType.BROKEN_MULTIPART, error.detail) from error
        for event in events:
            self._judge(event)
        return piece, events

    def bounds(self) -> tuple[int, int | None]:
        """The least and the most bytes that the file can have, as far as known; asked once its data began."""
        if self._file_ended:
            return self.file_bytes, self.file_bytes
        if self.announced is None:
            return max(1, self.file_bytes), None
        to_come = self._parser.withheld_bytes + self.announced - self.received
        most = max(1, self.file_bytes + to_come - self._parser.closing_bytes)
        return max(1, self.file_bytes, most - FORM_OVERHEAD_BYTES), most

    async def _receive(self) -> bytes:
        try:
            async with asyncio.timeout(self._silence_seconds):
                piece = await anext(self._stream, b"")
        except TimeoutError as error:
            raise Problem(
                ProblemType.REQUEST_TIMEOUT,
                f"Nothing arrived for {self._silence_seconds:g} seconds; send the upload again.",
            ) from error
        self.received += len(piece)
        # The announced length tells the end with the last piece; without it, an empty piece follows.
        self.ended = not piece or self.received == self.announced
        return piece

    def _judge(self, event: FormEvent) -> None:
        match event:
            case FileStart(name=name):
                self._files += 1
                if name != "file":
                    raise file_missing(f"The part with the file must be named 'file', not '{name[:100]}'.")
                if self._files > 1:
                    detail = "The form has two files; send one form for each."
                    raise Problem(ProblemType.INVALID_PARAMETER, detail, field="file")
            case FileData(data=data):
                self.file_bytes += len(data)
                if self.file_bytes > self._max_file_bytes:
                    raise too_large(self._max_file_bytes)
            case FileEnd():
                self._file_ended = True
                if self.file_bytes == 0:
                    raise Problem(ProblemType.FILE_EMPTY, "The file has no bytes.", field="file")
            case Field(name="file"):
                raise file_missing(
                    "The part 'file' has no file name; send it as a file (curl: -F file=@NAME)."
                )
            case Field():
                pass


def file_missing(detail: str) -> Problem:
    return Problem(ProblemType.FILE_MISSING, detail, field="file")


def too_large(limit: int) -> Problem:
    detail = f"The largest file that is taken has {limit} bytes."
    return Problem(ProblemType.FILE_TOO_LARGE, detail, field="file", max_file_bytes=limit)


def _parser(request: Request) -> FormParser:
    try:
        return FormParser(request.headers.get("content-type", ""))
    except NotAForm as error:
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, error.detail) from error
    except BrokenForm as error:
        raise Problem(ProblemType.BROKEN_MULTIPART, error.detail) from error


def _content_length(request: Request) -> int | None:
    value = request.headers.get("content-length")
    return int(value) if value is not None and value.isascii() and value.isdigit() else None
