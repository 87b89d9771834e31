"""Reports of a service to Admin, for the audit trail, with the service's own account."""

import asyncio

import aiohttp
from pydantic import BaseModel, ValidationError

from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.peers.token import AdminAway, ServiceToken
from artstore.kernel.problems import Problem
from artstore.wire.audit import ExpiryReport, HoldReport, RefusalReport
from artstore.wire.problems import ProblemBody, ProblemType

_PREFIX = "/api/v1/audit"
_SEND_SECONDS = 10.0
_MOST_BYTES = 64 * 1024


class AdminAudit:
    """Each method returns when Admin has recorded what it was told, and may be called again with the same.

    Raises AdminAway, where trying again may help, and Problem INVALID_REQUEST, where it does not.
    """

    def __init__(self, session: aiohttp.ClientSession, admin_url: str, token: ServiceToken) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + _PREFIX
        self._token = token

    async def refusals(self, report: RefusalReport) -> None:
        await self._send("refusals", report)

    async def expiries(self, report: ExpiryReport) -> None:
        await self._send("expiries", report)

    async def hold(self, report: HoldReport) -> None:
        await self._send("holds", report)

    async def _send(self, what: str, report: BaseModel) -> None:
        status, content = await self._answer(what, report)
        if status == 401:
            # Good when it was given; the account or the keys changed since. At the end of a service there is
            # no later in which to find out that another one is taken.
            self._token.forget()
            status, content = await self._answer(what, report)
        if status in (400, 413, 422):
            raise Problem(ProblemType.INVALID_REQUEST, f"Admin does not take it: {_detail(status, content)}")
        if status != 204:
            raise AdminAway(f"it answered a report of {what} with status {status}")

    async def _answer(self, what: str, report: BaseModel) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {await self._token.get()}",
            "Content-Type": "application/json",
        }
        try:
            async with (
                asyncio.timeout(_SEND_SECONDS),
                self._session.post(
                    f"{self._url}/{what}", headers=headers, data=report.model_dump_json()
                ) as answer,
            ):
                return answer.status, await whole_body(answer, _MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong) as error:
            raise AdminAway(f"{type(error).__name__} reporting {what}") from error


def _detail(status: int, content: bytes) -> str:
    try:
        return ProblemBody.model_validate_json(content).detail
    except ValidationError:
        return f"it answered with status {status}."
