"""Clients that take nothing of an answer."""

import asyncio
from collections.abc import Awaitable
from typing import Final

STALLED_SECONDS: Final[float] = 600
"""How long a client may take nothing; then its connection is broken. Long, for what a steady client takes
does not show at once: the kernel holds up to 4 MiB for a connection and asks for more when a third of that
is free. At 15 KB/s that takes a minute and a half; and Query takes from an element as slowly as its own
client does from it."""


class ClientStalled(ConnectionAbortedError):
    """Breaks the connection of a client that takes nothing, which holds what others wait for. No mistake of
    ours: it is logged as a warning."""


async def taken(sending: Awaitable[None], *, within_seconds: float) -> None:
    """Raises ClientStalled."""
    try:
        async with asyncio.timeout(within_seconds):
            await sending
    except TimeoutError as error:
        raise ClientStalled(f"the client took nothing for {within_seconds:g} s") from error
