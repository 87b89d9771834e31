"""Handing what this process refused to Admin, for the audit trail."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.kernel.refusals import Refusals
from artstore.wire.audit import RefusalReport
from artstore.wire.problems import ProblemType

_EVERY_SECONDS = 5.0
_LAST_SECONDS = 3.0
_log = get_logger(__name__)

Send = Callable[[RefusalReport], Awaitable[None]]


class RefusalReporter:
    """Sends finished minutes, the oldest first, again and again until they are taken.

    ``send`` raises Problem: DEPENDENCY_UNAVAILABLE where trying again may help, any other where it does not.
    """

    def __init__(self, refusals: Refusals, send: Send) -> None:
        self._refusals = refusals
        self._send = send
        self._is_away = False

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await self.report()
            await asyncio.sleep(_EVERY_SECONDS)

    async def report(self, *, at_end: bool = False) -> None:
        """Sends what there is, as far as it is taken now."""
        for report in self._refusals.reports(at_end=at_end):
            try:
                await self._send(report)
            except Problem as error:
                if error.kind is ProblemType.DEPENDENCY_UNAVAILABLE:
                    if not self._is_away:
                        _log.warning("refused accesses cannot be reported now", reason=str(error))
                    self._is_away = True
                    return
                _log.error("a report of refused accesses was not taken", reason=str(error))
                self._refusals.drop(report)
            else:
                self._is_away = False
                self._refusals.reported(report)

    async def close(self) -> None:
        """At the end of the service: sends all there is, for a short time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self.report(at_end=True)
