"""``POST /api/v1/files/upload``: a form comes in, a document is durable when the answer goes out."""

import asyncio
from collections import Counter
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes, FileId
from artstore.engine import AlreadyStored, Draft, Upload
from artstore.kernel.access import Principal
from artstore.kernel.digests import announced_sha256
from artstore.kernel.multipart import Field, FileData, FileEnd, FileStart, FormEvent, FormParser
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.batches.endpoints import batch_of_upload, policy_of
from artstore.storage.documents import document_json
from artstore.storage.files.form import FILE_PART, UploadForm
from artstore.storage.files.given_id import given_file_id, same_document
from artstore.storage.files.headers import revision_tag
from artstore.storage.files.version_of import version_of
from artstore.storage.outcomes import counted
from artstore.storage.running import RunningElement
from artstore.wire.headers import EXPECTED_SIZE
from artstore.wire.problems import ProblemType

_FORM_ALLOWANCE = 2 * 1024 * 1024
"""What a form may bring beside the file: headers, boundaries and fields, all bounded by the parser."""


class Uploads:
    """Takes documents in. ``close`` waits for commits whose client no longer waits for them."""

    def __init__(
        self, element: RunningElement, *, max_file_bytes: int, idle_seconds: float, ttl_days: int
    ) -> None:
        """``ttl_days``: of temporary documents whose client does not say."""
        self._element = element
        self._ttl_days = ttl_days
        self._max_file_bytes = max_file_bytes
        self._idle_seconds = idle_seconds
        self._commits: set[asyncio.Task[FileAttributes]] = set()
        self._under_way: Counter[FileId] = Counter()

    async def endpoint(self, request: Request, principal: Principal) -> Response:
        with counted(metrics.UPLOADS, "stored"):
            attributes = await self._receive(request, principal)
        metrics.BYTES_IN.inc(attributes.file_size)
        return Response(
            document_json(attributes),
            status_code=201,
            media_type="application/json",
            headers={
                "Location": f"/api/v1/files/{attributes.file_id}",
                "ETag": revision_tag(attributes),
            },
        )

    def are_under_way(self, file_id: FileId) -> bool:
        """Whether one came with this id: a repeated one finds the document as long as that stays here."""
        return self._under_way[file_id] > 0

    async def close(self) -> None:
        await asyncio.gather(*self._commits, return_exceptions=True)

    async def _receive(self, request: Request, principal: Principal) -> FileAttributes:
        file_id = given_file_id(request.headers)
        if file_id is None:
            return await self._store(request, principal, None)
        self._under_way[file_id] += 1
        try:
            return await self._store(request, principal, file_id)
        finally:
            self._under_way[file_id] -= 1
            if not self._under_way[file_id]:
                del self._under_way[file_id]

    async def _store(self, request: Request, principal: Principal, file_id: FileId | None) -> FileAttributes:
        """The steps of an upload, in order. Whatever ends it before the commit leaves nothing behind."""
        announced = announced_sha256(request.headers)
        batch = batch_of_upload(self._element.engine, request.headers, principal)
        form = UploadForm(
            request.query_params,
            of_batch=None if batch is None else policy_of(batch),
            version_of=await version_of(request),
            default_ttl_days=self._ttl_days,
        )
        parser = FormParser(request.headers.get("content-type", ""))
        upload = self._element.engine.begin(expected_bytes=self._expected_bytes(request), batch=batch)
        try:
            await self._read(request, parser, form, upload)
            if upload.size == 0 and form.has_file:
                raise Problem(ProblemType.FILE_EMPTY, "The file has no bytes.", field=FILE_PART)
            draft = form.draft(principal, file_id)
        except BaseException:
            await upload.abort()
            raise
        return await self._commit(upload, draft, announced)

    async def _read(self, request: Request, parser: FormParser, form: UploadForm, upload: Upload) -> None:
        """Raises ClientDisconnect, and Problem REQUEST_TIMEOUT where nothing comes for long."""
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._idle_seconds) as patience, aclosing(request.stream()) as pieces:
                async for piece in pieces:
                    patience.reschedule(None)  # the client is not to blame for the time that storing takes
                    for event in parser.feed(piece):
                        await _take(event, form, upload)
                    patience.reschedule(now() + self._idle_seconds)
        except TimeoutError:
            if patience.expired():
                raise self._too_slow() from None
            raise
        parser.close()

    async def _commit(self, upload: Upload, draft: Draft, announced: str | None) -> FileAttributes:
        """Commits even when the request is cancelled meanwhile, so that the outcome is never unknown here."""
        commit = asyncio.create_task(_commit_or_abort(upload, draft, announced), name="commit")
        self._commits.add(commit)
        commit.add_done_callback(self._commits.discard)
        return await asyncio.shield(commit)

    def _expected_bytes(self, request: Request) -> int | None:
        """An upper bound of the document's bytes, as announced. Raises Problem where it is too much."""
        announced = _whole_number(request.headers.get("content-length"))
        if announced is not None and announced > self._max_file_bytes + _FORM_ALLOWANCE:
            raise self._too_large()
        expected = _whole_number(request.headers.get(EXPECTED_SIZE))
        if expected is not None and expected > self._max_file_bytes + _FORM_ALLOWANCE:
            raise self._too_large()
        # Both are upper bounds: fields may follow the file. What the file really has is counted as it comes.
        bounds = [bound for bound in (announced, expected) if bound is not None]
        return min([*bounds, self._max_file_bytes]) if bounds else None

    def _too_slow(self) -> Problem:
        return Problem(
            ProblemType.REQUEST_TIMEOUT,
            f"Nothing of the body arrived for {self._idle_seconds:g} seconds; send the document again.",
        )

    def _too_large(self) -> Problem:
        return Problem(
            ProblemType.FILE_TOO_LARGE,
            f"This element takes files of up to {self._max_file_bytes} bytes.",
            field=FILE_PART,
            max_file_bytes=self._max_file_bytes,
        )


async def _commit_or_abort(upload: Upload, draft: Draft, announced: str | None) -> FileAttributes:
    try:
        return await upload.commit(draft, announced_checksum=announced)
    except AlreadyStored as found:
        await upload.abort()
        if (stored := same_document(found, draft)) is None:
            raise
        return stored
    except BaseException:
        await upload.abort()
        raise


async def _take(event: FormEvent, form: UploadForm, upload: Upload) -> None:
    match event:
        case FileData():
            await upload.write(event.data)
        case Field():
            form.take_field(event)
        case FileStart():
            form.take_file(event)
            upload.expect(*form.file)
        case FileEnd():
            pass


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None
