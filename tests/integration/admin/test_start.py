"""What a start of Admin makes, adapts and refuses; and what works while others are away."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from artstore.kernel.settings import SECRETS_DIR
from artstore.launcher.errors import CannotStart
from artstore.launcher.postgres import EmbeddedPostgres

from .conftest import (
    ACCOUNTS_PATH,
    AUDIT_PATH,
    FIRST_ADMINISTRATOR,
    FIRST_PASSWORD,
    Admin,
    Backends,
    StartAdmin,
    libpq,
    same_accounts,
)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test alone, which may kill it and must find all that was committed."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=True)
    yield server
    server.stop()


class TestConfiguredAccounts:
    def test_are_there(self, admin: Admin) -> None:
        items = admin.http.get(ACCOUNTS_PATH, headers=admin.headers()).json()["items"]
        system = {item["name"]: (item["role"], item["client_id"]) for item in items if item["is_system"]}
        assert system == {
            "administrator": ("ADMIN", "initial"),
            "artstore-services": ("OPERATOR", "services"),
        }

    def test_changed_secret_and_client_id_replace_the_old(
        self, start_admin: StartAdmin, backends: Backends
    ) -> None:
        first = start_admin(backends)
        account = first.http.get(ACCOUNTS_PATH, headers=first.headers()).json()["items"][0]
        second = start_admin(backends, initial_client_id="renamed")
        assert second.initial[1] != first.initial[1]
        assert second.ask_token(second.initial).status_code == 200
        assert second.ask_token(first.initial).status_code == 401
        assert second.ask_token((second.initial[0], first.initial[1])).status_code == 401
        now = second.http.get(f"{ACCOUNTS_PATH}/{account['id']}", headers=second.headers()).json()
        assert (now["id"], now["client_id"]) == (account["id"], "renamed")
        assert [secret["expires_at"] for secret in now["secrets"]] == [None]
        trail = second.http.get(AUDIT_PATH, params={"subject_id": account["id"]}, headers=second.headers())
        told = [(one["action"], one["details"].get("after")) for one in trail.json()["items"]]
        assert told == [
            ("account.secret_replaced", None),
            ("account.changed", {"client_id": "renamed", "role": "ADMIN"}),
            ("account.created", None),
        ]

    def test_name_of_an_account_that_a_client_made(self, start_admin: StartAdmin, backends: Backends) -> None:
        first = start_admin(backends)
        first.new_account("operations")
        with pytest.raises(CannotStart, match="'operations' exists, but was made by a client"):
            start_admin(backends, **same_accounts(first), initial_account_name="operations")

    def test_client_id_of_another_account(self, start_admin: StartAdmin, backends: Backends) -> None:
        first = start_admin(backends)
        other = first.new_account("operations")
        settings = same_accounts(first) | {"initial_client_id": other.client_id}
        with pytest.raises(CannotStart, match="belongs to another account"):
            start_admin(backends, **settings)

    def test_failed_start_changes_nothing(self, start_admin: StartAdmin, backends: Backends) -> None:
        first = start_admin(backends)
        other = first.new_account("operations")
        with pytest.raises(CannotStart):
            start_admin(backends, service_client_id=other.client_id)
        assert first.ask_token(first.initial).status_code == 200


class TestFirstAdministrator:
    def administrators(self, backends: Backends) -> list[tuple[object, ...]]:
        with psycopg.connect(libpq(backends.database_url)) as connection:
            return connection.execute("SELECT username, role FROM admin.administrators").fetchall()

    def try_login(self, admin: Admin, username: str, password: str) -> int:
        body = {"username": username, "password": password}
        return admin.http.post("/api/v1/admin-auth/login", json=body).status_code

    def test_of_the_settings_is_made_once(self, start_admin: StartAdmin, backends: Backends) -> None:
        first = start_admin(backends)
        assert self.try_login(first, FIRST_ADMINISTRATOR, FIRST_PASSWORD) == 200
        other = {"initial_admin_username": "other", "initial_admin_password": "heron-counts-the-rain"}
        second = start_admin(backends, **same_accounts(first) | other)
        assert self.administrators(backends) == [(FIRST_ADMINISTRATOR, "SUPER_ADMIN")]
        assert self.try_login(second, FIRST_ADMINISTRATOR, "heron-counts-the-rain") == 401
        assert self.try_login(second, FIRST_ADMINISTRATOR, FIRST_PASSWORD) == 200
        assert FIRST_PASSWORD not in first.log() + second.log()

    def test_without_a_password_gets_one_that_is_shown_once(
        self, start_admin: StartAdmin, backends: Backends
    ) -> None:
        none = {"initial_admin_username": None, "initial_admin_password": None}
        first = start_admin(backends, **none)
        [(username, password)] = re.findall(
            r"^artstore admin: the first administrator is '(.+)' with the password (\S{43})$",
            first.log(),
            re.MULTILINE,
        )
        assert username == "admin"
        assert self.try_login(first, username, password) == 200
        assert first.log().count(password) == 1
        again = start_admin(backends, **same_accounts(first) | none)
        assert "first administrator" not in again.log()

    def test_processes_that_start_together_make_one(
        self, start_admin: StartAdmin, backends: Backends, admin: Admin
    ) -> None:
        settings = same_accounts(admin) | {"initial_admin_password": None}
        with ThreadPoolExecutor(2) as pool:
            started = list(pool.map(lambda _: start_admin(backends, **settings), range(2)))
        assert len(self.administrators(backends)) == 1
        assert sum(one.log().count("the first administrator is") for one in started) == 1

    @pytest.mark.parametrize("password", ["too-short", "administrator", f"{FIRST_ADMINISTRATOR}-of-them-all"])
    def test_with_a_weak_password_nothing_starts(
        self, start_admin: StartAdmin, backends: Backends, password: str
    ) -> None:
        with pytest.raises(
            CannotStart, match="ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD cannot be used"
        ) as caught:
            start_admin(backends, initial_admin_password=password)
        assert password not in str(caught.value)
        assert self.administrators(backends) == []


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("service_client_secret", ""),
            ("initial_client_secret", "too-short"),
            ("service_client_secret", "has spaces, and other characters"),
            ("key_passphrase", "short"),
            ("token_seconds", "59"),
            ("trusted_proxies", "not-a-network"),
            ("initial_admin_username", "no blanks here"),
        ],
    )
    def test_bad_value_is_named_but_not_shown(
        self, start_admin: StartAdmin, admin: Admin, setting: str, value: str
    ) -> None:
        with pytest.raises(CannotStart) as caught:
            start_admin(admin.backends, **same_accounts(admin) | {setting: value})
        assert setting in str(caught.value).lower()
        assert value.isdecimal() or not value or value not in str(caught.value)

    def test_secret_in_a_file(self, start_admin: StartAdmin, admin: Admin, tmp_path: Path) -> None:
        files = tmp_path / "secrets"
        files.mkdir()
        (files / "artstore_admin_initial_client_secret").write_text(admin.initial[1] + "\n")
        settings = same_accounts(admin) | {"initial_client_secret": None}
        other = start_admin(admin.backends, **settings, environment={SECRETS_DIR: str(files)})
        assert other.ask_token(admin.initial).status_code == 200


class TestDependenciesAway:
    def test_redis(self, start_admin: StartAdmin, backends: Backends) -> None:
        admin = start_admin(backends)
        backends.redis.stop()
        health = admin.http.get("/health/ready")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert admin.ask_token(admin.initial).status_code == 200

    def test_start_without_redis(self, start_admin: StartAdmin, backends: Backends) -> None:
        backends.redis.stop()
        admin = start_admin(backends)
        assert admin.http.get(ACCOUNTS_PATH, headers=admin.headers()).status_code == 200

    def test_postgres(
        self, start_admin: StartAdmin, own_postgres: EmbeddedPostgres, backends: Backends
    ) -> None:
        admin = start_admin(Backends(own_postgres.start(), backends.redis))
        token = {"Authorization": f"Bearer {admin.token()}"}
        own_postgres.kill()
        for answer in (admin.ask_token(admin.initial), admin.http.get(ACCOUNTS_PATH, headers=token)):
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:artstore:problem:dependency-unavailable"
            assert "Retry-After" in answer.headers
        assert admin.http.get("/health/ready").status_code == 503
        assert admin.http.get("/health/live").status_code == 200
        assert len(admin.http.get("/.well-known/jwks.json").json()["keys"]) == 1
        own_postgres.start()
        assert admin.ask_token(admin.initial).status_code == 200
