"""Everybody of the access matrix, in a running system: an account or a person of each role, with documents."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from artstore.wire.accounts import MAX_RATE_LIMIT
from tests.support.access_matrix import (
    ACCOUNTS,
    GRANTED_READ,
    GRANTED_WRITE,
    NOBODY,
    OTHERS,
    OWN,
    PERSONS,
    SERVICES,
    YES,
    rows,
)
from tests.support.schemathesis import Described
from tests.support.system import PATIENCE_SECONDS, RunningSystem

TOKEN = "/api/v1/auth/token"
ACCOUNTS_PATH = "/api/v1/service-accounts"
USERS = "/api/v1/admin-users"
AUTH = "/api/v1/admin-auth"
WORD = "matrix"
"""In the name of every document, so that one search finds all."""


@dataclass
class Caller:
    """One column of the matrix; of ``nobody`` only ``http`` counts."""

    name: str
    http: httpx.Client
    account_id: str = ""
    username: str = ""
    credentials: tuple[str, str] | None = None
    """Of an account."""
    password: str = ""
    """Of a person."""
    session_id: str = ""
    document: str = ""
    """The file id of one that it stored."""

    @property
    def is_person(self) -> bool:
        return self.name in PERSONS

    @property
    def token(self) -> str:
        return self.http.headers["Authorization"].removeprefix("Bearer ")

    @token.setter
    def token(self, token: str) -> None:
        self.http.headers["Authorization"] = f"Bearer {token}"


def client() -> httpx.Client:
    # Reading certificates, which nobody needs here, would take longer than most tests do.
    return httpx.Client(timeout=30, verify=False)


def succeeded(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    body: dict[str, Any] = answer.json() if answer.content else {}
    return body


def eventually(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


class Setup:
    """A system and its first administrator, who makes what a test needs."""

    def __init__(self, system: RunningSystem) -> None:
        self._anybody = client()
        self._secrets = system.folder / "secrets"
        self._described: dict[str, Described] = {}
        self.admin = system.admin_url
        self.ingester = system.ingester_url
        self.query = system.query_url
        self.documents = system.element_urls["edit-01"]
        """The element with the documents, which can be deleted there."""
        self.element = system.element_urls["rw-01"]
        """The element that everything else is done to."""
        self.every_service = [
            ("admin", self.admin),
            ("ingester", self.ingester),
            ("query", self.query),
            *(("storage", url) for url in system.element_urls.values()),
        ]
        self.root = self._caller("first")
        self.root.username, self.root.password = "admin", self._secret("initial-admin-password")
        self._begin(self.root)

    def close(self) -> None:
        for one in (self._anybody, self.root.http):
            one.close()

    def described(self, service: str) -> Described:
        """What the service says of its API."""
        if service not in self._described:
            url = dict(self.every_service)[service]
            self._described[service] = Described(succeeded(self._anybody.get(f"{url}/openapi.json")))
        return self._described[service]

    def services(self) -> Caller:
        """The account of the services, without a token yet."""
        services = self._caller(SERVICES)
        services.credentials = "artstore-services", self._secret("service-client-secret")
        return services

    def at_admin(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """What the first administrator has done."""
        return succeeded(self.root.http.request(method, self.admin + path, json=body, headers=headers))

    def new_account(self, role: str = "USER") -> dict[str, Any]:
        body = {"name": f"{WORD}-{secrets.token_hex(6)}", "role": role, "rate_limit": MAX_RATE_LIMIT}
        return self.at_admin("POST", ACCOUNTS_PATH, body)

    def revision(self, account_id: str) -> str:
        answer = self.root.http.get(f"{self.admin}{ACCOUNTS_PATH}/{account_id}")
        succeeded(answer)
        return str(answer.headers["ETag"])

    def invite(self, role: str = "READONLY") -> dict[str, Any]:
        """Somebody without a password."""
        return self.at_admin("POST", USERS, {"username": f"{WORD}.{secrets.token_hex(6)}", "role": role})

    def new_person(self, role: str = "READONLY") -> Caller:
        """Somebody with a password, not logged in."""
        created = self.invite(role)
        person = Caller("", self._anybody, created["id"], created["username"])
        person.password = self.set_password(person.username, created["reset_code"])
        return person

    def set_password(self, username: str, code: str) -> str:
        password = new_password()
        body = {"username": username, "code": code, "new_password": password}
        succeeded(self._anybody.post(f"{self.admin}{AUTH}/password/reset", json=body))
        return password

    def log_in(self, person: Caller) -> dict[str, Any]:
        body = {"username": person.username, "password": person.password, "refresh_token_in": "body"}
        return succeeded(self._anybody.post(f"{self.admin}{AUTH}/login", json=body))

    def new_token(self, account: Caller) -> str:
        assert account.credentials is not None
        data = {"grant_type": "client_credentials"}
        answer = self._anybody.post(self.admin + TOKEN, data=data, auth=account.credentials)
        return str(succeeded(answer)["access_token"])

    def store(self, owner: Caller) -> str:
        answer = owner.http.post(
            f"{self.documents}/api/v1/files/upload",
            data={"retention_policy": "temporary", "tags": tag_of(owner)},
            files={"file": (f"{WORD}.txt", b"content")},
        )
        return str(succeeded(answer)["file_id"])

    def begin(self, owner: Caller, service: str) -> str:
        """The name of a new resumable upload, which is to have ten bytes."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": "filename YS50eHQ="}
        answer = owner.http.post(f"{service}/api/v1/uploads", headers=headers)
        succeeded(answer)
        return str(answer.headers["Location"]).rpartition("/")[2]

    def open_batch(self, owner: Caller, service: str) -> str:
        """The id of a new batch with a document in it."""
        answer = owner.http.post(f"{service}/api/v1/batches", json={"retention_policy": "temporary"})
        batch_id = str(succeeded(answer)["batch_id"])
        succeeded(
            owner.http.post(
                f"{service}/api/v1/files/upload",
                params={"batch_id": batch_id},
                headers={"X-Batch-Id": batch_id},
                files={"file": ("a.txt", b"content")},
            )
        )
        return batch_id

    def _caller(self, name: str) -> Caller:
        return Caller(name, client())

    def _begin(self, person: Caller) -> None:
        login = self.log_in(person)
        person.token, person.session_id = login["access_token"], login["session_id"]

    def _secret(self, name: str) -> str:
        return (self._secrets / name).read_text(encoding="utf-8").strip()


