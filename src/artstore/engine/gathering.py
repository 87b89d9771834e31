"""When to hand what was submitted to the log's writer: at once, or with what is about to follow.

A flush costs the same for one record and for twenty, and less than the work for a few uploads. Left to
itself the writer would therefore flush for every two or three of many concurrent uploads. So a record waits
for others while small uploads that began just now are still on their way in, but never long, and never when
nobody is coming: a single client waits for nothing (PostgreSQL's ``commit_siblings`` is the same idea).
"""

import asyncio
import time
from collections.abc import Callable

from artstore.engine.log.writer import Submission

ENOUGH = 8
"""So many records are flushed without waiting for more."""
WAIT_SECONDS = 0.002
_COMING_SECONDS = 0.05
"""An upload that began longer ago is a slow one, and is not waited for."""


class Gathering:
    """For the event loop's thread. ``hand_over`` gets the records in the order they came."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, hand_over: Callable[[list[Submission]], None]
    ) -> None:
        self._loop = loop
        self._hand_over = hand_over
        self._gathered: list[Submission] = []
        self._coming: dict[object, float] = {}
        self._sending: asyncio.Handle | None = None
        self._is_soon = False

    def expect(self, upload: object) -> None:
        """A small upload began."""
        self._coming[upload] = time.monotonic()

    def forget(self, upload: object) -> None:
        """It is here, or does not come. Whoever is not forgotten is given up soon."""
        self._coming.pop(upload, None)

    def add(self, submission: Submission) -> None:
        self._gathered.append(submission)
        if self._is_soon:
            return
        if len(self._gathered) >= ENOUGH or not self._somebody_comes():
            # Not now but next: those who were woken together with this one have their turn first.
            self._cancel()
            self._sending, self._is_soon = self._loop.call_soon(self.send), True
        elif self._sending is None:
            self._sending = self._loop.call_later(WAIT_SECONDS, self.send)

    def send(self) -> None:
        """Hands over what there is."""
        self._cancel()
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._hand_over(gathered)

    def _cancel(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._sending, self._is_soon = None, False

    def _somebody_comes(self) -> bool:
        too_old = time.monotonic() - _COMING_SECONDS
        while self._coming:
            upload, began = next(iter(self._coming.items()))
            if began > too_old:
                return True
            del self._coming[upload]
        return False
