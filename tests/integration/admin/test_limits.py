"""How often a client may ask, and may fail: counted over two Admin processes, in what OAuth clients understand."""

import asyncio
import secrets
import time
from collections import Counter
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from oauthlib.oauth2 import BackendApplicationClient, TemporarilyUnavailableError

from artstore.kernel.limits.windows import WINDOW_SECONDS
from artstore.wire.accounts import CreatedServiceAccount

from .conftest import (
    ACCOUNTS_PATH,
    TOKEN_PATH,
    Admin,
    Backends,
    StartAdmin,
    credentials_of,
    same_accounts,
    some_name,
)

FAILURES, ADDRESS_FAILURES, BAD_TOKENS = 3, 8, 4
WRONG = "x" * 43


@pytest.fixture(scope="module")
def pair(start_shared: StartAdmin, admin: Admin) -> tuple[Admin, Admin]:
    """Two processes with low limits. Redis is given time, so that they count together on a busy machine."""

    def start() -> Admin:
        return start_shared(
            admin.backends,
            **same_accounts(admin),
            issuer=admin.url,
            public_url=admin.url,
            rate_limit_factor="2",
            rate_limit_failures=str(BAD_TOKENS),
            rate_limit_wait_seconds="5",
            auth_failures=str(FAILURES),
            auth_address_failures=str(ADDRESS_FAILURES),
        )

    return start(), start()


def new_account(admin: Admin, **settings: Any) -> CreatedServiceAccount:
    body = {"name": some_name(), "role": "ADMIN"} | settings
    answer = admin.http.post(ACCOUNTS_PATH, json=body, headers=admin.headers())
    assert answer.status_code == 201, answer.text
    return CreatedServiceAccount.model_validate_json(answer.content)


def some_address() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def ask(
    admin: Admin, client: tuple[str, str], address: str, path: str = TOKEN_PATH, **data: str
) -> httpx.Response:
    form = {"grant_type": "client_credentials"} | data
    return admin.http.post(path, data=form, auth=client, headers={"X-Forwarded-For": address})


def told(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def assert_too_many(answer: httpx.Response) -> None:
    """RFC 6749 §5.2 with the status of RFC 6585."""
    assert answer.status_code == 429
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == "temporarily_unavailable"
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


class TestClient:
    async def test_two_processes_allow_exactly_as_many_as_the_account_may(
        self, pair: tuple[Admin, Admin]
    ) -> None:
        client = credentials_of(new_account(pair[0], rate_limit=20))
        data = {"grant_type": "client_credentials"}
        async with httpx.AsyncClient(timeout=60) as http:
            answers = await asyncio.gather(
                *(
                    http.post(f"{admin.url}{TOKEN_PATH}", data=data, auth=client)
                    for _ in range(30)
                    for admin in pair
                )
            )
        assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 40}
        granted = [answer for answer in answers if answer.status_code == 200]
        assert sorted(told(answer)[1] for answer in granted) == list(range(20))
        assert all(told(answer)[0] == 20 and 0 < told(answer)[2] <= 61 for answer in answers)
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert_too_many(refused)
        assert told(refused)[1:] == (0, int(refused.headers["Retry-After"]))

    def test_all_that_it_authenticates_at_is_one_limit(self, pair: tuple[Admin, Admin]) -> None:
        client, address = credentials_of(new_account(pair[0], rate_limit=3)), some_address()
        token = ask(pair[0], client, address).json()["access_token"]
        for path in ("/api/v1/auth/introspect", "/api/v1/auth/revoke"):
            answer = ask(pair[1], client, address, path, token=token)
            assert answer.status_code == 200
        assert told(answer)[:2] == (3, 0)
        for path in (TOKEN_PATH, "/api/v1/auth/introspect", "/api/v1/auth/revoke"):
            assert_too_many(ask(pair[0], client, address, path, token=token))

    def test_one_account_does_not_touch_another(self, pair: tuple[Admin, Admin]) -> None:
        hasty, other = (credentials_of(new_account(pair[0], rate_limit=1)) for _ in range(2))
        assert [ask(pair[0], hasty, some_address()).status_code for _ in range(2)] == [200, 429]
        assert ask(pair[0], other, some_address()).status_code == 200

    def test_one_that_runs_away_does_not_keep_the_cores_hashing(self, pair: tuple[Admin, Admin]) -> None:
        client = credentials_of(new_account(pair[0], rate_limit=1))
        assert [ask(pair[0], client, some_address()).status_code for _ in range(2)] == [200, 429]
        before = metric(pair[0], "artstore_admin_secret_checks_total")
        refused = ask(pair[0], client, some_address())
        assert_too_many(refused)
        assert told(refused)[:2] == (1, 0)
        assert metric(pair[0], "artstore_admin_secret_checks_total") == before
        wrong = ask(pair[0], (client[0], WRONG), some_address())
        assert wrong.status_code == 401, "who did not prove it learns nothing of the account"

    def test_services_are_not_limited(self, pair: tuple[Admin, Admin]) -> None:
        answer = ask(pair[0], pair[0].services, some_address())
        assert answer.status_code == 200
        assert "RateLimit-Limit" not in answer.headers

    def test_client_libraries_understand_it(self, pair: tuple[Admin, Admin]) -> None:
        client_id, secret = credentials_of(new_account(pair[0], rate_limit=1))
        with OAuth2Session(client_id, secret) as authlib:
            authlib.fetch_token(f"{pair[0].url}{TOKEN_PATH}", grant_type="client_credentials")
            with pytest.raises(OAuthError, match="temporarily_unavailable"):
                authlib.fetch_token(f"{pair[0].url}{TOKEN_PATH}", grant_type="client_credentials")
        refused = ask(pair[0], (client_id, secret), some_address())
        with pytest.raises(TemporarilyUnavailableError):
            BackendApplicationClient(client_id).parse_request_body_response(refused.text)


