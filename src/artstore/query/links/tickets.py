"""Tickets, which Admin makes and elements take: see ``wire.tickets``."""

import asyncio
import math
import time
from collections.abc import Callable

import aiohttp
from pydantic import ValidationError

from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.peers import AdminAway, ServiceToken
from artstore.wire.tickets import TICKETS_PATH, NewTicket, Ticket

_SECONDS = 2.0
"""A client waits meanwhile that can have the document without a ticket, too."""
LEFT_ALONE_SECONDS = 10.0
"""Not asked again for so long, once it did not answer: not every client is to wait for nothing."""
_MOST_BYTES = 64 * 1024


class AdminTickets:
    """Asks with the account of this service."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        admin_url: str,
        token: ServiceToken,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + TICKETS_PATH
        self._token = token
        self._clock = clock
        self._silent_until = -math.inf

    async def issue(self, new: NewTicket) -> Ticket:
        """Raises AdminAway, also where Admin gives none to this account."""
        if self._clock() < self._silent_until:
            raise AdminAway("it did not answer a moment ago")
        try:
            async with asyncio.timeout(_SECONDS):
                status, body = await self._ask(new)
                if status == 401:
                    # Good when it was given; the account or the keys changed since.
                    self._token.forget()
                    status, body = await self._ask(new)
            if status != 201:
                raise AdminAway(f"it answered the request for a ticket with status {status}")
            return Ticket.model_validate_json(body)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            self._silent_until = self._clock() + LEFT_ALONE_SECONDS
            raise AdminAway(f"{type(error).__name__} asking for a ticket") from error
        except ValidationError:
            # Without its cause, which would show the ticket.
            raise AdminAway("its answer with a ticket is unreadable") from None

    async def _ask(self, new: NewTicket) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {await self._token.get()}",
            "Content-Type": "application/json",
        }
        body = new.model_dump_json()
        async with self._session.post(self._url, headers=headers, data=body) as answer:
            return answer.status, await whole_body(answer, _MOST_BYTES)
