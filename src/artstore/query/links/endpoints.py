"""``POST /api/v1/files/{file_id}/link``, ``/api/v1/links``, and the download that a link is for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from starlette.requests import Request as PlainRequest
from starlette.responses import JSONResponse, Response

from artstore.kernel.access import Principal, Requires
from artstore.kernel.access.requirements import limits_of
from artstore.kernel.client_address import address_of
from artstore.kernel.logging import get_logger
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import ServiceToken, forwarded_headers
from artstore.kernel.problems import Problem
from artstore.kernel.repeated import only
from artstore.query import metrics
from artstore.query.files.as_service import service_principal
from artstore.query.files.endpoints import DOWNLOAD_OPERATION, Downloads, conditions_of
from artstore.query.files.fetching import Asked
from artstore.query.files.locate import Locator, Whereabouts, not_found, unavailable
from artstore.query.links.direct import DirectDownloads
from artstore.query.links.repository import Grant
from artstore.query.links.service import Links, link_not_found, standing_for
from artstore.wire.links import Link, LinkCreated, LinkPage, NewLink
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

USE_PATH = "/api/v1/links/{secret}/download"
USE_OPERATION: dict[str, Any] = {
    **DOWNLOAD_OPERATION,
    "summary": "The bytes of the document that a link is for, without a token",
    "tags": ["links"],
    "parameters": [
        {
            "name": "secret",
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": "As `url` has it that the making of the link answered.",
        },
        {
            "name": "direct",
            "in": "query",
            "schema": {"type": "boolean", "default": True},
            "description": "`false`: the bytes come from Query also where the link is `direct`.",
        },
        *DOWNLOAD_OPERATION["parameters"][1:],
    ],
    "responses": {
        **DOWNLOAD_OPERATION["responses"],
        "307": {
            "description": "Of a link that is `direct`: the address at the element, good for a minute",
            "headers": {"Location": {"schema": {"type": "string"}}},
        },
    },
}
_PRIVATE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}
_Reader = Annotated[Principal, Requires(Scope.FILES_READ)]
_FileId = Path(description="As the upload answered it.", json_schema_extra={"format": "uuid"})
_LinkId = Path(description="As the making of the link answered it.", json_schema_extra={"format": "uuid"})
_log = get_logger(__name__)


class LinkedDownloads:
    """The download of a document for whoever has a link to it.

    The element is asked with the account of this service: that the link may be used was decided before.
    """

    def __init__(
        self,
        links: Links,
        downloads: Downloads,
        direct: DirectDownloads,
        locator: Locator,
        token: ServiceToken,
    ) -> None:
        self._links = links
        self._direct = direct
        self._downloads = downloads
        self._locator = locator
        self._token = token

    async def endpoint(self, request: PlainRequest) -> Response:
        address = address_of(request.scope)
        grant = await self._links.grant(request.path_params["secret"], address)
        limits = limits_of(request.app)
        if grant is None:
            if limits is not None:
                await limits.failed(request.scope)
            raise link_not_found(is_refusal=True)
        if limits is not None:
            await limits.asked(request.scope, standing_for(grant.maker))
        return await self._download(request, grant, address)

    async def _download(self, request: PlainRequest, grant: Grant, address: str | None) -> Response:
        file_id = grant.link.file_id
        service = await service_principal(self._token)
        caller = forwarded_headers(request, service)
        asked = Asked(file_id, request.method, caller, conditions_of(request))
        where = Whereabouts(self._locator, file_id, service, caller)
        may_be_sent_on = _may_be_sent_on(request)
        if grant.link.direct and may_be_sent_on and request.method == "GET":
            url = await self._direct.address(grant, replace(asked, method="HEAD"), where)
            metrics.DIRECT_DOWNLOADS.labels("through_query" if url is None else "sent_on").inc()
            if url is not None:
                await self._use(grant, address)
                return Response(status_code=307, headers={**_PRIVATE, "Location": url})
        try:
            stream = await self._downloads.stream(asked, where)
        except Problem as problem:
            if problem.kind is ProblemType.NOT_FOUND:
                raise link_not_found() from problem
            raise
        try:
            if stream.head.status in (401, 403):
                self._token.forget()
                raise unavailable()
            if stream.head.status in (200, 206) and request.method == "GET":
                await self._use(grant, address)
        except BaseException:
            stream.close()
            raise
        return self._downloads.answer(stream, headers=_PRIVATE)

    async def _use(self, grant: Grant, address: str | None) -> None:
        if not await self._links.use(grant, address):
            raise link_not_found(is_refusal=True)
        _log.info("a link is used", link_id=str(grant.link.link_id), file_id=str(grant.link.file_id))


def link_routes(links: Callable[[], Links], locator: Callable[[], Locator]) -> APIRouter:
    """What is called is there once the service has started."""
    router = APIRouter(tags=["links"], dependencies=[Depends(only())])

    @router.post(
        "/api/v1/files/{file_id}/link",
        status_code=201,
        response_model=LinkCreated,
        summary="Make a link to a document, which needs no token",
        responses=problem_answers(
            ProblemType.NOT_FOUND,
            ProblemType.TOO_MANY_LINKS,
            ProblemType.ELEMENT_UNAVAILABLE,
            ProblemType.DEPENDENCY_UNAVAILABLE,
        ),
    )
    async def create(
        file_id: Annotated[str, _FileId], principal: _Reader, request: Request, new: NewLink | None = None
    ) -> JSONResponse:
        """Whoever has the link may download the document until it expires, is ended, or the tokens of the
        account end that made it. The link is told once.
        """
        document = _uuid(file_id, not_found)
        await locator().find(document, principal, forwarded_headers(request, principal))
        link = await links().create(document, new or NewLink(), principal)
        headers = {"Location": link.url, "Cache-Control": "no-store"}
        return JSONResponse(link.model_dump(mode="json"), status_code=201, headers=headers)

    @router.get(
        "/api/v1/links",
        response_model=LinkPage,
        summary="The links that the account has made and that are good, newest first",
        responses=problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def listing(principal: _Reader) -> LinkPage:
        found: list[Link] = await links().of_account(principal)
        return LinkPage(items=found)

    @router.delete(
        "/api/v1/links/{link_id}",
        status_code=204,
        summary="End a link that the account has made",
        responses=problem_answers(ProblemType.NOT_FOUND, ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def end(link_id: Annotated[str, _LinkId], principal: _Reader) -> Response:
        await links().end(_uuid(link_id, link_not_found), principal)
        return Response(status_code=204)

    return router


def _may_be_sent_on(request: PlainRequest) -> bool:
    """Unless the client says that it does not reach the element. Raises Problem INVALID_PARAMETER.

    What else the query has is left alone: programs through which links are passed on add parameters of their
    own.
    """
    told = request.query_params.getlist("direct") or ["true"]
    if told not in (["true"], ["false"]):
        raise Problem(ProblemType.INVALID_PARAMETER, "`direct` is either `true` or `false`.", field="direct")
    return told == ["true"]


def _uuid(text: str, missing: Callable[[], Problem]) -> UUID:
    """What is no UUID names nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise missing() from None
