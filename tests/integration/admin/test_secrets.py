"""Secrets of service accounts: exchanged without an outage, ended at once, expiring with a warning before."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis as redis_client
from joserfc.jwk import ECKey

from artstore.launcher.errors import CannotStart
from artstore.wire.accounts import ACCOUNTS_CHANNEL, AccountEvent, CreatedServiceAccount
from tests.support.system import PATIENCE_SECONDS

from .conftest import (
    ACCOUNTS_PATH,
    Admin,
    Backends,
    StartAdmin,
    credentials_of,
    libpq,
    same_accounts,
    some_name,
)


def rotate(admin: Admin, account: CreatedServiceAccount, **body: Any) -> httpx.Response:
    return admin.change("POST", f"{account.id}/rotate-secret", body=body or None)


def secrets_of(admin: Admin, account: CreatedServiceAccount) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = admin.change("GET", f"{account.id}").json()["secrets"]
    return listed


def execute(admin: Admin, statement: str, *values: Any) -> None:
    with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
        connection.execute(statement, values)


class TestNewSecret:
    def test_is_shown_once_and_expires(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        (secret,) = secrets_of(admin, account)
        assert secret.keys() == {"id", "prefix", "created_at", "expires_at", "last_used_at"}
        assert account.client_secret.startswith(secret["prefix"])
        assert len(account.client_secret) - len(secret["prefix"]) == 43
        left = datetime.fromisoformat(secret["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=89) < left < timedelta(days=90)
        assert account.client_secret not in admin.log()

    def test_life_is_a_setting(self, admin: Admin, start_admin: StartAdmin) -> None:
        other = start_admin(admin.backends, **same_accounts(admin), secret_days="0")
        (secret,) = secrets_of(other, other.new_account(some_name()))
        assert secret["expires_at"] is None

    def test_expired_one_is_refused_with_the_reason(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        execute(
            admin,
            "UPDATE admin.client_secrets SET expires_at = now() - interval '1s' WHERE account_id = %s",
            account.id,
        )
        refused = admin.ask_token(credentials_of(account))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.json()["error_description"] == "The secret has expired; have it rotated."
        rotated = rotate(admin, account)
        assert admin.ask_token((account.client_id, rotated.json()["client_secret"])).status_code == 200
        assert len(secrets_of(admin, account)) == 1


class TestRotate:
    def test_both_are_good_for_a_while(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        token = admin.token(credentials_of(account))
        answer = rotate(admin, account, overlap_seconds=3600)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
        new = answer.json()["client_secret"]
        assert admin.ask_token((account.client_id, new)).status_code == 200
        assert admin.ask_token(credentials_of(account)).status_code == 200
        newest, older = secrets_of(admin, account)
        assert new.startswith(newest["prefix"])
        assert account.client_secret.startswith(older["prefix"])
        left = datetime.fromisoformat(older["expires_at"]) - datetime.now(UTC)
        assert timedelta(minutes=58) < left <= timedelta(hours=1)
        assert admin.introspect(token)["active"]

    def test_second_one_waits_for_the_end_of_the_overlap(self, admin: Admin) -> None:
        """Else whoever still uses the older secret would be cut off unasked."""
        account = admin.new_account(some_name())
        rotate(admin, account)
        assert rotate(admin, account).status_code == 409
        older = secrets_of(admin, account)[1]
        assert admin.change("DELETE", f"{account.id}/secrets/{older['id']}").status_code == 204
        assert admin.ask_token(credentials_of(account)).status_code == 401
        assert rotate(admin, account).status_code == 201

    def test_without_overlap_everything_old_ends(self, admin: Admin) -> None:
        account = admin.new_account(some_name())
        rotate(admin, account)
        token = admin.token(credentials_of(account))
        new = rotate(admin, account, overlap_seconds=0).json()["client_secret"]
        assert admin.ask_token(credentials_of(account)).status_code == 401
        assert not admin.introspect(token)["active"]
        assert admin.ask_token((account.client_id, new)).status_code == 200
        assert len(secrets_of(admin, account)) == 1

    @pytest.mark.parametrize("body", [{"overlap_seconds": -1}, {"overlap_seconds": 10**9}, {"x": 1}, [1]])
    def test_bad_body(self, admin: Admin, body: Any) -> None:
        account = admin.new_account(some_name())
        answer = admin.change("POST", f"{account.id}/rotate-secret", body=body)
        assert answer.status_code == 422

    def test_unknown_secret(self, admin: Admin) -> None:
        account, other = (admin.new_account(some_name()) for _ in range(2))
        (foreign,) = secrets_of(admin, other)
        assert admin.change("DELETE", f"{account.id}/secrets/{foreign['id']}").status_code == 404
        assert admin.ask_token(credentials_of(other)).status_code == 200

    def test_by_two_processes_at_once(self, admin: Admin, beside: Admin) -> None:
        """One is made, the others are told; no secret is lost, and whoever has the old one goes on."""
        account, headers = admin.new_account(some_name()), admin.headers()

        def at_once(number: int) -> httpx.Response:
            url = (admin, beside)[number % 2].url
            return httpx.post(f"{url}{ACCOUNTS_PATH}/{account.id}/rotate-secret", headers=headers, timeout=30)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(at_once, range(6)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
        (made,) = [answer.json() for answer in answers if answer.status_code == 201]
        for process in (admin, beside):
            for secret in (made["client_secret"], account.client_secret):
                assert process.ask_token((account.client_id, secret)).status_code == 200


class TestLastUse:
    def test_is_written_without_a_write_for_each_token(
        self, start_admin: StartAdmin, backends: Backends
    ) -> None:
        admin = start_admin(backends)
        account = admin.new_account(some_name())
        before = _updates(admin)
        for _ in range(20):
            admin.token(credentials_of(account))
        admin.service.stop()
        admin.service.start()
        (secret,) = secrets_of(admin, account)
        used = datetime.fromisoformat(secret["last_used_at"])
        assert abs(datetime.now(UTC) - used) < timedelta(minutes=1)
        assert admin.change("GET", f"{account.id}").json()["last_used_at"] == secret["last_used_at"]
        assert _updates(admin) - before <= 3


def _updates(admin: Admin) -> int:
    """Rows of secrets that were written, as PostgreSQL counts them."""
    with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'client_secrets'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def tells_of(number: int, admin: Admin) -> bool:
    """Whether it has looked, and found so many."""
    return (
        f'artstore_admin_secrets_expiring{{state="expiring"}} {number}.0' in admin.http.get("/metrics").text
    )


class TestExpiryIsToldBefore:
    def test_once_by_one_of_the_processes(self, start_admin: StartAdmin, backends: Backends) -> None:
        admin = start_admin(backends)
        admin.eventually(partial(tells_of, 0, admin))
        soon, replaced, fresh = (admin.new_account(name) for name in ("soon", "replaced", "fresh"))
        rotate(admin, replaced, overlap_seconds=60)
        execute(
            admin,
            "UPDATE admin.client_secrets SET expires_at = now() + interval '3 days' WHERE account_id = %s",
            soon.id,
        )
        by_key = {"name": "by key", "keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
        answer = admin.http.post(ACCOUNTS_PATH, json=by_key, headers=admin.headers())
        execute(
            admin,
            "UPDATE admin.client_secrets SET expires_at = now() - interval '1 day' WHERE account_id = %s",
            answer.json()["id"],
        )
        with redis_client.Redis.from_url(backends.redis.url) as client, client.pubsub() as subscription:
            subscription.subscribe(ACCOUNTS_CHANNEL)
            assert subscription.get_message(timeout=10) is not None
            others = [start_admin(backends, **same_accounts(admin)) for _ in range(2)]
            heard = subscription.get_message(timeout=PATIENCE_SECONDS)
            assert heard is not None
            event = AccountEvent.model_validate(json.loads(heard["data"]))
            assert (event.name, event.kind) == ("soon", "secret_expires")
            for other in others:
                other.eventually(partial(tells_of, 1, other))
            assert subscription.get_message(timeout=1) is None
        warnings = [other.log().count("a secret expires soon") for other in others]
        assert sorted(warnings) == [0, 1]
        assert fresh.client_id not in "".join(other.log() for other in others if "expires" in other.log())


class TestFirstSecret:
    def test_is_made_and_written_for_its_owner_alone(
        self, start_admin: StartAdmin, backends: Backends, tmp_path: Path
    ) -> None:
        file = tmp_path / "first"
        unset = {"initial_client_id": None, "initial_client_secret": None}
        admin = start_admin(backends, **unset, initial_secret_file=str(file))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        told = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
        assert told["client_id"].startswith("sa_administrator_")
        assert admin.ask_token((told["client_id"], told["client_secret"])).status_code == 200
        assert told["client_secret"] not in admin.log()
        file.unlink()
        again = start_admin(backends, **same_accounts(admin) | unset, initial_secret_file=str(file))
        assert again.ask_token((told["client_id"], told["client_secret"])).status_code == 200
        assert not file.exists(), "it is shown once"

    def test_never_a_default(self, start_admin: StartAdmin, backends: Backends) -> None:
        with pytest.raises(CannotStart, match="ARTSTORE_ADMIN_INITIAL_SECRET_FILE"):
            start_admin(backends, initial_client_id=None, initial_client_secret=None)

    def test_file_that_cannot_be_written(
        self, start_admin: StartAdmin, backends: Backends, tmp_path: Path
    ) -> None:
        """Then no account is made whose secret nobody knows."""
        file = tmp_path / "missing" / "first"
        with pytest.raises(CannotStart, match="missing"):
            start_admin(backends, initial_client_secret=None, initial_secret_file=str(file))
        file.parent.mkdir()
        admin = start_admin(backends, initial_client_secret=None, initial_secret_file=str(file))
        assert "initial" in file.read_text()
        assert admin.http.get("/health/ready").status_code == 200

    def test_made_one_can_be_rotated_and_gives_way_to_a_configured_one(
        self, start_admin: StartAdmin, backends: Backends, tmp_path: Path
    ) -> None:
        file = tmp_path / "first"
        admin = start_admin(backends, initial_client_secret=None, initial_secret_file=str(file))
        old = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())["client_secret"]
        headers = admin.headers(("initial", old))
        listed = admin.http.get(ACCOUNTS_PATH, params={"q": "administrator"}, headers=headers).json()
        path = f"{ACCOUNTS_PATH}/{listed['items'][0]['id']}/rotate-secret"
        new = admin.http.post(path, headers=headers).json()["client_secret"]
        assert admin.ask_token(("initial", new)).status_code == 200
        configured = start_admin(backends)
        assert configured.ask_token(configured.initial).status_code == 200
        for gone in (old, new):
            assert configured.ask_token(("initial", gone)).status_code == 401
