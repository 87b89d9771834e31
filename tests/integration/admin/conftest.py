"""A real Admin process on a real PostgreSQL and Redis, each test run with its own."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from artstore.launcher.ports import Ports
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from artstore.launcher.service import Service
from artstore.wire.accounts import CreatedServiceAccount, TokenAnswer
from tests.support.forking import fork_server
from tests.support.system import PATIENCE_SECONDS

TOKEN_PATH = "/api/v1/auth/token"
ACCOUNTS_PATH = "/api/v1/service-accounts"
AUDIT_PATH = "/api/v1/audit"
ELEMENTS_PATH = "/api/v1/storage-elements"
PASSPHRASE = "correct horse battery staple"
INITIAL_RATE_LIMIT = 1_000_000
FIRST_ADMINISTRATOR = "first"
FIRST_PASSWORD = "quiet-otter-lends-ladders"


@dataclass(frozen=True)
class Backends:
    """Where the state of one Admin lies: its own database, a Redis."""

    database_url: str
    redis: EmbeddedRedis


@dataclass
class Admin:
    """A running Admin process, and a client that talks to it."""

    url: str
    backends: Backends
    service: Service
    environment: dict[str, str] = field(repr=False)
    http: httpx.Client

    @property
    def initial(self) -> tuple[str, str]:
        return self._credentials("INITIAL")

    @property
    def services(self) -> tuple[str, str]:
        return self._credentials("SERVICE")

    def _credentials(self, which: str) -> tuple[str, str]:
        prefix = f"ARTSTORE_ADMIN_{which}_CLIENT"
        return self.environment[f"{prefix}_ID"], self.environment[f"{prefix}_SECRET"]

    def ask_token(self, client: tuple[str, str], **parameters: str) -> httpx.Response:
        data = {"grant_type": "client_credentials"} | parameters
        return self.http.post(TOKEN_PATH, data=data, auth=client)

    def token(self, client: tuple[str, str] | None = None, **parameters: str) -> str:
        answer = self.ask_token(client or self.initial, **parameters)
        assert answer.status_code == 200, answer.text
        return TokenAnswer.model_validate_json(answer.content).access_token

    def headers(self, client: tuple[str, str] | None = None, **parameters: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(client, **parameters)}"}

    def new_account(self, name: str, role: str = "USER") -> CreatedServiceAccount:
        body = {"name": name, "role": role}
        answer = self.http.post(ACCOUNTS_PATH, json=body, headers=self.headers())
        assert answer.status_code == 201, answer.text
        return CreatedServiceAccount.model_validate_json(answer.content)

    def change(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A request of the initial account below ``ACCOUNTS_PATH``."""
        headers = self.headers() | (headers or {})
        return self.http.request(method, f"{ACCOUNTS_PATH}/{path}", json=body, headers=headers)

    def introspect(self, token: str) -> dict[str, Any]:
        answer = self.http.post("/api/v1/auth/introspect", data={"token": token}, auth=self.initial)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    @staticmethod
    def eventually(holds: Callable[[], bool]) -> None:
        """Within the patience that a busy machine needs; what is promised follows from the pauses of the code."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < until, "it did not come about"
            time.sleep(0.02)

    def log(self) -> str:
        return self.service.log.read_text(encoding="utf-8")


StartAdmin = Callable[..., Admin]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_backends(postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> Backends:
    return Backends(postgres.create_database("admin_shared"), redis)


@pytest.fixture
def backends(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Backends]:
    """A database and a Redis of this test alone, which it may stop."""
    name = f"admin_{secrets.token_hex(6)}"
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield Backends(postgres.create_database(name), server)
    server.stop()
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def start_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartAdmin]:
    yield from _starter(tmp_path_factory.mktemp("admin"))


@pytest.fixture
def start_admin(tmp_path: Path, backends: Backends) -> Iterator[StartAdmin]:
    """Starts Admin processes, which end with the test, before the backends that they may use."""
    yield from _starter(tmp_path / "admin")


@pytest.fixture(scope="session")
def admin(start_shared: StartAdmin, shared_backends: Backends) -> Admin:
    """One Admin for all tests that do not disturb it."""
    return start_shared(shared_backends)


@pytest.fixture(scope="session")
def beside(start_shared: StartAdmin, admin: Admin) -> Admin:
    """A second process beside ``admin``, on the same database: together they must behave as one."""
    return start_shared(admin.backends, **same_accounts(admin), issuer=admin.url, public_url=admin.url)


def _starter(folder: Path) -> Iterator[StartAdmin]:
    started: list[Admin] = []
    numbers = count()
    ports = Ports(folder / "ports.json", host="127.0.0.1", defaults={})

    def start(
        backends: Backends, *, environment: Mapping[str, str] | None = None, **settings: str | None
    ) -> Admin:
        """A setting that is None is left out. Its initial account, as which tests act, may ask often."""
        name = f"admin-{next(numbers)}"
        port = ports.choose(name)
        values = settings_of(backends, port) | settings
        told = {
            f"ARTSTORE_ADMIN_{name.upper()}": value for name, value in values.items() if value is not None
        }
        variables = {**os.environ, **told, **(environment or {})}
        service = Service(
            name,
            "admin",
            host="127.0.0.1",
            port=port,
            environment=lambda: variables,
            folder=folder / name,
            log=folder / f"{name}.log",
            fork_server=fork_server(),
        )
        url = f"http://127.0.0.1:{port}"
        running = Admin(url, backends, service, told, httpx.Client(base_url=url, timeout=30))
        started.append(running)
        service.start()
        with psycopg.connect(libpq(backends.database_url)) as connection:
            connection.execute(
                "UPDATE admin.service_accounts SET rate_limit = %s WHERE is_system AND role = 'ADMIN'",
                (INITIAL_RATE_LIMIT,),
            )
        return running

    folder.mkdir(exist_ok=True)
    yield start
    for running in started:
        running.http.close()
        running.service.stop()
    ports.close()


def settings_of(backends: Backends, port: int) -> dict[str, str | None]:
    """The settings of an Admin. Secrets are made anew each time, as an operator would make them."""
    return {
        "port": str(port),
        "database_url": backends.database_url,
        "redis_url": backends.redis.url,
        "key_passphrase": PASSPHRASE,
        "initial_client_id": "initial",
        "initial_client_secret": secrets.token_urlsafe(32),
        "initial_admin_username": FIRST_ADMINISTRATOR,
        "initial_admin_password": FIRST_PASSWORD,
        # Each person of a test has an address of the own, told as a proxy tells it.
        "trusted_proxies": "127.0.0.1",
        # What fails on purpose, over and over, comes from one address.
        "auth_failures": "0",
        "auth_address_failures": "0",
        "rate_limit_failures": "0",
        "service_client_id": "services",
        "service_client_secret": secrets.token_urlsafe(32),
    }


def same_accounts(admin: Admin) -> dict[str, str]:
    """The settings of the accounts of a running Admin, for another process beside it."""
    prefix = "ARTSTORE_ADMIN_"
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in admin.environment.items()
        if "_CLIENT_" in name
    }


def credentials_of(account: CreatedServiceAccount) -> tuple[str, str]:
    return account.client_id, account.client_secret


def some_name() -> str:
    return f"billing {secrets.token_hex(6)}"


def libpq(database_url: str) -> str:
    """The same address as psycopg takes it."""
    return database_url.replace("postgresql+psycopg:", "postgresql:", 1)
