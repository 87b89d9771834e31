"""Handing what this process refused to Admin, for the audit trail."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp

from artstore.kernel.logging import get_logger
from artstore.kernel.peers.token import AdminAway, ServiceToken
from artstore.kernel.problems import Problem
from artstore.kernel.refusals import Refusals
from artstore.wire.audit import RefusalReport
from artstore.wire.problems import ProblemType

REFUSALS_PATH = "/api/v1/audit/refusals"
_EVERY_SECONDS = 5.0
_LAST_SECONDS = 3.0
_SEND_SECONDS = 10.0
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


class AdminAudit:
    """``send`` of a service that is not Admin: with its own account."""

    def __init__(self, session: aiohttp.ClientSession, admin_url: str, token: ServiceToken) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + REFUSALS_PATH
        self._token = token

    async def __call__(self, report: RefusalReport) -> None:
        status = await self._status_of(report)
        if status == 401:
            # Good when it was given; the account or the keys changed since. At the end of a service there is
            # no later in which to find out that another one is taken.
            self._token.forget()
            status = await self._status_of(report)
        if status in (400, 413, 422):
            raise Problem(ProblemType.INVALID_REQUEST, f"Admin answered with status {status}.")
        if status != 204:
            raise AdminAway(f"it answered a report of refused accesses with status {status}")

    async def _status_of(self, report: RefusalReport) -> int:
        headers = {
            "Authorization": f"Bearer {await self._token.get()}",
            "Content-Type": "application/json",
        }
        try:
            async with (
                asyncio.timeout(_SEND_SECONDS),
                self._session.post(self._url, headers=headers, data=report.model_dump_json()) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AdminAway(f"{type(error).__name__} reporting refused accesses") from error
