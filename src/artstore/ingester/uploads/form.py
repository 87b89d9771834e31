"""An upload that is a form, passed on unchanged and checked to be one while it passes."""

import asyncio
from urllib.parse import quote

from starlette.requests import Request

from artstore.ingester.files.versions import FIELDS as OF_VERSION
from artstore.ingester.files.versions import Follows
from artstore.ingester.placement import Wanted, mode_for
from artstore.ingester.uploads.body import Head, UploadBody, file_empty, head_too_slow, too_large
from artstore.ingester.uploads.pace import PaceLimits
from artstore.ingester.uploads.policy import retention_policy
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

_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class FormBody(UploadBody):
    """Every piece goes through the parser, so that a form that breaks off or a file that grows over the limit
    is refused here, while it passes, and never reaches the element as a whole.
    """

    overhead_bytes = FORM_OVERHEAD_BYTES

    def __init__(self, request: Request, *, max_file_bytes: int, pace: PaceLimits) -> None:
        """Refuses at once what the head of the request condemns: UNSUPPORTED_MEDIA_TYPE, FILE_TOO_LARGE."""
        self.content_type = request.headers.get("content-type", "")
        self.element_query = quote(request.scope["query_string"], safe=_ASCII)
        self._parser = _parser(self.content_type)
        self._policies = set(request.query_params.getlist("retention_policy"))
        self._of_version = {name: set(request.query_params.getlist(name)) for name in OF_VERSION}
        self._file_bytes = 0
        self._file_ended = False
        self._files = 0
        super().__init__(request, max_file_bytes=max_file_bytes, pace=pace)
        self._tell(*sorted(self._policies), *sorted(request.query_params.getlist("ttl_days")))
        for name, values in self._of_version.items():
            self._tell(*(part for value in sorted(values) for part in (name, value)))

    @property
    def form_bytes(self) -> int | None:
        return self.announced

    async def head(self, *, seconds: float) -> Head:
        try:
            async with asyncio.timeout(seconds):
                return await self._head()
        except TimeoutError as error:
            raise head_too_slow(seconds) from error

    async def read(self) -> bytes:
        """Raises Problem: BROKEN_MULTIPART, ATTRIBUTES_TOO_LARGE, FILE_MISSING, FILE_EMPTY, FILE_TOO_LARGE,
        INVALID_PARAMETER, REQUEST_TIMEOUT.
        """
        return (await self._read_events())[0]

    async def _head(self) -> Head:
        policies = self._policies
        pieces: list[bytes] = []
        while True:
            piece, events = await self._read_events()
            pieces.append(piece)
            for event in events:
                if isinstance(event, Field) and event.name == "retention_policy":
                    policies.add(event.value.decode("utf-8", "replace").strip())
                if isinstance(event, FileStart):
                    least, most = self._bounds()
                    wanted = Wanted(mode_for(retention_policy(policies)), least, most)
                    return Head(pieces, wanted, Follows.of(self._of_version))
            if self.ended:
                raise _file_missing("The form has no part named 'file' with a file name.")

    async def _read_events(self) -> tuple[bytes, list[FormEvent]]:
        """The next piece and the events in it; an empty piece at the end."""
        piece = await self._receive()
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

    def _bounds(self) -> tuple[int, int | None]:
        """The least and the most bytes that the file can have, as far as known; for when its data began."""
        if self._file_ended:
            return self._file_bytes, self._file_bytes
        if self.announced is None:
            return max(1, self._file_bytes), None
        to_come = self._parser.withheld_bytes + self.announced - self.received
        most = max(1, self._file_bytes + to_come - self._parser.closing_bytes)
        return max(1, self._file_bytes, most - FORM_OVERHEAD_BYTES), most

    def _judge(self, event: FormEvent) -> None:
        match event:
            case FileStart(name=name):
                self._files += 1
                self._tell("file", event.filename, event.content_type)
                if name != "file":
                    raise _file_missing(f"The part with the file must be named 'file', not '{name[:100]}'.")
                if self._files > 1:
                    detail = "The form has two files; send one form for each."
                    raise Problem(ProblemType.INVALID_PARAMETER, detail, field="file")
            case FileData(data=data):
                self._file_bytes += len(data)
                if self._file_bytes > self.max_file_bytes:
                    raise too_large(self.max_file_bytes)
                if self.on_file_bytes is not None:
                    self.on_file_bytes(data)
            case FileEnd():
                self._file_ended = True
                if self._file_bytes == 0:
                    raise file_empty()
            case Field(name="file"):
                raise _file_missing(
                    "The part 'file' has no file name; send it as a file (curl: -F file=@NAME)."
                )
            case Field():
                self._tell("field", event.name, event.value)
                if event.name in OF_VERSION:
                    self._take_of_version(event)

    def _take_of_version(self, field: Field) -> None:
        value = field.value.decode("utf-8", "replace").strip()
        if self._files and value and value not in self._of_version[field.name]:
            detail = f"The field {field.name!r} must come before the file, or stand in the query."
            raise Problem(ProblemType.FIELD_ORDER, detail, field=field.name)
        self._of_version[field.name].add(value)


def _file_missing(detail: str) -> Problem:
    return Problem(ProblemType.FILE_MISSING, detail, field="file")


def _parser(content_type: str) -> FormParser:
    try:
        return FormParser(content_type)
    except NotAForm as error:
        raise Problem(ProblemType.UNSUPPORTED_MEDIA_TYPE, error.detail) from error
    except BrokenForm as error:
        raise Problem(ProblemType.BROKEN_MULTIPART, error.detail) from error
