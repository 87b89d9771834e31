"""What is tried again, and when: only what cannot happen twice."""

import random
from dataclasses import dataclass

import anyio

from artstore.sdk.errors import Unavailable


@dataclass(frozen=True)
class Retries:
    """How often and how patiently. The defaults bridge the restart of a service, not a night's outage.

    Tried again are requests that change nothing, and uploads, which carry a key by which a service knows them
    again: after a failed connection, a broken answer or a 503. Any request is whose connection was refused,
    for then no byte of it was sent, or that was one of too many (429), for then nothing was done. Never
    another body that was begun.
    """

    attempts: int = 5
    """Including the first; 1 switches retries off."""
    first_wait: float = 0.2
    """Seconds before the second attempt; each further wait doubles, less or more by a random half."""
    longest_wait: float = 5.0
    """Seconds. A service that asks for more patience (Retry-After) is not asked again; the error says so."""

    async def wait_after(self, attempt: int, error: Unavailable) -> None:
        """Waits before the next attempt, or raises ``error`` when there shall be none."""
        wait = min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)
        if error.retry_after is not None and error.retry_after > self.longest_wait:
            raise error
        if attempt >= self.attempts:
            raise error
        await anyio.sleep(max(wait * random.uniform(0.5, 1.5), error.retry_after or 0.0))
