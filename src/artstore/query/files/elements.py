"""One document, asked of one element, with the client's own token."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp

from artstore.kernel.peers import ElementSilent, document_at, says_not_there
from artstore.kernel.peers.calls import CONNECT_SECONDS, SILENCE_SECONDS


class ElementSlow(ElementSilent):
    """The element was reached, and has not answered within the time that it was given."""


class ElementFiles:
    """The documents of elements. Every method raises ElementSilent."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def document(self, url: str, file_id: UUID, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """The document's attributes, or None where the element has none that this client may see."""
        return await document_at(self._session, url, file_id, headers)

    async def download(
        self,
        url: str,
        file_id: UUID,
        method: str,
        headers: Mapping[str, str],
        *,
        silence_seconds: float = SILENCE_SECONDS,
        answer_seconds: float | None = None,
    ) -> aiohttp.ClientResponse | None:
        """The head of the element's answer, its body unread; None where it has no such document.

        It may send nothing for ``silence_seconds``, before the head and in the middle, and the head may take
        ``answer_seconds``; ElementSlow is raised for the head. The caller closes the answer.
        """
        try:
            async with asyncio.timeout(answer_seconds) as limit:
                answer = await self._session.request(
                    method,
                    f"{_url(url, file_id)}/download",
                    headers=headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=silence_seconds),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if limit.expired() or isinstance(error, aiohttp.SocketTimeoutError):
                raise ElementSlow(f"{type(error).__name__} waiting for the answer to a download") from error
            raise ElementSilent(f"{type(error).__name__} asking for a download") from error
        if answer.status == 404:
            answer.close()
            if not says_not_there(answer):
                raise ElementSilent("something before it answered with status 404")
            return None
        return answer


def _url(url: str, file_id: UUID) -> str:
    return f"{url}/api/v1/files/{file_id}"