class TestFailures:
    def test_of_a_client_at_an_address(self, pair: tuple[Admin, Admin]) -> None:
        client, address = credentials_of(new_account(pair[0])), some_address()
        statuses = [ask(admin, (client[0], WRONG), address).status_code for _ in range(3) for admin in pair]
        assert statuses == [401] * FAILURES + [429] * 3
        # The right secret is not looked at, else guessing would go on.
        assert_too_many(ask(pair[0], client, address))
        assert ask(pair[0], client, some_address()).status_code == 200, "elsewhere nobody is locked out"
        neighbour = address.replace("::1", "::2")
        assert ask(pair[0], client, neighbour).status_code == 429, "the same network of 64 bits"

    def test_unknown_client_hears_what_a_known_one_hears(self, pair: tuple[Admin, Admin]) -> None:
        known, unknown = new_account(pair[0]).client_id, "sa_nobody_00000000"
        heard = []
        for client_id in (known, unknown):
            address = some_address()
            answers = [ask(pair[0], (client_id, WRONG), address) for _ in range(FAILURES + 2)]
            heard.append([(one.status_code, one.json()["error"], _names(one)) for one in answers])
        assert heard[0] == heard[1]
        assert [status for status, _, _ in heard[0]] == [401] * FAILURES + [429] * 2

    def test_nothing_is_hashed_any_more(self, pair: tuple[Admin, Admin]) -> None:
        address = some_address()
        for _ in range(FAILURES):
            ask(pair[0], ("nobody", WRONG), address)
        before = metric(pair[0], "artstore_admin_secret_checks_total")
        assert_too_many(ask(pair[0], ("nobody", WRONG), address))
        assert metric(pair[0], "artstore_admin_secret_checks_total") == before

    def test_of_an_address_whatever_it_names(self, pair: tuple[Admin, Admin]) -> None:
        address = some_address()
        statuses = [
            ask(pair[number % 2], (f"nobody-{number}", WRONG), address).status_code
            for number in range(ADDRESS_FAILURES + 2)
        ]
        assert statuses == [401] * ADDRESS_FAILURES + [429] * 2
        client = credentials_of(new_account(pair[0]))
        assert ask(pair[0], client, address).status_code == 429
        assert ask(pair[0], client, some_address()).status_code == 200

    def test_one_client_alone_does_not_close_its_address(self, pair: tuple[Admin, Admin]) -> None:
        """Behind a proxy that nobody named, or in a cluster, many clients share one address."""
        broken, other, address = ("broken", WRONG), credentials_of(new_account(pair[0])), some_address()
        for _ in range(2 * ADDRESS_FAILURES):
            ask(pair[0], broken, address)
        assert ask(pair[0], other, address).status_code == 200

    def test_successes_are_no_failures(self, pair: tuple[Admin, Admin]) -> None:
        client, address = credentials_of(new_account(pair[0])), some_address()
        for _ in range(ADDRESS_FAILURES + 1):
            assert ask(pair[0], client, address).status_code == 200

    def test_assertions_and_missing_credentials_count(self, pair: tuple[Admin, Admin]) -> None:
        address = some_address()
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "no.jwt.atall",
        }
        forms = [form, {"grant_type": "client_credentials"}] * ADDRESS_FAILURES
        headers = {"X-Forwarded-For": address}
        statuses = [pair[0].http.post(TOKEN_PATH, data=one, headers=headers).status_code for one in forms]
        # What names no client has nothing to look at before it is refused.
        assert statuses[:ADDRESS_FAILURES] == [401] * ADDRESS_FAILURES
        assert statuses[ADDRESS_FAILURES] == 429

    def test_what_is_malformed_is_no_failure(self, pair: tuple[Admin, Admin]) -> None:
        address = some_address()
        for _ in range(ADDRESS_FAILURES + 2):
            assert ask(pair[0], ("nobody", WRONG), address, grant_type="password").status_code == 400
        assert ask(pair[0], ("nobody", WRONG), address).status_code == 401


