"""The audit trail on real PostgreSQL: what comes into it, how it is read, proven and protected."""

import base64
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text

from artstore.admin.audit.leaf import leaf
from artstore.admin.audit.note import Checkpoint, VerifierKey, open_checkpoint
from artstore.admin.audit.protection import is_protected
from artstore.admin.audit.reading import DatabaseLog
from artstore.admin.audit.tree import is_consistent, leaf_hash, root_of_inclusion
from artstore.admin.audit.verifying import LogCheck, Sealed
from artstore.kernel.database import Database
from artstore.launcher.postgres import SUPERUSER, EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from tests.support.secrecy.observing import heard
from tests.support.system import PATIENCE_SECONDS

from .conftest import AUDIT_PATH as AUDIT
from .conftest import Admin, Backends, StartAdmin, libpq, same_accounts

ROLE = "test_admin_service"
AT_START = 5
ENTRIES = 9


@dataclass
class Protected:
    """An Admin that serves with a role that owns nothing."""

    admin: Admin
    owner_url: str
    settings: dict[str, str]

    def get(self, path: str = "", **params: Any) -> Any:
        answer = self.admin.http.get(f"{AUDIT}{path}", params=params, headers=self.admin.headers())
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.headers["content-type"] == "application/json" else answer.text

    def all(self, **params: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = self.get(**params)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            params["cursor"] = page["next_cursor"]

    def sealed(self, size: int) -> Checkpoint:
        """The first checkpoint of at least so many entries, once there is one."""
        key = VerifierKey.parse(self.get("/key"))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self.admin.http.get(f"{AUDIT}/checkpoint", headers=self.admin.headers())
            if answer.status_code == 200:
                checkpoint = open_checkpoint(answer.text, key)
                if checkpoint.size >= size:
                    return checkpoint
        raise AssertionError(f"{size} entries were not sealed")

    def as_owner(self, statement: str) -> None:
        alter(self.owner_url, statement)


def alter(owner_url: str, statement: str) -> None:
    """As somebody does it who owns the database, and takes the triggers away first."""
    with psycopg.connect(libpq(owner_url)) as connection:
        connection.execute("SET search_path = admin")
        for table in ("audit_entries", "audit_checkpoints", "audit_subtrees"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        connection.execute(statement)


def start_protected(
    start: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
) -> tuple[Protected, str]:
    database = f"audit_{uuid4().hex[:12]}"
    owner_url = postgres.create_database(database)
    url = postgres.url(database, role=ROLE, password_file=password)
    settings = {"migration_database_url": owner_url, "audit_seal_seconds": "0.1"}
    return Protected(start(Backends(url, redis), **settings), owner_url, settings), database


@pytest.fixture(scope="module")
def password(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of ``ROLE``: one for all, as another one would keep out those that serve with it already."""
    file = tmp_path_factory.mktemp("role") / "password"
    postgres.ensure_role(ROLE, file)
    return file


@pytest.fixture(scope="module")
def audited(
    start_shared: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
) -> Protected:
    """For tests that only add."""
    protected, _ = start_protected(start_shared, postgres, redis, password)
    return protected


def rehash(entry: dict[str, Any]) -> bytes:
    return leaf_hash(leaf({name: value for name, value in entry.items() if name != "leaf_hash"}))


class TestEntries:
    def test_a_start_tells_what_it_made(self, audited: Protected) -> None:
        entries = audited.all(order="oldest", limit=3)
        told = [(one["action"], one["subject"]["kind"]) for one in entries[:5]]
        assert told == [
            ("administrator.created", "administrator"),
            ("key.created", "key"),
            ("key.created", "audit_key"),
            ("account.created", "account"),
            ("account.created", "account"),
        ]
        assert {one["actor"]["kind"] for one in entries[:5]} == {"system"}
        assert entries[2]["subject"]["id"] == audited.get("/key").strip()

    def test_behind_a_proxy_the_address_is_that_of_the_client(self, audited: Protected) -> None:
        http, address = audited.admin.http, "198.51.100.7"
        headers = audited.admin.headers() | {"X-Forwarded-For": address}
        body = {"name": "behind", "role": "AUDITOR"}
        made = http.post("/api/v1/service-accounts", json=body, headers=headers).json()
        token = audited.admin.token((made["client_id"], made["client_secret"]))
        ended = http.post(
            "/api/v1/auth/revoke",
            data={"token": token},
            auth=audited.admin.initial,
            headers={"X-Forwarded-For": address},
        )
        assert ended.status_code == 200
        told = {one["action"]: one["actor"]["address"] for one in audited.all(subject_id=made["id"])}
        assert told == {"account.created": address, "token.revoked": address}

    def test_a_new_account_is_told_with_who_made_it(self, audited: Protected) -> None:
        headers = audited.admin.headers() | {"X-Request-ID": "made-by-a-test"}
        body = {"name": "told", "role": "USER"}
        made = audited.admin.http.post("/api/v1/service-accounts", json=body, headers=headers).json()
        [entry] = audited.all(subject_id=made["id"])
        assert entry["action"] == "account.created"
        assert entry["actor"] == {
            "address": "127.0.0.1",
            "id": entry["actor"]["id"],
            "kind": "service_account",
            "name": "administrator",
            "request_id": "made-by-a-test",
        }
        assert entry["details"] == {
            "client_id": made["client_id"],
            "name": "told",
            "role": "USER",
            "scopes": ["files:delete", "files:read", "files:write"],
        }
        assert made["client_secret"] not in json.dumps(entry)
        assert audited.get(f"/{entry['index']}") == entry

    def test_what_failed_is_not_told_and_leaves_no_gap(self, audited: Protected) -> None:
        audited.admin.new_account("taken")
        body = {"name": "taken", "role": "USER"}
        for _ in range(3):
            answer = audited.admin.http.post(
                "/api/v1/service-accounts", json=body, headers=audited.admin.headers()
            )
            assert answer.status_code == 409
        audited.admin.new_account("after that")
        indexes = [one["index"] for one in audited.all(order="oldest")]
        assert indexes == list(range(len(indexes)))
        told = [one["details"]["name"] for one in audited.all(action="account.created", limit=1000)]
        assert (told.count("taken"), told.count("after that")) == (1, 1)

    def test_two_processes_are_one_log(self, audited: Protected, start_admin: StartAdmin) -> None:
        other = start_admin(audited.admin.backends, **audited.settings, **same_accounts(audited.admin))
        before = len(audited.all(limit=1000))
        with ThreadPoolExecutor(8) as threads:
            admins = [(audited.admin, other)[n % 2] for n in range(24)]
            list(threads.map(lambda n: admins[n].new_account(f"beside {n}"), range(24)))
        entries = audited.all(order="oldest", limit=1000)
        assert [one["index"] for one in entries] == list(range(before + 24))
        assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
        assert audited.sealed(before + 24).size == before + 24
        answer = other.http.get(f"{AUDIT}/checkpoint", headers=other.headers())
        assert answer.text == audited.get("/checkpoint")


class TestSearch:
    def test_pages_in_both_orders_while_the_log_grows(self, audited: Protected) -> None:
        known = audited.all(order="newest", limit=1000)
        page = audited.get(order="newest", limit=2)
        audited.admin.new_account("in between")
        rest = audited.all(order="newest", limit=3, cursor=page["next_cursor"])
        assert page["items"] + rest == known
        assert audited.all(order="oldest", limit=3)[:-1] == known[::-1]

    def test_each_filter(self, audited: Protected) -> None:
        audited.admin.new_account("filtered")
        entries = audited.all(limit=1000)
        newest = entries[0]
        for params, holds in (
            ({"action": "account.created"}, lambda one: one["action"] == "account.created"),
            ({"actor_id": newest["actor"]["id"]}, lambda one: one["actor"]["id"] == newest["actor"]["id"]),
            ({"actor_name": "Admin"}, lambda one: one["actor"]["name"] == "Admin"),
            ({"subject_kind": "key"}, lambda one: one["subject"]["kind"] == "key"),
            ({"outcome": "refused"}, lambda one: one["outcome"] == "refused"),
            ({"since": newest["at"]}, lambda one: one["at"] >= newest["at"]),
            ({"until": newest["at"]}, lambda one: one["at"] < newest["at"]),
            ({"since": "2999-01-01T00:00:00Z"}, lambda one: False),
            ({"until": "2999-01-01T00:00:00Z"}, lambda one: True),
            ({"since": "0001-01-01T00:00:00Z"}, lambda one: True),
            ({"until": "9999-12-31T23:59:59Z"}, lambda one: True),
        ):
            check: Callable[[dict[str, Any]], bool] = holds
            assert audited.all(**params) == [one for one in entries if check(one)], params

    @pytest.mark.parametrize(
        "params",
        [
            {"since": "yesterday"},
            {"since": "2026-01-01T00:00:00"},
            {"since": "2025"},
            {"since": "0001-01-01T00:00:00+23:59"},
            {"until": "9999-12-31T23:59:59-23:59"},
            {"actor_id": "a\0b"},
            {"outcome": "perhaps"},
            {"order": "random"},
            {"limit": "0"},
            {"limit": "1001"},
            {"cursor": "x"},
            {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"},
        ],
        ids=str,
    )
    def test_bad_input(self, audited: Protected, params: dict[str, str]) -> None:
        answer = audited.admin.http.get(AUDIT, params=params, headers=audited.admin.headers())
        assert answer.status_code in (400, 422)

    def test_no_such_entry(self, audited: Protected) -> None:
        headers = audited.admin.headers()
        assert audited.admin.http.get(f"{AUDIT}/{2**63 - 1}", headers=headers).status_code == 404
        assert audited.admin.http.get(f"{AUDIT}/{2**63}", headers=headers).status_code == 422
        assert audited.admin.http.get(f"{AUDIT}/word", headers=headers).status_code == 422

    def test_only_with_the_scope(self, audited: Protected) -> None:
        auditor, user = (audited.admin.new_account(f"a {role}", role) for role in ("AUDITOR", "OPERATOR"))
        paths = ("", "/0", "/export", "/checkpoint", "/checkpoints", "/proof/inclusion?index=0")
        audited.sealed(1)
        for path in (*paths, "/proof/consistency?from=1"):
            for account, status in ((auditor, 200), (user, 403)):
                headers = audited.admin.headers((account.client_id, account.client_secret))
                assert audited.admin.http.get(AUDIT + path, headers=headers).status_code == status, path
            assert audited.admin.http.get(AUDIT + path).status_code == 401
        assert audited.admin.http.get(f"{AUDIT}/key").status_code == 200


class TestExport:
    def test_json_lines(self, audited: Protected) -> None:
        known = audited.all(order="oldest", limit=1000)
        exported = [json.loads(line) for line in audited.get("/export").splitlines()]
        # Admin itself may have told of refused accesses in between.
        assert exported[: len(known)] == known
        more = exported[len(known) :]
        assert {one["action"] for one in more} <= {"access.refused"}
        assert [one["index"] for one in exported] == list(range(len(exported)))

    def test_csv(self, audited: Protected) -> None:
        rows = list(csv.DictReader(io.StringIO(audited.get("/export", format="csv", subject_kind="key"))))
        [entry] = audited.all(subject_kind="key")
        told = [(row["index"], row["action"], row["subject_id"].removeprefix("'")) for row in rows]
        assert told == [(str(entry["index"]), "key.created", entry["subject"]["id"])]
        assert json.loads(rows[0]["details"]) == entry["details"]


class TestProofs:
    def test_every_entry_is_in_every_checkpoint(self, audited: Protected) -> None:
        entries = audited.all(order="oldest", limit=1000)
        newest = audited.sealed(len(entries))
        key = VerifierKey.parse(audited.get("/key"))
        checkpoints = [
            open_checkpoint(one["note"], key) for one in audited.get("/checkpoints", limit=1000)["items"]
        ]
        assert checkpoints[-1].size >= newest.size
        for old in (checkpoints[0], checkpoints[len(checkpoints) // 2], newest):
            proof = audited.get("/proof/consistency", **{"from": old.size, "to": newest.size})
            hashes = [base64.b64decode(one) for one in proof["hashes"]]
            assert is_consistent(old.size, newest.size, old.root, newest.root, hashes)
        for entry in entries[:: max(1, len(entries) // 10)]:
            proof = audited.get("/proof/inclusion", index=entry["index"], tree_size=newest.size)
            hashes = [base64.b64decode(one) for one in proof["hashes"]]
            assert root_of_inclusion(rehash(entry), entry["index"], newest.size, hashes) == newest.root
            assert proof["leaf_hash"] == entry["leaf_hash"]

    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("/proof/inclusion?index=1&tree_size=1", "index"),
            ("/proof/inclusion?index=0&tree_size=9999999", "tree_size"),
            ("/proof/consistency?from=3&to=2", "from"),
            ("/proof/consistency?from=1&to=9999999", "to"),
            ("/proof/consistency?from=0", "from"),
        ],
    )
    def test_what_cannot_be_proven(self, audited: Protected, path: str, field: str) -> None:
        audited.sealed(3)
        answer = audited.admin.http.get(AUDIT + path, headers=audited.admin.headers())
        assert (answer.status_code, answer.json()["field"]) == (422, field)


class TestProtection:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE admin.audit_entries SET action = 'x'",
            "DELETE FROM admin.audit_entries",
            "TRUNCATE admin.audit_entries",
            "UPDATE admin.audit_checkpoints SET note = 'x'",
            "DELETE FROM admin.audit_checkpoints",
            "TRUNCATE admin.audit_subtrees",
            "DROP TABLE admin.audit_entries",
            "ALTER TABLE admin.audit_entries DISABLE TRIGGER ALL",
            "DROP TRIGGER audit_entries_append_only ON admin.audit_entries",
            "ALTER TABLE admin.audit_entries OWNER TO CURRENT_USER",
            "CREATE TABLE admin.another (id int)",
            "DROP SCHEMA admin CASCADE",
        ],
    )
    def test_the_role_of_the_service(self, audited: Protected, statement: str) -> None:
        with (
            psycopg.connect(libpq(audited.admin.backends.database_url)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)

    def test_it_cannot_give_itself_rights(self, audited: Protected) -> None:
        with psycopg.connect(libpq(audited.admin.backends.database_url)) as connection:
            connection.execute("GRANT UPDATE ON admin.audit_entries TO CURRENT_USER")  # a warning only
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("UPDATE admin.audit_entries SET action = 'x'")

    @pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
    def test_the_owner_is_stopped_by_triggers(self, audited: Protected, verb: str) -> None:
        for table, column in (("audit_entries", "index"), ("audit_checkpoints", "tree_size")):
            with (
                psycopg.connect(libpq(audited.owner_url)) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"),
            ):
                connection.execute(verb.format(f"admin.{table}", column, column))

    def test_it_is_said(self, audited: Protected, admin: Admin) -> None:
        for running, protected in ((audited.admin, "1.0"), (admin, "0.0")):
            assert f"artstore_admin_audit_protected {protected}" in running.http.get("/metrics").text
            assert ("could change the audit trail" in running.log()) is (protected == "0.0")

    async def test_who_owns_the_schema_can_drop_the_log(
        self, audited: Protected, postgres: EmbeddedPostgres
    ) -> None:
        database = make_url(audited.owner_url).database
        assert database is not None
        password = postgres.folder / "superuser-password"
        url = postgres.url(database, role=SUPERUSER, password_file=password)
        superuser = Database(SecretStr(url), application_name="test", pool_size=1)
        try:
            for owns, protected in ((False, True), (True, False)):
                with suppress(Undone):
                    async with superuser.write() as connection:
                        if owns:
                            await connection.execute(text(f"ALTER SCHEMA admin OWNER TO {ROLE}"))
                        await connection.execute(text(f"SET LOCAL ROLE {ROLE}"))
                        assert await is_protected(connection) is protected
                        if owns:
                            await connection.execute(text("DROP TABLE admin.audit_subtrees"))
                        raise Undone
        finally:
            await superuser.close()

    def test_migrated_by_the_command(
        self, start_admin: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
    ) -> None:
        """The service never has the credentials of the owner."""
        database = f"audit_{uuid4().hex[:12]}"
        owner_url = postgres.create_database(database)
        url = postgres.url(database, role=ROLE, password_file=password)
        environment = {
            **os.environ,
            "ARTSTORE_ADMIN_MIGRATION_DATABASE_URL": owner_url,
            "ARTSTORE_ADMIN_DATABASE_URL": url,
        }
        with pytest.raises(Exception, match="artstore admin migrate"):
            start_admin(Backends(url, redis))
        for _ in range(2):
            command = [sys.executable, "-m", "artstore", "admin", "migrate"]
            subprocess.run(command, env=environment, check=True, timeout=120)
        running = start_admin(Backends(url, redis))
        running.new_account("works")
        assert "artstore_admin_audit_protected 1.0" in running.http.get("/metrics").text


class Undone(Exception):
    """Takes back what a test did to a database that others use."""


def report(minute: datetime, *, instance: str = "query-0123456789", **changes: Any) -> dict[str, Any]:
    refused = {
        "account_id": None,
        "account_name": None,
        "address": "192.0.2.1",
        "method": "GET",
        "route": "/api/v1/search",
        "status": 401,
        "count": 12,
    }
    return {
        "service": "query",
        "instance": instance,
        "minute": minute.isoformat(),
        "refusals": [refused | changes],
    }


def this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)


class TestRefusals:
    def send(self, audited: Protected, body: Any, client: tuple[str, str] | None = None) -> int:
        headers = audited.admin.headers(client or audited.admin.services)
        return audited.admin.http.post(f"{AUDIT}/refusals", json=body, headers=headers).status_code

    def test_reported_once(self, audited: Protected) -> None:
        minute = this_minute()
        body = report(minute, instance=f"query-{uuid4().hex}", account_id="7", account_name="billing")
        assert [self.send(audited, body) for _ in range(3)] == [204, 204, 204]
        [entry] = audited.all(actor_id="7")
        assert (entry["action"], entry["outcome"]) == ("access.refused", "refused")
        assert entry["subject"] == {"id": "GET /api/v1/search", "kind": "route"}
        assert entry["details"] == {
            "count": 12,
            "minute": minute.strftime("%Y-%m-%dT%H:%MZ"),
            "service": "query",
            "status": 401,
        }

    def test_only_the_services_may(self, audited: Protected) -> None:
        assert self.send(audited, report(this_minute()), audited.admin.initial) == 403
        operator = audited.admin.new_account("no service", "OPERATOR")
        assert self.send(audited, report(this_minute()), (operator.client_id, operator.client_secret)) == 403

    @pytest.mark.parametrize(
        "body",
        [
            {},
            report(this_minute() - timedelta(days=2)),
            report(this_minute() + timedelta(seconds=1)),
            report(this_minute(), count=0),
            report(this_minute(), status=200),
            report(this_minute(), address="\0"),
            report(this_minute(), instance="short"),
            report(this_minute()) | {"refusals": []},
            report(this_minute()) | {"minute": "0001-01-01T00:00:00+23:59"},
        ],
    )
    def test_bad_reports(self, audited: Protected, body: dict[str, Any]) -> None:
        assert self.send(audited, body) == 422

    def test_of_the_future(self, audited: Protected) -> None:
        assert self.send(audited, report(this_minute() + timedelta(hours=1))) == 422

    def test_of_admin_itself(
        self, start_admin: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
    ) -> None:
        """At the end of a process at the latest; here it is what makes it tell at once."""
        protected, _ = start_protected(start_admin, postgres, redis, password)
        user = protected.admin.new_account("curious")
        headers = protected.admin.headers((user.client_id, user.client_secret))
        for _ in range(5):
            assert protected.admin.http.get(AUDIT, headers=headers).status_code == 403
        for _ in range(3):
            assert protected.admin.ask_token((user.client_id, "wrong")).status_code == 401
        protected.admin.service.stop()
        again = start_admin(protected.admin.backends, **protected.settings, **same_accounts(protected.admin))
        told: Counter[tuple[str | None, str | None, str]] = Counter()
        for one in Protected(again, protected.owner_url, {}).all(action="access.refused"):
            # An entry for each minute, which may end in between.
            who = (one["actor"]["id"], one["actor"]["address"], one["subject"]["id"])
            told[who] += one["details"]["count"]
        assert told == {
            (str(user.id), None, "GET /api/v1/audit"): 5,
            (None, "127.0.0.1", "POST /api/v1/auth/token"): 3,
        }


def some_entries(protected: Protected) -> None:
    """So many as ENTRIES, each of the last ones sealed."""
    for size in range(AT_START, ENTRIES + 1):
        if size > AT_START:
            protected.admin.new_account(f"account {size}")
        assert protected.sealed(size).size == size


@pytest.fixture
def own(
    start_admin: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
) -> Protected:
    """A log of a test's own, with some entries, each sealed."""
    protected, _ = start_protected(start_admin, postgres, redis, password)
    some_entries(protected)
    return protected


class Verified:
    """``artstore audit verify`` as a process."""

    def __init__(self, protected: Protected, folder: Path, *options: str | Path) -> None:
        admin = protected.admin
        profile = folder / "profile.json"
        members = dict.fromkeys(("admin_url", "ingester_url", "query_url"), admin.url)
        own = {"client_id": admin.initial[0], "client_secret": admin.initial[1]}
        profile.write_text(json.dumps(members | own))
        variables = {"ARTSTORE_PROFILE": str(profile), "ARTSTORE_ADMIN_DATABASE_URL": protected.owner_url}
        command = [sys.executable, "-m", "artstore", "audit", "verify", "--json", *map(str, options)]
        done = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False
        )
        heard("errors", done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        self.code = done.returncode
        self.errors = done.stderr
        self.told = json.loads(done.stdout) if done.stdout else {}
        self.fault: dict[str, Any] = self.told.get("fault") or {}


SWAP = """
UPDATE audit_entries e SET action = m.action, actor_id = m.actor_id, actor_name = m.actor_name,
    subject_id = m.subject_id, details = m.details, leaf_hash = m.leaf_hash
FROM (SELECT * FROM audit_entries WHERE index IN (4, 5)) m WHERE e.index IN (4, 5) AND m.index = 9 - e.index
"""


@dataclass
class Template:
    """A sealed log of which each test gets a copy."""

    database: str
    key: str


@pytest.fixture(scope="module")
def template(
    start_shared: StartAdmin, postgres: EmbeddedPostgres, redis: EmbeddedRedis, password: Path
) -> Template:
    protected, database = start_protected(start_shared, postgres, redis, password)
    some_entries(protected)
    key = protected.get("/key")
    protected.admin.service.stop()
    return Template(database, key)


class TestTampering:
    """By the owner of the tables, who takes the triggers away first."""

    @pytest.mark.parametrize(
        ("statement", "kind", "first"),
        [
            ("SELECT 1", None, None),
            ("UPDATE audit_entries SET actor_name = 'nobody' WHERE index = 5", "altered", 5),
            ("UPDATE audit_entries SET at = at - interval '1 day' WHERE index = 5", "altered", 5),
            ("UPDATE audit_entries SET details = details || '{\"n\": 1.0}' WHERE index = 6", "altered", 6),
            ("UPDATE audit_entries SET leaf_hash = '' WHERE index = 6", "altered", 6),
            ("DELETE FROM audit_entries WHERE index = 5", "missing", 5),
            ("DELETE FROM audit_entries WHERE index >= 6", "missing", 6),
            (SWAP, "altered", 4),
            ("TRUNCATE audit_entries", "missing", 0),
            ("UPDATE audit_checkpoints SET note = replace(note, E'\\n6\\n', E'\\n7\\n')", "checkpoint", None),
            ("UPDATE audit_checkpoints SET tree_size = 100 WHERE tree_size = 5", "checkpoint", None),
        ],
    )
    def test_found(
        self,
        postgres: EmbeddedPostgres,
        template: Template,
        monkeypatch: pytest.MonkeyPatch,
        statement: str,
        kind: str | None,
        first: int | None,
    ) -> None:
        copy = f"audit_{uuid4().hex[:12]}"
        url = postgres.create_database(copy, template=template.database)
        alter(url, statement)
        monkeypatch.setenv("ARTSTORE_ADMIN_DATABASE_URL", url)
        with DatabaseLog.open() as log:
            assert log.key() == template.key.strip()
            own = (Sealed(f"{size}", note, size) for size, note in log.checkpoints())
            fault = LogCheck(VerifierKey.parse(log.key()), own).run(log.entries()).fault
        assert (fault and fault.kind, fault and fault.first) == (kind, first)
        postgres.drop_database(copy)

    def test_by_the_command(self, own: Protected, tmp_path: Path) -> None:
        for options in ([], ["--database"]):
            sound = Verified(own, tmp_path, *options)
            assert (sound.code, sound.told["sound"], sound.told["sealed"]) == (0, True, ENTRIES)
        own.as_owner("UPDATE audit_entries SET actor_name = 'nobody' WHERE index = 5")
        for options in ([], ["--database"]):
            found = Verified(own, tmp_path, *options)
            assert (found.code, found.fault["kind"], found.fault["first"]) == (1, "altered", 5)

    def test_replaced_as_a_whole(self, own: Protected, tmp_path: Path) -> None:
        kept, key = tmp_path / "kept.txt", tmp_path / "kept.key"
        kept.write_text(own.get("/checkpoint"))
        key.write_text(own.get("/key"))
        own.as_owner("TRUNCATE audit_entries, audit_checkpoints, audit_subtrees")
        for number in range(10):
            own.admin.new_account(f"another {number}")
        own.sealed(10)
        alone = Verified(own, tmp_path)
        assert (alone.code, alone.told["sound"]) == (0, True)
        assert "keep it elsewhere" in alone.errors
        found = Verified(own, tmp_path, "--checkpoint", kept, "--key", key)
        assert (found.code, found.fault["kind"], found.fault["first"]) == (1, "altered", 0)

    def test_an_export_without_the_system(self, audited: Protected, tmp_path: Path) -> None:
        (tmp_path / "kept.txt").write_text(audited.get("/checkpoint"))
        export, key = tmp_path / "export.jsonl", audited.get("/key").strip()
        export.write_text(audited.get("/export"))
        options = ["--checkpoint", tmp_path / "kept.txt", "--key", key, "--file", export]
        assert Verified(audited, tmp_path, *options).code == 0
        lines = export.read_text().splitlines(keepends=True)
        export.write_text("".join([*lines[:2], "{", *lines[3:]]))
        found = Verified(audited, tmp_path, *options)
        assert (found.code, found.fault["first"]) == (1, 2)
        assert Verified(audited, tmp_path, "--file", export).code == 2

    def test_nothing_is_sealed_that_contradicts(self, own: Protected) -> None:
        size = own.sealed(ENTRIES).size
        own.as_owner("DELETE FROM audit_entries WHERE index >= 6")
        own.admin.new_account("after the cut")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "artstore_admin_audit_contradicts 1.0" not in own.admin.http.get("/metrics").text:
            assert time.monotonic() < deadline, "the contradiction is not noticed"
        health = own.admin.http.get("/health/ready").json()
        assert health["status"] == "degraded"
        assert "artstore audit verify" in json.dumps(health)
        assert own.sealed(size).size == size
