"""``GET`` and ``HEAD /api/v1/tickets/{ticket}/download``: what a ticket is for, without a token."""

from starlette.requests import Request
from starlette.responses import Response

from artstore.attributes import FileId
from artstore.kernel.access import TicketVerifier
from artstore.kernel.access.requirements import limits_of
from artstore.kernel.client_address import address_of
from artstore.kernel.problems import Problem
from artstore.storage.files.download import Downloads
from artstore.wire.problems import ProblemType

_PRIVATE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}


class TicketedDownloads:
    """The ticket is verified here alone: neither Query, which sent the client, nor Admin is asked."""

    def __init__(self, downloads: Downloads, tickets: TicketVerifier) -> None:
        self._downloads = downloads
        self._tickets = tickets

    async def endpoint(self, request: Request) -> Response:
        admission = await self._tickets.admission(request.path_params["ticket"], address_of(request.scope))
        limits = limits_of(request.app)
        if admission is None:
            if limits is not None:
                await limits.failed(request.scope)
            raise Problem(
                ProblemType.NOT_FOUND,
                "There is no such ticket, or it is good no more. Ask again at the link that led here.",
                is_refusal=True,
            )
        if limits is not None:
            await limits.asked(request.scope, admission.principal)
        response = await self._downloads.answer(request, FileId(admission.file_id), admission.principal)
        response.headers.update(_PRIVATE)
        return response
