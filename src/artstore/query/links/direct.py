"""Sending a client on to the element that has the document of its link."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from artstore.kernel.logging import get_logger
from artstore.kernel.peers import AdminAway
from artstore.kernel.problems import Problem
from artstore.query.files.fetching import Asked, Fetcher
from artstore.query.files.locate import Whereabouts
from artstore.query.links.repository import Grant
from artstore.query.links.tickets import AdminTickets
from artstore.wire.elements import RegisteredElement
from artstore.wire.tickets import TICKET_PATH, NewTicket

_log = get_logger(__name__)


class DirectDownloads:
    """Finds nothing wrong by itself: where a document cannot be had so, it is fetched through Query, which
    tells the client whatever there is to tell.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        elements: Callable[[], Sequence[RegisteredElement]],
        tickets: AdminTickets,
        *,
        seconds: float,
    ) -> None:
        """``elements``: what was last heard of all of them. ``seconds``: how long one is waited for that says
        that it has the document."""
        self._fetcher = fetcher
        self._elements = elements
        self._tickets = tickets
        self._seconds = seconds

    async def address(self, grant: Grant, asked: Asked, where: Whereabouts) -> str | None:
        """Where the client can fetch the document within the next minute.

        The element has just said that it has the document whole and would send it.
        """
        reachable = {each.element_id: each.client_url for each in self._elements() if each.client_url}
        if not reachable:
            return None
        element_id = await self._at_hand(asked, where)
        url = reachable.get(element_id or "")
        if url is None:
            return None
        link, maker = grant.link, grant.maker
        try:
            new = NewTicket(
                file_id=link.file_id,
                account_id=UUID(maker.account_id),
                epoch=maker.epoch,
                session_id=None if maker.session_id is None else UUID(maker.session_id),
                rate_limit=maker.rate_limit,
                # Not the client's own: the element may see him at another one than Query does.
                address=link.address,
            )
            ticket = await self._tickets.issue(new)
        except (AdminAway, ValueError) as error:
            reason = error.reason if isinstance(error, AdminAway) else type(error).__name__
            _log.warning("no ticket is to be had; the document goes through Query", reason=reason)
            return None
        return url.rstrip("/") + TICKET_PATH.format(ticket=ticket.ticket)

    async def _at_hand(self, asked: Asked, where: Whereabouts) -> str | None:
        """The element that would answer with the document."""
        try:
            async with asyncio.timeout(self._seconds):
                opened = await self._fetcher.open(asked, where)
        except (Problem, TimeoutError):
            return None
        opened.close()
        return opened.element_id if opened.answer.status == 200 else None
