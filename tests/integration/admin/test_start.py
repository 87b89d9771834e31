"""What a start of Admin makes, adapts and refuses; and what works while others are away."""

import json
import os
import pty
import re
import secrets
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from artstore.kernel.settings import SECRETS_DIR
from artstore.launcher.errors import CannotStart
from artstore.launcher.ports import Ports
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

PASSWORD = "heron-counts-the-rain"


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


@contextmanager
def at_a_terminal(environment: dict[str, str]) -> Iterator[Callable[..., str]]:
    """An Admin whose standard error output is a terminal; gives what reads from it."""
    ours, its = pty.openpty()

    def read(*, until: str) -> str:
        text = ""
        while until not in text:
            assert select.select([ours], [], [], 60)[0], f"not shown: {text!r}"
            text += os.read(ours, 4096).decode()
        return text

    process = subprocess.Popen(
        [sys.executable, "-m", "artstore", "admin", "serve"],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=its,
    )
    try:
        yield read
    finally:
        process.terminate()
        process.wait(60)
        os.close(ours)
        os.close(its)


def login_status(http: httpx.Client, url: str, username: str, password: str) -> int:
    try:
        return http.post(url, json={"username": username, "password": password}).status_code
    except httpx.TransportError:
        return 0


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
        other = {"initial_admin_username": "other", "initial_admin_password": PASSWORD}
        second = start_admin(backends, **same_accounts(first) | other)
        assert self.administrators(backends) == [(FIRST_ADMINISTRATOR, "SUPER_ADMIN")]
        assert self.try_login(second, FIRST_ADMINISTRATOR, PASSWORD) == 401
        assert self.try_login(second, FIRST_ADMINISTRATOR, FIRST_PASSWORD) == 200
        assert FIRST_PASSWORD not in first.log() + second.log()

    def test_without_a_password_gets_one_that_is_shown_at_the_terminal(
        self, postgres: EmbeddedPostgres, admin: Admin, tmp_path: Path
    ) -> None:
        ports = Ports(tmp_path / "ports.json", host="127.0.0.1", defaults={})
        told = admin.environment | {
            "ARTSTORE_ADMIN_DATABASE_URL": postgres.create_database(f"terminal_{secrets.token_hex(6)}"),
            "ARTSTORE_ADMIN_PORT": str(ports.choose("admin")),
        }
        del told["ARTSTORE_ADMIN_INITIAL_ADMIN_USERNAME"], told["ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD"]
        with at_a_terminal(told) as read, httpx.Client(timeout=30) as http:
            [(username, password)] = re.findall(
                r"^artstore admin: the first administrator is '(.+)' with the password (\S{43})\r$",
                read(until="change it"),
                re.MULTILINE,
            )
            assert username == "admin"
            url = f"http://127.0.0.1:{ports['admin']}/api/v1/admin-auth/login"
            Admin.eventually(lambda: login_status(http, url, username, password) == 200)
        ports.close()

    def test_without_a_password_and_a_terminal_has_none(
        self, start_admin: StartAdmin, backends: Backends
    ) -> None:
        """What is written on standard error is kept as a log, then."""
        none = {"initial_admin_username": None, "initial_admin_password": None}
        first = start_admin(backends, **none)
        assert "artstore admin user reset-password admin" in first.log()
        assert self.try_login(first, "admin", "") == 401
        command = [sys.executable, "-m", "artstore", "admin", "user", "reset-password", "admin", "--json"]
        done = subprocess.run(
            command, env=os.environ | first.environment, capture_output=True, timeout=120, check=True
        )
        told = {"username": "admin", "code": json.loads(done.stdout)["reset_code"], "new_password": PASSWORD}
        assert first.http.post("/api/v1/admin-auth/password/reset", json=told).status_code == 204
        assert self.try_login(first, "admin", PASSWORD) == 200
        again = start_admin(backends, **same_accounts(first) | none)
        assert "first administrator" not in again.log()

    def test_processes_that_start_together_make_one(
        self, start_admin: StartAdmin, backends: Backends, admin: Admin
    ) -> None:
        settings = same_accounts(admin) | {"initial_admin_password": None}
        with ThreadPoolExecutor(2) as pool:
            started = list(pool.map(lambda _: start_admin(backends, **settings), range(2)))
        assert len(self.administrators(backends)) == 1
        assert sum(one.log().count("the first administrator has no password") for one in started) == 1

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

        def is_degraded() -> bool:
            health = admin.http.get("/health/ready")
            return (health.status_code, health.json()["status"]) == (200, "degraded")

        admin.eventually(is_degraded)
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