class TestRoutes:
    def test_an_account_may_ask_a_multiple_of_its_limit(self, pair: tuple[Admin, Admin]) -> None:
        headers = pair[0].headers(credentials_of(new_account(pair[0], rate_limit=2)))
        answers = [admin.http.get("/api/v1/jwt-keys", headers=headers) for _ in range(3) for admin in pair]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        assert [told(answer)[:2] for answer in answers[:4]] == [(4, 3), (4, 2), (4, 1), (4, 0)]
        refused = answers[-1]
        assert refused.json()["type"] == "urn:artstore:problem:rate-limited"
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert told(refused) == (4, 0, int(refused.headers["Retry-After"]))

    def test_what_the_account_may_not_counts_too(self, pair: tuple[Admin, Admin]) -> None:
        headers = pair[0].headers(credentials_of(new_account(pair[0], rate_limit=1, role="USER")))
        statuses = [pair[0].http.get("/api/v1/jwt-keys", headers=headers).status_code for _ in range(3)]
        assert statuses == [403, 403, 429]

    def test_requests_without_a_good_token_by_address(self, pair: tuple[Admin, Admin]) -> None:
        address, good = some_address(), pair[0].headers()
        bad = [{}, {"Authorization": "Bearer x.y.z"}] * 3
        answers = [
            admin.http.get("/api/v1/jwt-keys", headers=one | {"X-Forwarded-For": address})
            for one, admin in zip(bad, pair * 3, strict=True)
        ]
        assert [answer.status_code for answer in answers] == [401] * BAD_TOKENS + [429] * 2
        assert answers[-1].json()["type"] == "urn:artstore:problem:rate-limited"
        assert int(answers[-1].headers["Retry-After"]) > 0
        # Nobody is locked out by a neighbour.
        answer = pair[0].http.get("/api/v1/jwt-keys", headers=good | {"X-Forwarded-For": address})
        assert answer.status_code == 200


def test_without_redis_each_process_limits_by_itself(start_admin: StartAdmin, backends: Backends) -> None:
    admin = start_admin(backends, auth_failures="3", auth_address_failures="100", rate_limit_wait_seconds="5")
    client = credentials_of(new_account(admin, rate_limit=6))
    address = some_address()
    began = time.monotonic()
    assert [ask(admin, client, address).status_code for _ in range(2)] == [200, 200]
    assert ask(admin, ("nobody", WRONG), address).status_code == 401
    before = warnings(admin)
    backends.redis.stop()
    answers = [ask(admin, client, address) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    assert told(answers[0])[:2] == (6, 3)
    assert_too_many(answers[-1])
    statuses = [ask(admin, ("nobody", WRONG), address).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert metric(admin, "artstore_rate_limit_local") == 1
    assert warnings(admin) == before + 1
    health = admin.http.get("/health/ready").json()
    assert (health["status"], health["dependencies"]["rate_limits"]["status"]) == ("degraded", "down")
    backends.redis.start()
    admin.eventually(lambda: metric(admin, "artstore_rate_limit_local") == 0)
    # What was counted is not forgotten, before its minute is over.
    assert ask(admin, client, address).status_code == 429 or time.monotonic() - began > WINDOW_SECONDS


def warnings(admin: Admin) -> int:
    return sum("by this process alone" in line for line in admin.log().splitlines())


def metric(admin: Admin, name: str) -> float:
    lines = admin.http.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


def _names(answer: httpx.Response) -> set[str]:
    return set(answer.headers) - {"date"}
