"""``/api/v1/uploads`` of an element."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileAttributes
from artstore.engine import Batch, Draft, Engine, NotFound, ResumableUpload, UploadUnknown
from artstore.kernel import resumable as tus
from artstore.kernel.access import Principal, reauthenticate
from artstore.kernel.exchange import HEADERS_KEY
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.batches.endpoints import find_batch, policy_of
from artstore.storage.documents import document_json
from artstore.storage.files.version_of import VersionOf, version_of
from artstore.storage.outcomes import counted
from artstore.storage.refusals import upload_not_found
from artstore.storage.resumable.drafts import draft_of
from artstore.storage.resumable.pieces import checksum_of, pieces_of
from artstore.storage.running import RunningElement
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import (
    PROTOCOL,
    TUS_RESUMABLE,
    UPLOAD_CONCAT,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_EXPIRES,
    UPLOAD_FILE_ID,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_OFFSET,
    UploadStatus,
)
from artstore.wire.scopes import Scope

PATH = "/api/v1/uploads"
_Method = Callable[["ResumableEndpoints", Request, Principal], Awaitable[Response]]
_TUS = (TUS_RESUMABLE.lower().encode(), PROTOCOL.encode())


def _of_tus(operation: str) -> Callable[[_Method], _Method]:
    """Every answer says which version of tus it speaks, and is counted."""

    def decorate(method: _Method) -> _Method:
        @wraps(method)
        async def answer(self: "ResumableEndpoints", request: Request, principal: Principal) -> Response:
            request.scope[HEADERS_KEY] = (*request.scope.get(HEADERS_KEY, ()), _TUS)
            with counted(metrics.RESUMABLE, "done", operation):
                return await method(self, request, principal)

        return answer

    return decorate


class ResumableEndpoints:
    def __init__(self, element: RunningElement, *, idle_seconds: float, ttl_days: int) -> None:
        """``ttl_days``: of temporary documents whose client does not say."""
        self._element = element
        self._ttl_days = ttl_days
        self._idle_seconds = idle_seconds

    @_of_tus("create")
    async def create(self, request: Request, principal: Principal) -> Response:
        tus.demand_version(request.headers)
        creation = tus.creation_of(request.headers)
        batch = None if creation.partial else self._batch(creation, principal)
        following = await version_of(request)
        if creation.parts:
            upload = await self._put_together(creation, principal, batch, following)
        else:
            upload = await self._engine.resumable.create(
                owner_id=principal.account_id,
                draft=None if creation.partial else self._draft(creation, principal, batch, following),
                length=creation.length,
                told=creation.told,
                batch_id="" if batch is None else batch.id,
            )
        async with upload.hold():
            await upload.settle()
            if not creation.parts and tus.is_piece(request.headers):
                await self._take_at_once(request, upload)
            await self._complete(request, upload)
            headers = {"Location": f"{PATH}/{upload.id}", **self._headers(upload)}
        return Response(status_code=201, headers=headers)

    @_of_tus("append")
    async def append(self, request: Request, principal: Principal) -> Response:
        tus.demand_version(request.headers)
        upload = self._find(request.path_params["upload_id"], principal)
        tus.demand_piece(request.headers)
        offset = tus.whole_number(request.headers, UPLOAD_OFFSET)
        if offset is None:
            detail = f"The header {UPLOAD_OFFSET} must say behind how many bytes this piece comes."
            raise Problem(ProblemType.INVALID_REQUEST, detail, field=UPLOAD_OFFSET)
        length = tus.whole_number(request.headers, UPLOAD_LENGTH)
        if length == 0 and upload.state.draft is not None:
            raise tus.file_empty()
        async with upload.hold():
            await upload.settle()
            if length is not None:
                await upload.tell_length(length)
            await self._take(request, upload, offset)
            await self._complete(request, upload)
            return Response(status_code=204, headers=self._headers(upload))

    @_of_tus("look")
    async def head(self, request: Request, principal: Principal) -> Response:
        tus.demand_version(request.headers)
        upload = self._find(request.path_params["upload_id"], principal)
        async with upload.hold():
            await upload.settle()
            await self._complete(request, upload)
            headers = self._headers(upload) | {"Cache-Control": "no-store"}
            if upload.state.length is None:
                headers[UPLOAD_DEFER_LENGTH] = "1"
            else:
                headers[UPLOAD_LENGTH] = str(upload.state.length)
            if upload.state.told:
                headers[UPLOAD_METADATA] = upload.state.told
            if upload.state.draft is None:
                headers[UPLOAD_CONCAT] = "partial"
            elif upload.state.parts:
                headers[UPLOAD_CONCAT] = "final;" + " ".join(upload.state.parts)
            return Response(status_code=200, headers=headers)

    @_of_tus("look")
    async def status(self, request: Request, principal: Principal) -> Response:
        """Not of tus: what an application wants to know in the end."""
        upload = self._find(request.path_params["upload_id"], principal)
        async with upload.hold():
            await upload.settle()
            await self._complete(request, upload)
            attributes = await self._document(upload)
            status = UploadStatus(
                offset=upload.offset,
                length=upload.state.length,
                partial=upload.state.draft is None,
                complete=upload.state.complete,
                expires_at=_moment(upload.expires_at),
            ).model_dump_json(exclude={"document"})
        if attributes is not None:
            status = f'{status[:-1]},"document":{document_json(attributes)}}}'
        headers = {"Cache-Control": "no-store"}
        return Response(status, media_type="application/json", headers=headers)

    @_of_tus("end")
    async def end(self, request: Request, principal: Principal) -> Response:
        tus.demand_version(request.headers)
        upload = self._find(request.path_params["upload_id"], principal)
        async with upload.hold():
            await upload.settle()
            if upload.state.complete:
                detail = f"The upload has become the document {upload.state.file_id}; delete that one."
                raise Problem(ProblemType.CONFLICT, detail)
            await upload.remove()
        return Response(status_code=204)

    # Within

    @property
    def _engine(self) -> Engine:
        return self._element.engine

    def _find(self, upload_id: str, principal: Principal) -> ResumableUpload:
        """Of the caller, whatever else it may see."""
        upload = self._engine.resumable.get(upload_id)
        if upload.state.owner_id != principal.account_id:
            raise upload_not_found(is_refusal=True)
        return upload

    def _batch(self, creation: tus.Creation, principal: Principal) -> Batch | None:
        """That the metadata name, as it is called here or at the Ingester. Raises Problem NOT_FOUND."""
        name = creation.metadata.get(BATCH_PARAMETER)
        return None if not name else find_batch(self._engine, name.rpartition(".")[2], principal)

    async def _put_together(
        self,
        creation: tus.Creation,
        principal: Principal,
        batch: Batch | None,
        following: VersionOf | None,
    ) -> ResumableUpload:
        """The whole of partial uploads; the same one when it is asked for again."""
        resumable, owner_id = self._engine.resumable, principal.account_id
        ids = [part.rpartition("/")[2] for part in creation.parts]
        whole = resumable.whole_of(ids, owner_id=owner_id, told=creation.told)
        if whole is not None:
            return whole
        draft = self._draft(creation, principal, batch, following)
        try:
            parts = [self._find(part_id, principal) for part_id in ids]
        except UploadUnknown:
            raise upload_not_found() from None
        if all(part.state.length == 0 for part in parts):
            raise tus.file_empty()
        batch_id = "" if batch is None else batch.id
        return await resumable.put_together(
            parts, owner_id=owner_id, draft=draft, told=creation.told, batch_id=batch_id
        )

    def _draft(
        self,
        creation: tus.Creation,
        principal: Principal,
        batch: Batch | None,
        following: VersionOf | None,
    ) -> Draft:
        policy = None if batch is None else policy_of(batch)
        return draft_of(creation.metadata, principal, self._ttl_days, policy, following)

    async def _take_at_once(self, request: Request, upload: ResumableUpload) -> None:
        """The first bytes come with the creation. Where they do not, nobody will know of the upload."""
        try:
            await self._take(request, upload, 0)
        except BaseException:
            await upload.remove()
            raise

    async def _take(self, request: Request, upload: ResumableUpload, offset: int) -> None:
        size = tus.whole_number(request.headers, "content-length")
        checksum = checksum_of(request.headers)
        async with aclosing(pieces_of(request, self._idle_seconds)) as pieces:
            await upload.append(offset, pieces, size=size, checksum=checksum)

    async def _complete(self, request: Request, upload: ResumableUpload) -> None:
        """Makes the document where all bytes are there, for whoever may do so at this moment."""
        state = upload.state
        if state.complete or state.draft is None or not (upload.is_full or state.parts):
            return
        await reauthenticate(request, Scope.FILES_WRITE)
        with counted(metrics.UPLOADS, "stored"):
            await upload.complete()
        metrics.BYTES_IN.inc(upload.offset)

    async def _document(self, upload: ResumableUpload) -> FileAttributes | None:
        if not upload.state.complete or upload.state.file_id is None:
            return None
        try:
            return await self._engine.attributes(upload.state.file_id)
        except NotFound:
            return None  # deleted since

    def _headers(self, upload: ResumableUpload) -> dict[str, str]:
        headers = {UPLOAD_OFFSET: str(upload.offset)}
        if upload.state.complete:
            headers[UPLOAD_FILE_ID] = str(upload.state.file_id)
        else:
            headers[UPLOAD_EXPIRES] = format_datetime(_moment(upload.expires_at), usegmt=True)
        return headers


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)
