"""``POST /api/v1/auth/token`` over HTTP."""

import base64
import re
import time
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from artstore.kernel.access import JwksClient, TokenVerifier
from artstore.wire.scopes import ROLE_SCOPES, SERVICES_SCOPES, Role

from .conftest import (
    ACCOUNTS_PATH,
    INITIAL_RATE_LIMIT,
    TOKEN_PATH,
    Admin,
    Backends,
    StartAdmin,
    same_accounts,
    some_name,
)


def assert_refused(answer: httpx.Response, error: str) -> None:
    """The form of RFC 6749 §5.2, and nothing beside it."""
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == error
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert ("Basic" in answer.headers.get("WWW-Authenticate", "")) == (error == "invalid_client")
    assert answer.headers["Content-Type"] == "application/json"
    assert_not_stored(answer)


def assert_not_stored(answer: httpx.Response) -> None:
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"


class TestIssue:
    def test_by_basic(self, admin: Admin) -> None:
        answer = admin.ask_token(admin.initial)
        assert answer.status_code == 200
        assert answer.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
        assert set(answer.json()["scope"].split()) == {scope.value for scope in ROLE_SCOPES[Role.ADMIN]}
        assert_not_stored(answer)

    def test_by_body(self, admin: Admin) -> None:
        client_id, secret = admin.initial
        body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        assert admin.http.post(TOKEN_PATH, data=body).status_code == 200
        assert admin.http.post(TOKEN_PATH, json=body).status_code == 200

    def test_claims(self, admin: Admin) -> None:
        keys = KeySet.import_key_set(admin.http.get("/.well-known/jwks.json").json())
        before = int(time.time())
        token = jwt.decode(admin.token(scope="files:read accounts:read"), keys, algorithms=["RS256"])
        assert token.header["typ"] == "at+jwt"
        assert token.header["kid"] in {key.kid for key in keys}
        assert token.claims.keys() == {
            *("iss", "sub", "aud", "iat", "nbf", "exp", "jti"),
            *("client_id", "username", "role", "scope", "rate_limit", "epoch"),
        }
        claims = token.claims
        assert (claims["iss"], claims["aud"], claims["client_id"]) == (admin.url, "artstore", "initial")
        assert (claims["role"], claims["username"]) == ("ADMIN", "administrator")
        assert (claims["scope"], claims["rate_limit"]) == ("accounts:read files:read", INITIAL_RATE_LIMIT)
        assert before <= claims["iat"] == claims["nbf"] == claims["exp"] - 3600 <= time.time()
        assert str(UUID(claims["sub"])) == claims["sub"]

    def test_every_token_has_its_own_id(self, admin: Admin) -> None:
        assert admin.token() != admin.token()

    async def test_other_services_verify_it_by_the_key_set(self, admin: Admin) -> None:
        verifier = TokenVerifier(JwksClient(admin.url), admin.url)
        principal = await verifier.verify(admin.token(admin.services))
        await verifier.close()
        assert (principal.client_id, principal.username) == ("services", "artstore-services")
        assert principal.scopes == ROLE_SCOPES[Role.OPERATOR] | SERVICES_SCOPES

    def test_lifetime_is_a_setting(self, admin: Admin, start_admin: StartAdmin) -> None:
        other = start_admin(admin.backends, **same_accounts(admin), token_seconds="60")
        assert other.ask_token(other.initial).json()["expires_in"] == 60


