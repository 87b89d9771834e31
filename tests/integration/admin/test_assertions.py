"""Clients that prove themselves by a key instead of a secret: ``private_key_jwt`` (RFC 7523)."""

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from artstore.admin.auth.repository import forget_expired_assertions
from artstore.kernel.database import Database
from artstore.wire.accounts import CreatedServiceAccount

from .conftest import TOKEN_PATH, Admin, some_name

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Key = RSAKey | ECKey | OKPKey
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519", "RS512", "HS256"]


def public(key: Key, **members: Any) -> dict[str, Any]:
    return dict(key.as_dict(private=False)) | members


class Client:
    """An account with keys, and the assertions that it signs."""

    def __init__(self, admin: Admin, account: CreatedServiceAccount, key: Key, algorithm: str) -> None:
        self.admin = admin
        self.account = account
        self.key = key
        self.algorithm = algorithm

    def assertion(self, header: dict[str, Any] | None = None, key: Key | None = None, **changed: Any) -> str:
        """A claim given as None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.account.client_id,
            "sub": self.account.client_id,
            "aud": f"{self.admin.url}{TOKEN_PATH}",
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        } | changed
        kept = {name: value for name, value in claims.items() if value is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "EdDSA", which clients use, has a newer name
            return jwt.encode(
                {"alg": self.algorithm} | (header or {}), kept, key or self.key, algorithms=ALGORITHMS
            )

    def ask(self, assertion: str, **parameters: str) -> httpx.Response:
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": assertion,
        }
        return self.admin.http.post(TOKEN_PATH, data=data | parameters)


def with_keys(admin: Admin, *keys: dict[str, Any]) -> CreatedServiceAccount:
    body = {"name": some_name(), "keys": list(keys)}
    answer = admin.http.post("/api/v1/service-accounts", json=body, headers=admin.headers())
    assert answer.status_code == 201, answer.text
    return CreatedServiceAccount.model_validate_json(answer.content)


@pytest.fixture(scope="module")
def client(admin: Admin) -> Client:
    key = ECKey.generate_key("P-256")
    return Client(admin, with_keys(admin, public(key)), key, "ES256")


def assert_refused(answer: httpx.Response, error: str = "invalid_client") -> str:
    assert (answer.status_code, answer.json()["error"]) == (401 if error == "invalid_client" else 400, error)
    said: str = answer.json()["error_description"]
    return said


class TestAccepted:
    @pytest.mark.parametrize(
        ("make", "algorithm"),
        [
            (lambda: RSAKey.generate_key(2048), "RS256"),
            (lambda: RSAKey.generate_key(2048), "PS256"),
            (lambda: ECKey.generate_key("P-256"), "ES256"),
            (lambda: OKPKey.generate_key("Ed25519"), "EdDSA"),
            (lambda: OKPKey.generate_key("Ed25519"), "Ed25519"),
        ],
    )
    def test_kinds_of_keys(self, admin: Admin, make: Any, algorithm: str) -> None:
        key = make()
        client = Client(admin, with_keys(admin, public(key)), key, algorithm)
        answer = client.ask(client.assertion(), scope="files:read")
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == "files:read"

    def test_audience(self, client: Client) -> None:
        for audience in (client.admin.url, [f"{client.admin.url}{TOKEN_PATH}"]):
            assert client.ask(client.assertion(aud=audience)).status_code == 200

    def test_client_id_beside_it(self, client: Client) -> None:
        assert client.ask(client.assertion(), client_id=client.account.client_id).status_code == 200

    def test_clocks_may_differ_by_a_minute(self, client: Client) -> None:
        for claim, seconds in (("exp", -50), ("iat", 50), ("nbf", 50)):
            changed: dict[str, Any] = {claim: int(time.time()) + seconds}
            assert client.ask(client.assertion(**changed)).status_code == 200
        assert client.ask(client.assertion(iat=None)).status_code == 200

    def test_one_of_several_keys_by_its_name(self, admin: Admin) -> None:
        keys = [ECKey.generate_key("P-256") for _ in range(2)]
        account = with_keys(admin, *(public(key, kid=f"k{n}") for n, key in enumerate(keys)))
        for number, key in enumerate(keys):
            client = Client(admin, account, key, "ES256")
            assert client.ask(client.assertion({"kid": f"k{number}"})).status_code == 200
            assert client.ask(client.assertion()).status_code == 200
            assert_refused(client.ask(client.assertion({"kid": f"k{1 - number}"})))

    def test_at_revocation_and_introspection(self, client: Client) -> None:
        token = client.ask(client.assertion()).json()["access_token"]
        for path in ("introspect", "revoke"):
            url = f"/api/v1/auth/{path}"
            data = {
                "token": token,
                "client_assertion_type": TYPE,
                "client_assertion": client.assertion(aud=client.admin.url + url),
            }
            assert client.admin.http.post(url, data=data).status_code == 200
        assert not client.admin.introspect(token)["active"]


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"aud": "https://elsewhere.example"}, "another audience"),
            ({"aud": None}, "another audience"),
            ({"aud": []}, "another audience"),
            ({"aud": 7}, "another audience"),
            ({"iss": "somebody"}, "iss and sub"),
            ({"iss": None}, "iss and sub"),
            ({"sub": None}, "sub"),
            ({"exp": None}, "exp"),
            ({"exp": "soon"}, "exp"),
            ({"exp": float("inf")}, ""),
            ({"exp": 10**12}, "longer than"),
            ({"exp": 10**400}, "exp"),
            ({"nbf": -(10**400)}, "nbf"),
            ({"iat": 1e300}, "iat"),
            ({"jti": None}, "jti"),
            ({"jti": "x" * 257}, "jti"),
            ({"jti": 7}, "jti"),
        ],
    )
    def test_claim(self, client: Client, changed: dict[str, Any], said: str) -> None:
        assert said in assert_refused(client.ask(client.assertion(**changed)))

    def test_clocks_that_differ_by_more_than_a_minute(self, client: Client) -> None:
        for claim, seconds in (("exp", -70), ("iat", 70), ("nbf", 70)):
            changed: dict[str, Any] = {claim: int(time.time()) + seconds}
            assert_refused(client.ask(client.assertion(**changed)))

    def test_audience_that_is_not_us_alone(self, client: Client) -> None:
        """Whoever else is meant could use it here."""
        several = [f"{client.admin.url}{TOKEN_PATH}", "https://elsewhere.example"]
        assert_refused(client.ask(client.assertion(aud=several)))

    def test_foreign_key_and_unknown_client_hear_the_same(self, client: Client) -> None:
        foreign = client.ask(client.assertion(key=ECKey.generate_key("P-256")))
        unknown = client.ask(client.assertion(iss="nobody", sub="nobody"))
        assert_refused(foreign)
        assert foreign.content == unknown.content

    def test_account_without_keys(self, client: Client) -> None:
        other = client.admin.new_account(some_name())
        assert_refused(client.ask(client.assertion(iss=other.client_id, sub=other.client_id)))

    def test_other_algorithms(self, client: Client) -> None:
        rsa = RSAKey.generate_key(2048)
        for header, key in (({"alg": "RS512"}, rsa), ({"alg": "RS256"}, rsa)):
            assert_refused(client.ask(client.assertion(header, key)))
        head, body, _ = client.assertion().split(".")
        none = "eyJhbGciOiJub25lIn0"
        for text in (f"{none}.{body}.", f"{head}.{body}.", "a.b.c", "....", "x", "[" * 4000):
            assert_refused(client.ask(text))

    def test_other_client_named_beside_it(self, client: Client) -> None:
        assert_refused(client.ask(client.assertion(), client_id="another"))

    def test_wrong_type(self, client: Client) -> None:
        answer = client.ask(client.assertion(), client_assertion_type="urn:x")
        assert_refused(answer, "invalid_request")

    def test_suspended_account(self, admin: Admin) -> None:
        key = ECKey.generate_key("P-256")
        client = Client(admin, with_keys(admin, public(key)), key, "ES256")
        admin.change("POST", f"{client.account.id}/suspend")
        assert "suspended" in assert_refused(client.ask(client.assertion()))


class TestReplay:
    def test_is_refused(self, client: Client) -> None:
        assertion = client.assertion()
        assert client.ask(assertion).status_code == 200
        assert "used before" in assert_refused(client.ask(assertion))
        assert_refused(client.ask(client.assertion(jti=_jti(assertion))))

    async def test_is_remembered_some_minutes_longer(self, client: Client) -> None:
        """The clock of the database may be ahead of Admin's."""
        assertion = client.assertion()
        assert client.ask(assertion).status_code == 200
        await self.tidy_after(client, "5 minutes")
        assert "used before" in assert_refused(client.ask(assertion))
        await self.tidy_after(client, "1 hour")
        assert client.ask(assertion).status_code == 200

    async def tidy_after(self, client: Client, time_since: str) -> None:
        database = Database(client.admin.backends.database_url, application_name="test")
        async with database.write() as connection:
            await connection.execute(
                sqlalchemy.text("UPDATE admin.used_assertions SET until = now() - CAST(:since AS interval)"),
                {"since": time_since},
            )
            await forget_expired_assertions(connection)
        await database.close()

    def test_by_two_processes_at_once(self, client: Client, beside: Admin) -> None:
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": TYPE,
            "client_assertion": client.assertion(),
        }

        def ask(number: int) -> int:
            return httpx.post(
                f"{(client.admin, beside)[number % 2].url}{TOKEN_PATH}", data=data, timeout=30
            ).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(ask, range(8))) == [200] + [401] * 7


