"""A request about one document, passed on to the element that has it, and its answer."""

from typing import Any

import aiohttp
from starlette.requests import Request
from starlette.responses import Response

from artstore.ingester.files.locating import Locating, file_id_in
from artstore.kernel.access import Principal
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.peers import forwarded_headers
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType

FILE_ID: dict[str, Any] = {
    "name": "file_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "description": "As the upload answered it.",
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The revisions that the caller knows: the ETag of the attributes.",
}
_SECONDS = 30.0
_MOST_BYTES = 64 * 1024
_RELAYED = ("Content-Type", "ETag", "Retry-After", "WWW-Authenticate")


async def relayed(locating: Locating, request: Request, principal: Principal, what: str = "") -> Response:
    """The element's answer to the request, about ``what`` of the document. The route limits the body.

    Raises Problem NOT_FOUND, and ELEMENT_UNAVAILABLE, also where it is not known what the element did.
    """
    file_id = file_id_in(request.path_params["file_id"])
    headers = forwarded_headers(request, principal)
    body = await request.body()
    [copy, *_] = await locating.copies(file_id, principal, headers)
    if conditions := request.headers.getlist("if-match"):
        headers["If-Match"] = ", ".join(conditions)
    if (content_type := request.headers.get("content-type")) is not None:
        headers["Content-Type"] = content_type
    address = f"{copy.element.url.rstrip('/')}/api/v1/files/{file_id}{what}"
    try:
        async with locating.session.request(
            request.method,
            address,
            data=body or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            allow_redirects=False,
        ) as answer:
            content = await whole_body(answer, _MOST_BYTES)
            told = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
            return Response(content, answer.status, told)
    except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
        raise Problem(
            ProblemType.ELEMENT_UNAVAILABLE,
            "The storage element broke off, and may have done it or not; send the request again.",
        ) from error
