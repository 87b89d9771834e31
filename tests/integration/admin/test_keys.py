"""The key set, and the pairs behind it: made once, shared by all processes, sealed with the passphrase."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from psycopg.types.json import Jsonb

from artstore.admin.keys.pairs import StoredPair, generate_pair, open_pair
from artstore.launcher.errors import CannotStart

from .conftest import ACCOUNTS_PATH, PASSPHRASE, Admin, Backends, StartAdmin, libpq, same_accounts


def key_set(admin: Admin) -> list[dict[str, Any]]:
    answer = admin.http.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    keys: list[dict[str, Any]] = answer.json()["keys"]
    return keys


def signed_with(admin: Admin, pair: StoredPair) -> str:
    """A token of this Admin, signed anew with another pair."""
    token = admin.token()  # before the keys are asked for: the next one may sign at any moment
    published = KeySet.import_key_set({"keys": key_set(admin)})
    claims = jwt.decode(token, published, algorithms=["RS256"]).claims
    header = {"alg": "RS256", "typ": "at+jwt", "kid": pair.kid}
    return jwt.encode(header, claims, open_pair(pair, PASSPHRASE))


class TestKeySet:
    def test_holds_public_parts_only(self, admin: Admin) -> None:
        (key,) = key_set(admin)
        assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}

    def test_is_the_same_after_a_restart(self, start_admin: StartAdmin, backends: Backends) -> None:
        admin = start_admin(backends)
        keys, token = key_set(admin), admin.token()
        admin.service.stop()
        admin.service.start()
        assert key_set(admin) == keys
        assert admin.http.get(ACCOUNTS_PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 200

    def test_several_keys(self, start_admin: StartAdmin, backends: Backends) -> None:
        """A pair that another process has put into the table is published and verifies."""
        admin = start_admin(backends)
        token = admin.token()
        pair = generate_pair(PASSPHRASE)
        with psycopg.connect(libpq(backends.database_url), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO admin.signing_keys (kid, public_jwk, private_pem) VALUES (%s, %s, %s)",
                (pair.kid, Jsonb(pair.public_jwk), pair.private_pem),
            )
        foreign = signed_with(admin, pair)
        for each in (foreign, token):
            answer = admin.http.get(ACCOUNTS_PATH, headers={"Authorization": f"Bearer {each}"})
            assert answer.status_code == 200
        assert {key["kid"] for key in key_set(admin)} > {pair.kid}

    def test_token_of_an_unknown_key(self, admin: Admin) -> None:
        foreign = signed_with(admin, generate_pair(PASSPHRASE))
        answer = admin.http.get(ACCOUNTS_PATH, headers={"Authorization": f"Bearer {foreign}"})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


class TestPairs:
    def test_private_part_is_not_readable_in_the_database(self, admin: Admin) -> None:
        with psycopg.connect(libpq(admin.backends.database_url)) as connection:
            rows = connection.execute("SELECT private_pem FROM admin.signing_keys").fetchall()
        assert [pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----") for (pem,) in rows] == [True]

    def test_processes_that_start_together_agree(self, start_admin: StartAdmin, backends: Backends) -> None:
        accounts = {
            "initial_client_secret": "the-same-in-both-processes",
            "service_client_secret": "the-other-in-both-processes",
        }
        with ThreadPoolExecutor(2) as pool:  # to the end: a process dies with the thread that started it
            one, two = pool.map(lambda _: start_admin(backends, **accounts), range(2))
            (key,) = key_set(one)
            assert key_set(two) == [key]
            for client in (one.initial, one.services):
                assert two.ask_token(client).status_code == one.ask_token(client).status_code == 200

    def test_other_passphrase(self, start_admin: StartAdmin, backends: Backends) -> None:
        first = start_admin(backends)
        with pytest.raises(CannotStart, match="ARTSTORE_ADMIN_KEY_PASSPHRASE"):
            start_admin(backends, **same_accounts(first), key_passphrase="another than at the first start")


class TestServerMetadata:
    def test_document(self, admin: Admin) -> None:
        document = admin.http.get("/.well-known/oauth-authorization-server").json()
        assert document["issuer"] == admin.url
        assert document["token_endpoint"] == f"{admin.url}/api/v1/auth/token"
        assert document["jwks_uri"] == f"{admin.url}/.well-known/jwks.json"
        assert document["grant_types_supported"] == ["client_credentials"]
        assert document["token_endpoint_auth_methods_supported"] == [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ]
        assert document["revocation_endpoint"] == f"{admin.url}/api/v1/auth/revoke"
        assert document["introspection_endpoint"] == f"{admin.url}/api/v1/auth/introspect"
        assert document["response_types_supported"] == []
        assert "files:read" in document["scopes_supported"]

    def test_issuer_is_a_setting(self, start_admin: StartAdmin, admin: Admin) -> None:
        issuer = "https://archive.example.org"
        other = start_admin(admin.backends, **same_accounts(admin), issuer=issuer)
        assert other.http.get("/.well-known/oauth-authorization-server").json()["issuer"] == issuer
        answer = other.http.get(ACCOUNTS_PATH, headers=other.headers())
        assert answer.status_code == 200
        foreign = other.http.get(ACCOUNTS_PATH, headers=admin.headers())
        assert foreign.status_code == 401
