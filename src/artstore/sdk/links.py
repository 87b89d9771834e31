"""Links to documents, for whoever has no account."""

import builtins
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

from artstore.sdk.transport import Transport
from artstore.wire.links import Link, LinkCreated, LinkPage, NewLink


class AsyncLinks:
    """``client.links`` of an AsyncClient."""

    def __init__(self, transport: Transport, query_url: str) -> None:
        self._transport = transport
        self._query_url = query_url

    async def create(
        self,
        file_id: UUID | str,
        *,
        expires_in: int | None = None,
        once: bool = False,
        address: str | None = None,
        direct: bool = False,
    ) -> LinkCreated:
        """Makes a link. Whoever has its ``url``, which is told this once, may download the document.

        ``expires_in``: seconds, an hour if not given, a day at most. ``once``: for one download. ``address``:
        only from this IP address or network. ``direct``: the bytes need not pass through Query, where clients
        can reach the storage element. Raises NotFound, Rejected, TooManyRequests.
        """
        # What it may be is for the service to judge, which says what is wrong with it.
        new = NewLink.model_construct(once=once, address=address, direct=direct)
        if expires_in is not None:
            new = new.model_copy(update={"expires_in": expires_in})
        url = f"{self._query_url}/api/v1/files/{_quoted(file_id)}/link"
        link = await self._transport.post(url, new, LinkCreated)
        return link.model_copy(update={"url": f"{self._query_url}{link.url}"})

    async def list(self) -> builtins.list[Link]:
        """Those that the account has made and that are good, newest first."""
        return (await self._transport.get(f"{self._query_url}/api/v1/links", LinkPage)).items

    async def end(self, link_id: UUID | str) -> None:
        """From now on the link gives nothing. Raises NotFound, also for one that has ended already."""
        await self._transport.remove(f"{self._query_url}/api/v1/links/{_quoted(link_id)}")


class Links:
    """``client.links`` of a Client: the same methods."""

    def __init__(self, links: AsyncLinks, run: Callable[[Callable[[], Awaitable[Any]]], Any]) -> None:
        self._links = links
        self._run = run

    def create(
        self,
        file_id: UUID | str,
        *,
        expires_in: int | None = None,
        once: bool = False,
        address: str | None = None,
        direct: bool = False,
    ) -> LinkCreated:
        """Makes a link. Whoever has its ``url``, which is told this once, may download the document.

        ``expires_in``: seconds, an hour if not given, a day at most. ``once``: for one download. ``address``:
        only from this IP address or network. ``direct``: the bytes need not pass through Query, where clients
        can reach the storage element. Raises NotFound, Rejected, TooManyRequests.
        """
        call = partial(
            self._links.create, file_id, expires_in=expires_in, once=once, address=address, direct=direct
        )
        created: LinkCreated = self._run(call)
        return created

    def list(self) -> builtins.list[Link]:
        """Those that the account has made and that are good, newest first."""
        found: builtins.list[Link] = self._run(self._links.list)
        return found

    def end(self, link_id: UUID | str) -> None:
        """From now on the link gives nothing. Raises NotFound, also for one that has ended already."""
        self._run(partial(self._links.end, link_id))


def _quoted(text: UUID | str) -> str:
    return quote(str(text), safe="", errors="replace")
