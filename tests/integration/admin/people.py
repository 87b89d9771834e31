"""Administrators of a test: made, logged in, each from an address of the own."""

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from artstore.admin.administrators import totp

from .conftest import FIRST_ADMINISTRATOR, FIRST_PASSWORD, Admin, libpq

AUTH = "/api/v1/admin-auth"
USERS = "/api/v1/admin-users"
COOKIE = "artstore-refresh"


def some_address() -> str:
    return ".".join(["10", *(str(secrets.randbelow(256)) for _ in range(3))])


def some_password() -> str:
    return f"walnut-{secrets.token_urlsafe(9)}"


@dataclass
class Login:
    """A session as a client that is no browser has it."""

    admin: Admin
    answer: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.answer['access_token']}"}

    @property
    def session_id(self) -> str:
        return str(self.answer["session_id"])

    @property
    def refresh_token(self) -> str:
        return str(self.answer["refresh_token"])

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.admin.http.request(method, path, json=body, headers=self.headers)

    def refresh(self, at: Admin | None = None) -> httpx.Response:
        """Goes on with the new token, where there is one."""
        answer = (at or self.admin).http.post(f"{AUTH}/refresh", json={"refresh_token": self.refresh_token})
        if answer.status_code == 200:
            self.answer = answer.json()
        return answer


@dataclass
class Person:
    admin: Admin
    username: str
    password: str
    id: str = ""
    address: str = field(default_factory=some_address)

    def try_login(
        self, password: str | None = None, *, at: Admin | None = None, **more: object
    ) -> httpx.Response:
        body = {"username": self.username, "password": password or self.password, **more}
        return post(at or self.admin, "login", body, address=self.address)

    def log_in(self, *, at: Admin | None = None, code: str | None = None) -> Login:
        answer = self.try_login(at=at, refresh_token_in="body", code=code)
        assert answer.status_code == 200, answer.text
        return Login(at or self.admin, answer.json())

    def fail(self, times: int) -> None:
        for _ in range(times):
            assert self.try_login("not this one, never").status_code == 401

    def enrol(self, login: Login) -> tuple["Factor", list[str]]:
        """A second factor, confirmed with the code of this step, and recovery codes."""
        begun = login.call("POST", f"{AUTH}/totp", {"password": self.password})
        assert begun.status_code == 200, begun.text
        factor = Factor(base64.b32decode(begun.json()["secret"]), totp.step_at(time.time()))
        confirmed = login.call("POST", f"{AUTH}/totp/confirm", {"code": factor.code(0)})
        assert confirmed.status_code == 200, confirmed.text
        return factor, confirmed.json()["recovery_codes"]


@dataclass(frozen=True)
class Factor:
    """An authenticator. Its steps are counted from that of the enrolment, whatever the clock does meanwhile:
    the code of that one is used up, and that of the next is good already, for more than half a minute.
    """

    secret: bytes = field(repr=False)
    step: int

    def code(self, steps: int = 1) -> str:
        return totp.code(self.secret, self.step + steps)


def post(admin: Admin, name: str, body: object, *, address: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    answer = admin.http.post(f"{AUTH}/{name}", json=body, headers=headers)
    admin.http.cookies.clear()  # the client is everybody's
    return answer


def first(admin: Admin) -> Person:
    return Person(admin, FIRST_ADMINISTRATOR, FIRST_PASSWORD)


def invited(root: Login, role: str = "READONLY", **more: object) -> tuple[Person, str]:
    """Somebody who has a one-time code and no password yet."""
    body = {"username": f"someone.{secrets.token_hex(5)}", "role": role, **more}
    answer = root.call("POST", USERS, body)
    assert answer.status_code == 201, answer.text
    created = answer.json()
    return Person(root.admin, created["username"], some_password(), created["id"]), created["reset_code"]


def made(root: Login, role: str = "READONLY", **more: object) -> Person:
    """Somebody with a password."""
    person, code = invited(root, role, **more)
    body = {"username": person.username, "code": code, "new_password": person.password}
    answer = post(root.admin, "password/reset", body, address=person.address)
    assert answer.status_code == 204, answer.text
    return person


def rows(admin: Admin, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(libpq(admin.backends.database_url)) as connection:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []


def told(admin: Admin, subject_id: str, action: str) -> Sequence[tuple[str | None, dict[str, Any]]]:
    """Actor and details of the entries in the audit trail."""
    return rows(
        admin,
        "SELECT actor_name, details FROM admin.audit_entries WHERE subject_id = %s AND action = %s ORDER BY index",
        subject_id,
        action,
    )


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:artstore:problem:")
