"""OAuth client libraries that know nothing of ArtStore get tokens and use them, as they are."""

from typing import Any

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError as AuthlibError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc.jwk import RSAKey
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from artstore.wire.accounts import CreatedServiceAccount

from .conftest import ACCOUNTS_PATH, Admin, some_name


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib refuses http:// unless it is told that this is a test."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def metadata(admin: Admin) -> dict[str, Any]:
    """Where a library finds everything."""
    found: dict[str, Any] = admin.http.get("/.well-known/oauth-authorization-server").json()
    return found


@pytest.fixture(scope="module")
def account(admin: Admin) -> CreatedServiceAccount:
    return admin.new_account(some_name(), "AUDITOR")


class TestRequestsOauthlib:
    def test_by_basic(self, admin: Admin, metadata: dict[str, Any], account: CreatedServiceAccount) -> None:
        with OAuth2Session(client=BackendApplicationClient(client_id=account.client_id)) as session:
            token = session.fetch_token(
                metadata["token_endpoint"], auth=HTTPBasicAuth(account.client_id, account.client_secret)
            )
            assert token["token_type"] == "Bearer"
            assert session.get(f"{admin.url}{ACCOUNTS_PATH}").status_code == 200

    def test_by_body_with_a_scope(
        self, admin: Admin, metadata: dict[str, Any], account: CreatedServiceAccount
    ) -> None:
        client = BackendApplicationClient(client_id=account.client_id, scope=["accounts:read"])
        with OAuth2Session(client=client) as session:
            token = session.fetch_token(
                metadata["token_endpoint"],
                client_secret=account.client_secret,
                include_client_id=True,
            )
            assert token.scope == "accounts:read"
            assert session.get(f"{admin.url}/api/v1/storage-elements").status_code == 403

    def test_refusals_are_understood(self, metadata: dict[str, Any], account: CreatedServiceAccount) -> None:
        client = BackendApplicationClient(client_id=account.client_id, scope=["accounts:write"])
        with OAuth2Session(client=client) as session:
            with pytest.raises(InvalidClientError):
                session.fetch_token(
                    metadata["token_endpoint"], client_secret="x" * 43, include_client_id=True
                )
            with pytest.raises(InvalidScopeError):
                session.fetch_token(
                    metadata["token_endpoint"],
                    client_secret=account.client_secret,
                    include_client_id=True,
                )


class TestOauthlib:
    def test_revocation(self, admin: Admin, metadata: dict[str, Any], account: CreatedServiceAccount) -> None:
        client = BackendApplicationClient(client_id=account.client_id)
        basic = HTTPBasicAuth(account.client_id, account.client_secret)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = requests.post(
            metadata["token_endpoint"],
            data=client.prepare_request_body(),
            headers=form,
            auth=basic,
            timeout=30,
        )
        client.parse_request_body_response(answer.text)
        url, headers, body = client.prepare_token_revocation_request(
            metadata["revocation_endpoint"], client.access_token
        )
        assert requests.post(url, data=body, headers=headers, auth=basic, timeout=30).status_code == 200
        assert not admin.introspect(client.access_token)["active"]


class TestAuthlib:
    def test_metadata(self, metadata: dict[str, Any]) -> None:
        AuthorizationServerMetadata(metadata | {"issuer": "https://archive.example"}).validate_issuer()
        for name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"):
            answer = requests.post(metadata[name], timeout=30)
            assert answer.status_code == (405 if name == "jwks_uri" else 400)
        for method in metadata["token_endpoint_auth_methods_supported"]:
            assert method in {"client_secret_basic", "client_secret_post", "private_key_jwt"}

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_token_introspection_revocation(
        self, admin: Admin, metadata: dict[str, Any], account: CreatedServiceAccount, method: str
    ) -> None:
        with AuthlibSession(
            account.client_id, account.client_secret, token_endpoint_auth_method=method
        ) as client:
            token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
            assert client.get(f"{admin.url}{ACCOUNTS_PATH}").status_code == 200
            text = token["access_token"]
            asked = client.introspect_token(metadata["introspection_endpoint"], token=text)
            assert asked.json()["client_id"] == account.client_id
            assert client.revoke_token(metadata["revocation_endpoint"], token=text).status_code == 200
            asked = client.introspect_token(metadata["introspection_endpoint"], token=text)
            assert asked.json() == {"active": False}

    def test_private_key_jwt(self, admin: Admin, metadata: dict[str, Any]) -> None:
        key = RSAKey.generate_key(2048)
        body = {"name": some_name(), "role": "AUDITOR", "keys": [key.as_dict(private=False)]}
        answer = admin.http.post(ACCOUNTS_PATH, json=body, headers=admin.headers())
        with AuthlibSession(
            answer.json()["client_id"],
            key.as_pem(private=True).decode(),
            token_endpoint_auth_method=PrivateKeyJWT(metadata["token_endpoint"]),
        ) as client:
            for _ in range(2):
                client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
                assert client.get(f"{admin.url}{ACCOUNTS_PATH}").status_code == 200

    def test_refusal_is_understood(self, metadata: dict[str, Any], account: CreatedServiceAccount) -> None:
        with AuthlibSession(account.client_id, "x" * 43) as session:
            with pytest.raises(AuthlibError) as caught:
                session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
            assert caught.value.error == "invalid_client"