def _jti(assertion: str) -> str:
    from base64 import urlsafe_b64decode
    from json import loads

    part = assertion.split(".")[1]
    return str(loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))["jti"])


class TestRegistering:
    @pytest.mark.parametrize(
        "key",
        [
            {},
            {"kty": "oct", "k": "c2VjcmV0"},
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "n": "!", "e": "AQAB"},
            {"kty": "RSA"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "OKP", "crv": "Ed25519", "x": ""},
            {"kty": ["RSA"]},
            {"kty": "RSA", "n": 7, "e": 7},
            public(ECKey.generate_key("P-384")),
            {"kty": "RSA", "n": "8" * 171, "e": "AQAB"},
            {"kty": "RSA", "n": "8" * 2000, "e": "AQAB"},
            public(ECKey.generate_key("P-256"), use="enc"),
            public(ECKey.generate_key("P-256"), kid="\0"),
            public(ECKey.generate_key("P-256"), kid=7),
            dict(ECKey.generate_key("P-256").as_dict(private=True)),
        ],
    )
    def test_refused(self, admin: Admin, key: dict[str, Any]) -> None:
        body = {"name": some_name(), "keys": [key]}
        answer = admin.http.post("/api/v1/service-accounts", json=body, headers=admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, "keys"), answer.text

    def test_only_what_is_needed_is_kept(self, admin: Admin) -> None:
        key = ECKey.generate_key("P-256")
        account = with_keys(admin, public(key, kid="mine", x5c=["y" * 100], note="\0"))
        (kept,) = account.keys
        assert kept.keys() == {"kty", "crv", "x", "y", "kid"}

    def test_two_of_one_name(self, admin: Admin) -> None:
        keys = [public(ECKey.generate_key("P-256"), kid="same") for _ in range(2)]
        body = {"name": some_name(), "keys": keys}
        answer = admin.http.post("/api/v1/service-accounts", json=body, headers=admin.headers())
        assert answer.status_code == 422

    def test_removed_it_is_good_no_longer(self, admin: Admin) -> None:
        key = ECKey.generate_key("P-256")
        client = Client(admin, with_keys(admin, public(key)), key, "ES256")
        token = client.ask(client.assertion()).json()["access_token"]
        tag = admin.change("GET", f"{client.account.id}").headers["ETag"]
        changed = admin.change(
            "PATCH", f"{client.account.id}", body={"keys": None}, headers={"If-Match": tag}
        )
        assert changed.json()["keys"] == []
        assert_refused(client.ask(client.assertion()))
        assert not admin.introspect(token)["active"]