class World(Setup):
    """The callers, whose documents they ask for, and what is done to others for the sake of a test.

    Whoever has a role that stores nothing had another one when it stored its document.
    """

    def __init__(self, system: RunningSystem) -> None:
        super().__init__(system)
        self.owners = {whose: self._account(whose, "USER") for whose in (OTHERS, GRANTED_READ, GRANTED_WRITE)}
        services = self.services()
        accounts = [self._account(name, role) for name, role in ACCOUNTS.items()]
        for account in (*accounts, services):
            self._grant(account)
        persons = [self._person(name, role) for name, role in PERSONS.items()]
        self.nobody = self._caller(NOBODY)
        self.forger = self._caller(NOBODY)
        """Nobody, with a token that is signed by nobody."""
        self.forger.token = f"{self.root.token[:-16]}{secrets.token_urlsafe(12)}"
        self.callers = {one.name: one for one in (self.nobody, *accounts, services, *persons)}
        self._storing = storing()
        self._logged_in_at = time.monotonic()
        self._everything_is_known()

    def close(self) -> None:
        super().close()
        for caller in (*self.callers.values(), *self.owners.values(), self.forger):
            caller.http.close()

    def owner(self, caller: Caller, whose: str) -> Caller:
        return caller if whose == OWN else self.owners[whose]

    def document(self, caller: Caller, whose: str) -> str:
        """One that stays. Nobody and whoever has none ask for another's."""
        return self.owner(caller, whose).document or self.owners[OTHERS].document

    def stores(self, owner: Caller) -> bool:
        """Whether the owner can store, as the table has it."""
        return owner in self.owners.values() or owner.name in self._storing

    def stay_logged_in(self) -> None:
        """Access tokens of persons are short."""
        if time.monotonic() - self._logged_in_at > 60:
            for person in (self.root, *(self.callers[name] for name in PERSONS)):
                self._begin(person)
            self._logged_in_at = time.monotonic()

    def _account(self, name: str, role: str) -> Caller:
        created = self.new_account()
        account = self._caller(name)
        account.account_id = created["id"]
        account.credentials = created["client_id"], created["client_secret"]
        account.token = self.new_token(account)
        account.document = self.store(account)
        if role != "USER":
            path = f"{ACCOUNTS_PATH}/{account.account_id}"
            self.at_admin("PATCH", path, {"role": role}, **{"If-Match": self.revision(account.account_id)})
            account.token = self.new_token(account)
        return account

    def _grant(self, account: Caller) -> None:
        if not account.account_id:
            assert account.credentials is not None
            found = self.at_admin("GET", f"{ACCOUNTS_PATH}?q={account.credentials[0]}")
            [account.account_id] = [one["id"] for one in found["items"]]
        for whose, scope in ((GRANTED_READ, "files:read"), (GRANTED_WRITE, "files:write")):
            path = f"{ACCOUNTS_PATH}/{account.account_id}/grants/{self.owners[whose].account_id}"
            self.at_admin("PUT", path, {"scopes": [scope]})
        account.token = self.new_token(account)

    def _person(self, name: str, role: str) -> Caller:
        person = self.new_person("ADMIN")
        person.name, person.http = name, client()
        self._begin(person)
        person.document = self.store(person)
        if role != "ADMIN":
            self.at_admin("PATCH", f"{USERS}/{person.account_id}", {"role": role})
            self._begin(person)
        return person

    def _everything_is_known(self) -> None:
        """Catalog and index follow behind the uploads, and the seal of the audit trail behind its entries."""
        wanted = {one.document for one in (*self.callers.values(), *self.owners.values()) if one.document}
        for url in (f"{self.query}/api/v1/search?q={WORD}", f"{self.documents}/api/v1/files?"):
            eventually(lambda url=url: wanted <= listed(self.root.http.get(f"{url}&limit=1000")), url)  # type: ignore[misc]
        checkpoint = f"{self.admin}/api/v1/audit/checkpoint"
        eventually(lambda: self.root.http.get(checkpoint).status_code == 200, "nothing is sealed")


def tag_of(owner: Caller) -> str:
    """Of all documents of an owner, and of no others."""
    return f"{WORD}-{owner.account_id}"


def storing() -> set[str]:
    """Who can store documents."""
    [row] = [row for row in rows() if str(row) == "Storage Element POST /api/v1/files/upload"]
    return {name for name, cell in row.cells.items() if cell == YES}


def listed(answer: httpx.Response) -> set[str]:
    """The file ids on a page."""
    return {item["file_id"] for item in succeeded(answer)["items"]}


def new_password() -> str:
    return f"walnut-{secrets.token_urlsafe(12)}"
