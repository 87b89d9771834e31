"""One document, asked of one element with the client's own token."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp

from artstore.wire.problems import PROBLEM_JSON

ASK_SECONDS = 5.0
"""For an answer without a document's bytes."""


class ElementSilent(Exception):
    """The element could not be reached, or gave no answer that says whether it has the document."""


def says_not_there(answer: aiohttp.ClientResponse) -> bool:
    """Whether an element says that it has no such document. A 404 that is no problem of ours comes from
    something before it, which knows no element there just now.
    """
    return answer.status == 404 and answer.content_type == PROBLEM_JSON


async def document_at(
    session: aiohttp.ClientSession, url: str, file_id: UUID, headers: Mapping[str, str]
) -> dict[str, Any] | None:
    """The document's attributes, or None where the element has none that this client may see.

    Raises ElementSilent.
    """
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    address = f"{url.rstrip('/')}/api/v1/files/{file_id}"
    try:
        async with session.get(address, headers=headers, timeout=timeout) as answer:
            if says_not_there(answer):
                return None
            if answer.status != 200:
                raise ElementSilent(f"it answered with status {answer.status}")
            document: dict[str, Any] = await answer.json()
            return document
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise ElementSilent(f"{type(error).__name__} asking for a document") from error