class TestRefused:
    def test_unknown_client_and_wrong_secret_hear_the_same(self, admin: Admin) -> None:
        unknown = admin.ask_token(("nobody", "x" * 43))
        wrong = admin.ask_token((admin.initial[0], "x" * 43))
        assert_refused(unknown, "invalid_client")
        assert_refused(wrong, "invalid_client")
        assert unknown.content == wrong.content
        assert _without_own(unknown.headers) == _without_own(wrong.headers)

    def test_unknown_client_and_wrong_secret_cost_the_same(self, admin: Admin) -> None:
        """One hashing each, also of an account with two secrets: what takes the time is counted."""
        account = admin.new_account(some_name())
        rotated = admin.http.post(f"{ACCOUNTS_PATH}/{account.id}/rotate-secret", headers=admin.headers())
        assert rotated.status_code == 201

        def hashings(client_id: str, secret: str) -> float:
            before = _counted(admin)
            assert_refused(admin.ask_token((client_id, secret)), "invalid_client")
            return _counted(admin) - before

        another = f"artstore_00000000_{'x' * 43}"
        for client_id in ("nobody", admin.initial[0], account.client_id):
            assert [hashings(client_id, secret) for secret in ("x" * 43, another)] == [1, 1], client_id

    def test_secret_that_differs_behind_72_bytes(self, start_admin: StartAdmin, backends: Backends) -> None:
        secret = "s" * 100
        admin = start_admin(backends, initial_client_secret=secret)
        assert admin.ask_token(("initial", secret)).status_code == 200
        assert_refused(admin.ask_token(("initial", secret[:-1] + "t")), "invalid_client")
        assert_refused(admin.ask_token(("initial", secret[:72])), "invalid_client")

    def test_two_ways_of_authentication(self, admin: Admin) -> None:
        assert_refused(admin.ask_token(admin.initial, client_secret="x"), "invalid_request")

    def test_no_authentication(self, admin: Admin) -> None:
        body = {"grant_type": "client_credentials"}
        assert_refused(admin.http.post(TOKEN_PATH, data=body), "invalid_client")
        headers = {"Authorization": "Bearer abc"}
        assert_refused(admin.http.post(TOKEN_PATH, data=body, headers=headers), "invalid_client")

    def test_repeated_header(self, admin: Admin) -> None:
        basic = "Basic " + base64.b64encode(":".join(admin.initial).encode()).decode()
        headers = [("Authorization", basic), ("Authorization", basic)]
        answer = admin.http.post(TOKEN_PATH, data={"grant_type": "client_credentials"}, headers=headers)
        assert_refused(answer, "invalid_request")

    def test_unknown_grant(self, admin: Admin) -> None:
        assert_refused(admin.ask_token(admin.initial, grant_type="password"), "unsupported_grant_type")

    @pytest.mark.parametrize("scope", ["files:everything", "files:read files:everything", 'files:"read'])
    def test_scope_that_does_not_exist(self, admin: Admin, scope: str) -> None:
        assert_refused(admin.ask_token(admin.initial, scope=scope), "invalid_scope")

    def test_scope_beyond_the_account(self, admin: Admin) -> None:
        assert_refused(admin.ask_token(admin.services, scope="accounts:write"), "invalid_scope")

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            (
                "application/x-www-form-urlencoded",
                b"grant_type=client_credentials&grant_type=client_credentials",
            ),
            ("application/x-www-form-urlencoded", b"\xff"),
            ("application/x-www-form-urlencoded", b""),
            ("application/json", b"{" * 16_000),
            ("text/plain", b"grant_type=client_credentials"),
        ],
    )
    def test_malformed(self, admin: Admin, content_type: str, body: bytes) -> None:
        headers = {"Content-Type": content_type}
        answer = admin.http.post(TOKEN_PATH, content=body, headers=headers, auth=admin.initial)
        assert_refused(answer, "invalid_request")

    def test_secret_in_the_url(self, admin: Admin) -> None:
        body = {"grant_type": "client_credentials"}
        answer = admin.http.post(TOKEN_PATH, data=body, params={"client_secret": "x"}, auth=admin.initial)
        assert_refused(answer, "invalid_request")

    def test_body_beyond_the_limit(self, admin: Admin) -> None:
        assert_refused(admin.ask_token(admin.initial, padding="x" * 20_000), "invalid_request")
        assert_refused(admin.ask_token(admin.initial, padding="x" * 700_000), "invalid_request")

    def test_other_methods(self, admin: Admin) -> None:
        answer = admin.http.get(TOKEN_PATH)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")

    def test_secrets_are_not_logged(self, admin: Admin) -> None:
        admin.ask_token((admin.initial[0], "a-wrong-secret-of-somebody"))
        admin.ask_token(admin.initial)
        log = admin.log()
        assert "a-wrong-secret-of-somebody" not in log
        assert admin.initial[1] not in log


def _without_own(headers: httpx.Headers) -> dict[str, str]:
    """The headers without those that differ for each answer."""
    return {name: value for name, value in headers.items() if name not in {"x-request-id", "date"}}


def _counted(admin: Admin) -> float:
    found = re.search(r"^artstore_admin_secret_checks_total (\S+)$", admin.http.get("/metrics").text, re.M)
    assert found is not None
    return float(found[1])
