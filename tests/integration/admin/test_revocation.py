"""Ending a token (RFC 7009), asking what it is (RFC 7662), and telling those who verify tokens."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis as redis_client
from joserfc import jwt
from joserfc.jwk import RSAKey

from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.revocations import (
    POSITION_FIELD,
    REVOCATIONS_CHANNEL,
    REVOCATIONS_KEY,
    REVOCATIONS_PATH,
    RevocationNews,
)

from .conftest import ACCOUNTS_PATH, Admin, Backends, StartAdmin, credentials_of, libpq, some_name
from .people import first

REVOKE = "/api/v1/auth/revoke"
INTROSPECT = "/api/v1/auth/introspect"


def revoke(admin: Admin, token: str, client: tuple[str, str] | None = None) -> httpx.Response:
    return admin.http.post(REVOKE, data={"token": token}, auth=client or admin.initial)


def news(admin: Admin, after: int = 0) -> RevocationNews:
    answer = admin.http.get(REVOCATIONS_PATH, params={"after": after})
    assert answer.status_code == 200
    return RevocationNews.model_validate_json(answer.content)


def end_of_news(admin: Admin) -> int:
    """The position behind which there is nothing yet."""
    page = news(admin)
    while page.more:
        page = news(admin, page.position)
    return page.position


class TestRevoke:
    def test_ends_this_token_and_no_other(self, admin: Admin) -> None:
        account = admin.new_account(some_name(), "AUDITOR")
        one, other = (admin.token(credentials_of(account)) for _ in range(2))
        answer = revoke(admin, one, credentials_of(account))
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Cache-Control"] == "no-store"
        assert not admin.introspect(one)["active"]
        admin.eventually(lambda: _status(admin, one) == 401)
        assert _status(admin, other) == 200
        assert admin.introspect(other)["active"]

    def test_repeated(self, admin: Admin) -> None:
        token = admin.token()
        assert [revoke(admin, token).status_code for _ in range(2)] == [200, 200]

    def test_json_and_hint(self, admin: Admin) -> None:
        token = admin.token()
        body = {"token": token, "token_type_hint": "refresh_token"}
        assert admin.http.post(REVOKE, json=body, auth=admin.initial).status_code == 200
        assert not admin.introspect(token)["active"]

    @pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."])
    def test_what_is_no_token_of_ours_is_no_error(self, admin: Admin, token: str) -> None:
        assert revoke(admin, token).status_code == 200
        assert admin.introspect(token) == {"active": False}

    def test_of_another_client(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        token = admin.token()
        refused = revoke(admin, token, credentials_of(account))
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
        assert admin.introspect(token)["active"]
        theirs = admin.token(credentials_of(account))
        assert revoke(admin, theirs).status_code == 200
        assert not admin.introspect(theirs)["active"]

    def test_client_must_authenticate(self, admin: Admin) -> None:
        token = admin.token()
        for answer in (
            revoke(admin, token, (admin.initial[0], "x" * 43)),
            revoke(admin, token, ("nobody", "x" * 43)),
            admin.http.post(REVOKE, data={"token": token}),
            admin.http.post(REVOKE, data={"token": token}, headers={"Authorization": f"Bearer {token}"}),
        ):
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert admin.introspect(token)["active"]

    @pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
    def test_bad_request(self, admin: Admin, path: str) -> None:
        for content_type, body in (
            ("application/x-www-form-urlencoded", b""),
            ("application/x-www-form-urlencoded", b"token=a&token=b"),
            ("application/x-www-form-urlencoded", b"token=" + b"a" * 20_000),
            ("application/json", b'{"token": 1}'),
            ("text/plain", b"token=a"),
        ):
            headers = {"Content-Type": content_type}
            answer = admin.http.post(path, content=body, headers=headers, auth=admin.initial)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), body[:20]
        assert admin.http.post(path, params={"token": "x"}, auth=admin.initial).status_code == 400
        assert admin.http.get(path).status_code == 405

    def test_too_many_tokens_of_one_account_end_all_of_them(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        one, other = (admin.token(credentials_of(account)) for _ in range(2))
        with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
            connection.execute(
                """INSERT INTO admin.revocations (account_id, jti, until)
                SELECT %s, 'many-' || n, now() + interval '1h' FROM generate_series(1, 1000) n""",
                (account.id,),
            )
        revoke(admin, one, credentials_of(account))
        assert [admin.introspect(token)["active"] for token in (one, other)] == [False, False]
        assert admin.introspect(admin.token(credentials_of(account)))["active"]
        with psycopg.connect(libpq(admin.backends.database_url)) as connection:
            row = connection.execute(
                "SELECT count(*) FROM admin.revocations WHERE account_id = %s", (account.id,)
            ).fetchone()
        assert row == (1,)


class TestTokenOfAPerson:
    def test_is_told_of_and_ended_like_others(self, admin: Admin) -> None:
        session = first(admin).log_in()
        token = session.answer["access_token"]
        told = admin.introspect(token)
        assert (told["active"], told["role"]) == (True, "SUPER_ADMIN")
        assert _status(admin, token) == 200
        assert revoke(admin, token).status_code == 200
        assert admin.introspect(token) == {"active": False}
        admin.eventually(lambda: _status(admin, token) == 401)

    def test_is_not_active_after_the_session(self, admin: Admin) -> None:
        session = first(admin).log_in()
        body = {"refresh_token": session.refresh_token}
        assert admin.http.post("/api/v1/admin-auth/logout", json=body).status_code == 204
        assert admin.introspect(session.answer["access_token"]) == {"active": False}


def _status(admin: Admin, token: str) -> int:
    return admin.http.get(ACCOUNTS_PATH, headers={"Authorization": f"Bearer {token}"}).status_code


class TestIntrospect:
    def test_answer(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        token = admin.token(credentials_of(account), scope="files:read")
        answer = admin.http.post(INTROSPECT, data={"token": token}, auth=credentials_of(account))
        assert answer.headers["Cache-Control"] == "no-store"
        told = answer.json()
        assert told | {"exp": 0, "iat": 0, "nbf": 0, "jti": ""} == {
            "active": True,
            "scope": "files:read",
            "client_id": account.client_id,
            "username": account.name,
            "token_type": "Bearer",
            "sub": str(account.id),
            "aud": "artstore",
            "iss": admin.url,
            "role": "USER",
            "rate_limit": 100,
            "exp": 0,
            "iat": 0,
            "nbf": 0,
            "jti": "",
        }
        assert told["exp"] - told["iat"] == 3600

    def test_another_clients_token_needs_accounts_read(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        token = admin.token()
        answer = admin.http.post(INTROSPECT, data={"token": token}, auth=credentials_of(account))
        assert answer.json() == {"active": False}
        asked = admin.http.post(INTROSPECT, data={"token": token}, auth=admin.services)
        assert asked.json()["active"]

    def test_foreign_token(self, admin: Admin) -> None:
        key = RSAKey.generate_key(
            2048, {"kid": admin.http.get("/.well-known/jwks.json").json()["keys"][0]["kid"]}
        )
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": admin.url,
            "sub": "x",
            "aud": "artstore",
            "exp": now + 60,
            "jti": "x",
        }
        token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        assert admin.introspect(token) == {"active": False}

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
        """A server of this test alone, which must have all that was committed after it was killed."""
        server = EmbeddedPostgres(tmp_path / "postgres", durable=True)
        yield server
        server.stop()

    def test_while_the_database_is_away(
        self, start_admin: StartAdmin, own: EmbeddedPostgres, redis: EmbeddedRedis
    ) -> None:
        """Nothing is said then: to call a token good without knowing would be worse."""
        admin = start_admin(Backends(own.start(), redis))
        token = admin.token()
        own.kill()
        for path in (REVOKE, INTROSPECT):
            assert admin.http.post(path, data={"token": token}, auth=admin.initial).status_code == 503
        own.start()
        assert admin.introspect(token)["active"]


class TestTelling:
    def test_in_redis_at_once_and_whole(self, start_admin: StartAdmin, backends: Backends) -> None:
        admin = start_admin(backends)
        account = admin.new_account(some_name())
        with redis_client.Redis.from_url(backends.redis.url) as client, client.pubsub() as subscription:
            subscription.subscribe(REVOCATIONS_CHANNEL)
            admin.change("POST", f"{account.id}/suspend")
            revoke(admin, admin.token())
            heard: list[RevocationNews] = []

            def complete() -> bool:
                message = subscription.get_message(ignore_subscribe_messages=True, timeout=1)
                if message is not None:
                    heard.append(RevocationNews.model_validate_json(message["data"]))
                return sum(len(one.items) for one in heard) >= 2

            admin.eventually(complete)
            of_account, of_token = [item for one in heard for item in one.items]
            assert (of_account.account_id, of_account.epoch) == (account.id, 1)
            assert of_token.jti is not None
            held = client.hgetall(REVOCATIONS_KEY)
        assert {field.decode() for field in held} == {of_account.key, of_token.key, POSITION_FIELD}
        assert int(held[POSITION_FIELD.encode()]) == of_token.position

    def test_again_after_redis_lost_everything(self, start_admin: StartAdmin, backends: Backends) -> None:
        admin = start_admin(backends)
        revoke(admin, admin.token())
        with redis_client.Redis.from_url(backends.redis.url) as client:
            admin.eventually(lambda: client.hlen(REVOCATIONS_KEY) == 2)
            client.flushall()
            admin.eventually(lambda: client.hlen(REVOCATIONS_KEY) == 2)

    def test_to_those_who_ask(self, admin: Admin) -> None:
        before = end_of_news(admin)
        assert news(admin, before).items == []
        revoke(admin, admin.token())
        admin.eventually(lambda: news(admin, before).items != [])
        (item,) = news(admin, before).items
        assert item.jti is not None
        assert item.until > time.time() + 3500

    def test_in_pages(self, admin: Admin) -> None:
        begin = end_of_news(admin)
        for _ in range(3):
            revoke(admin, admin.token())
        admin.eventually(lambda: len(news(admin, begin).items) == 3)
        seen, position, more = [], begin, True
        while more:
            answer = admin.http.get(REVOCATIONS_PATH, params={"after": position, "limit": 2})
            page = RevocationNews.model_validate_json(answer.content)
            assert page.after == position
            seen += page.items
            position, more = page.position, page.more
        assert seen == news(admin, begin).items

    @pytest.mark.parametrize(
        "parameters", [{"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "1001"}]
    )
    def test_bad_parameters(self, admin: Admin, parameters: dict[str, str]) -> None:
        assert admin.http.get(REVOCATIONS_PATH, params=parameters).status_code == 422
