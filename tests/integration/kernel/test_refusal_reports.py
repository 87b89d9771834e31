"""A report of refused accesses reaches an Admin that refuses the token which was good before."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from artstore.kernel.peers import AdminAudit, ServiceToken
from artstore.kernel.peers.token import AdminAway
from artstore.wire.audit import RefusalCount, RefusalReport

REPORT = RefusalReport(
    service="query",
    instance="query-0123456789abcdef",
    minute=datetime(2026, 11, 26, tzinfo=UTC),
    refusals=[
        RefusalCount(
            account_id=None,
            account_name=None,
            address="127.0.0.1",
            method="GET",
            route="/api/v1/search",
            status=401,
            count=1,
        )
    ],
)


class Admin:
    """Takes the tokens in ``good``; the next that it gives is ``t`` and a number."""

    def __init__(self) -> None:
        self.good = {"t1"}
        self.given = 0
        self.asked: list[str] = []

    async def token(self, request: web.Request) -> web.Response:
        self.given += 1
        told: dict[str, Any] = {"access_token": f"t{self.given}", "token_type": "Bearer", "expires_in": 900}
        return web.json_response({**told, "scope": "audit:report"})

    async def report(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.asked.append(token)
        return web.Response(status=204 if token in self.good else 401)


@pytest.fixture
def admin() -> Admin:
    return Admin()


@pytest.fixture
async def send(admin: Admin) -> AsyncIterator[AdminAudit]:
    app = web.Application()
    app.router.add_post("/api/v1/auth/token", admin.token)
    app.router.add_post("/api/v1/audit/refusals", admin.report)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as session:
        yield AdminAudit(session, url, ServiceToken(session, url, "services", "secret"))
    await runner.cleanup()


async def test_a_token_that_is_refused_is_replaced_at_once(admin: Admin, send: AdminAudit) -> None:
    """At the end of a service there is no later."""
    await send.refusals(REPORT)
    admin.good = {"t2"}
    await send.refusals(REPORT)
    assert admin.asked == ["t1", "t1", "t2"]


async def test_an_account_that_is_refused_is_not_asked_for_ever(admin: Admin, send: AdminAudit) -> None:
    admin.good = set()
    with pytest.raises(AdminAway, match="401"):
        await send.refusals(REPORT)
    assert admin.asked == ["t1", "t2"]
