"""Each of the services limits how often an account asks it, and says so."""

import pytest

from tests.support.system import RunningSystem

from .conftest import RATE_LIMIT_FACTOR


@pytest.mark.parametrize("service", ["admin", "ingester", "element", "query"])
async def test_one_request_too_many(system: RunningSystem, service: str) -> None:
    method, url = {
        "admin": ("GET", f"{system.admin_url}/api/v1/storage-elements"),
        "ingester": ("POST", f"{system.ingester_url}/api/v1/files/upload"),
        "element": ("GET", f"{system.element_urls['rw-01']}/api/v1/info"),
        "query": ("GET", f"{system.query_url}/api/v1/search"),
    }[service]
    account = await system.create_account("ADMIN", rate_limit=1)
    for asked in range(RATE_LIMIT_FACTOR):
        answer = await account.http.request(method, url)
        assert answer.status_code == (415 if service == "ingester" else 200), answer.text
        assert answer.headers["RateLimit-Limit"] == str(RATE_LIMIT_FACTOR)
        assert answer.headers["RateLimit-Remaining"] == str(RATE_LIMIT_FACTOR - asked - 1)
    refused = await account.http.request(method, url)
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:artstore:problem:rate-limited"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    other = await system.create_account("ADMIN", rate_limit=1)
    assert (await other.http.request(method, url)).status_code != 429


async def test_an_element_is_not_asked_for_less_by_the_services(system: RunningSystem) -> None:
    """What the services do for themselves has no limit: their token says so."""
    listed = await (await system.administrator()).http.get(
        f"{system.admin_url}/api/v1/service-accounts", params={"q": "artstore-services"}
    )
    assert [account["rate_limit"] for account in listed.json()["items"]] == [0]
