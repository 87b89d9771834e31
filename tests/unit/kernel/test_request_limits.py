"""What is limited of requests: alike on hot routes and others, and told on every answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel.access import Principal, Requires, TokenVerifier, public
from artstore.kernel.app import create_app, hot_route
from artstore.kernel.client_address import networks
from artstore.kernel.limits import Limiter, RequestLimits
from artstore.wire.scopes import Scope

from .conftest import Issuer

Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
ROUTES = ["/hot", "/plain"]
TOLD = ("RateLimit-Limit", "RateLimit-Remaining")


async def hot(request: Request, principal: Principal) -> Response:
    return Response(principal.username)


@pytest.fixture
def open_client(
    verifier: TokenVerifier, client_of: Callable[[FastAPI], Any], tmp_path_factory: pytest.TempPathFactory
) -> Open:
    @asynccontextmanager
    async def opened(*, factor: int = 1, failures: int = 0) -> AsyncIterator[httpx.AsyncClient]:
        nowhere = f"unix://{tmp_path_factory.mktemp('redis')}/nothing.sock"
        limits = RequestLimits(
            "test",
            Limiter("test", nowhere, seconds=5),
            factor=factor,
            failures=failures,
            trusted=networks("127.0.0.1"),
        )
        app = create_app(service="test", title="T", version="1", verifier=verifier, limits=limits)
        hot_route(app, "/hot", hot, methods=["GET"], scope=Scope.FILES_READ, operation={"summary": "Hot"})

        @app.get("/plain")
        async def plain(principal: Annotated[Principal, Requires(Scope.FILES_READ)]) -> str:
            return principal.username

        @app.get("/open")
        @public
        async def everybody() -> str:
            return "hello"

        async with client_of(app) as client:
            yield client

    return opened


def headers(issuer: Issuer, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token(**claims)}"}


class TestAccount:
    @pytest.mark.parametrize("route", ROUTES)
    async def test_a_multiple_of_its_own_limit(self, open_client: Open, issuer: Issuer, route: str) -> None:
        async with open_client(factor=2) as client:
            sent = headers(issuer, rate_limit=2)
            answers = [await client.get(route, headers=sent) for _ in range(6)]
            other = await client.get(route, headers=headers(issuer, rate_limit=2, sub="another"))
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        told = [tuple(int(answer.headers[name]) for name in TOLD) for answer in answers]
        assert told == [(4, 3), (4, 2), (4, 1), (4, 0), (4, 0), (4, 0)]
        assert answers[-1].json()["type"] == "urn:artstore:problem:rate-limited"
        assert answers[-1].headers["Retry-After"] == answers[-1].headers["RateLimit-Reset"]
        assert other.status_code == 200

    async def test_all_routes_of_a_service_are_one(self, open_client: Open, issuer: Issuer) -> None:
        async with open_client() as client:
            sent = headers(issuer, rate_limit=2)
            statuses = [(await client.get(route, headers=sent)).status_code for route in ROUTES * 2]
        assert statuses == [200, 200, 429, 429]

    async def test_all_tokens_of_an_account_are_one(self, open_client: Open, issuer: Issuer) -> None:
        async with open_client() as client:
            statuses = [
                (await client.get("/hot", headers=headers(issuer, rate_limit=2, jti=f"{n}"))).status_code
                for n in range(3)
            ]
        assert statuses == [200, 200, 429]

    @pytest.mark.parametrize(("factor", "rate_limit"), [(0, 1), (1, 0)])
    async def test_none(self, open_client: Open, issuer: Issuer, factor: int, rate_limit: int) -> None:
        async with open_client(factor=factor) as client:
            answers = [
                await client.get("/hot", headers=headers(issuer, rate_limit=rate_limit)) for _ in range(5)
            ]
        assert {answer.status_code for answer in answers} == {200}
        assert not any("RateLimit-Limit" in answer.headers for answer in answers)

    async def test_what_is_open_is_not_counted(self, open_client: Open, issuer: Issuer) -> None:
        async with open_client() as client:
            sent = headers(issuer, rate_limit=1)
            answers = [await client.get("/open", headers=sent) for _ in range(3)]
            assert {answer.status_code for answer in answers} == {200}
            assert (await client.get("/hot", headers=sent)).status_code == 200


class TestAddress:
    @pytest.mark.parametrize("route", ROUTES)
    async def test_bad_tokens(self, open_client: Open, issuer: Issuer, route: str) -> None:
        async with open_client(failures=3) as client:
            sent = [{}, {"Authorization": "Basic eDp5"}, headers(issuer, exp=1)] * 2
            answers = [await client.get(route, headers=one) for one in sent]
            good = await client.get(route, headers=headers(issuer))
            elsewhere = await client.get(route, headers={"X-Forwarded-For": "192.0.2.1"})
        assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 3
        assert answers[-1].json()["type"] == "urn:artstore:problem:rate-limited"
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert "RateLimit-Limit" not in answers[-1].headers
        assert good.status_code == 200, "a good token is looked at first"
        assert elsewhere.status_code == 401

    async def test_they_are_refused_accesses(self, open_client: Open) -> None:
        async with open_client(failures=1) as client:
            for _ in range(3):
                await client.get("/hot", headers={"X-Forwarded-For": "192.0.2.1"})
            transport = client._transport
            assert isinstance(transport, httpx.ASGITransport)
            (report,) = transport.app.state.refusals.reports(at_end=True)  # type: ignore[attr-defined]
        told = {(one.status, one.address): one.count for one in report.refusals}
        assert told == {(401, "192.0.2.1"): 1, (429, "192.0.2.1"): 2}

    async def test_none(self, open_client: Open) -> None:
        async with open_client(failures=0) as client:
            statuses = {(await client.get("/hot")).status_code for _ in range(20)}
        assert statuses == {401}


async def test_health_tells_that_redis_is_away(open_client: Open, issuer: Issuer) -> None:
    async with open_client() as client:
        await client.get("/hot", headers=headers(issuer))
        health = (await client.get("/health/ready")).json()
    assert health["status"] == "degraded"
    assert health["dependencies"]["rate_limits"]["status"] == "down"
