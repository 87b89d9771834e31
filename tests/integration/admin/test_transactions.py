"""Transactions at Admin alone: there are no elements, so that each step fails, is tried again, and is given up."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psycopg
import pytest

from artstore.admin.transactions.failpoints import ENVIRONMENT as FAILPOINTS
from tests.support import processes

from .conftest import AUDIT_PATH, Admin, Backends, StartAdmin, _starter, libpq, same_accounts

PATH = "/api/v1/transactions"
FAST = {"transaction_attempts": "3", "transaction_pause_seconds": "0.5"}


def _backends(postgres: Any, redis: Any) -> Iterator[Backends]:
    name = f"admin_{secrets.token_hex(6)}"
    yield Backends(postgres.create_database(name), redis)


@pytest.fixture(scope="module")
def own_backends(postgres: Any, redis: Any) -> Iterator[Backends]:
    yield from _backends(postgres, redis)


@pytest.fixture
def untouched_backends(postgres: Any, redis: Any) -> Iterator[Backends]:
    yield from _backends(postgres, redis)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartAdmin]:
    yield from _starter(tmp_path_factory.mktemp("transactions"))


@pytest.fixture(scope="module")
def impatient(start: StartAdmin, own_backends: Backends) -> Admin:
    """Gives a step up after three attempts."""
    return start(own_backends, **FAST)


def new(file_id: str | None = None) -> dict[str, Any]:
    return {
        "file_id": file_id or str(uuid.uuid4()),
        "owner_id": "owner",
        "requested_by_id": "owner",
        "requested_by_name": "billing",
        "source_element_id": "nowhere-01",
        "target_element_id": "nowhere-02",
        "total_bytes": 10,
    }


def begun(admin: Admin, file_id: str | None = None, status: int = 201) -> dict[str, Any]:
    answer = admin.http.post(PATH, json=new(file_id), headers=admin.headers(admin.services))
    assert answer.status_code == status, answer.text
    transaction: dict[str, Any] = answer.json()
    return transaction


def read(admin: Admin, transaction: dict[str, Any]) -> dict[str, Any]:
    answer = admin.http.get(f"{PATH}/{transaction['transaction_id']}", headers=admin.headers())
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def ask(admin: Admin, transaction: dict[str, Any], act: str) -> dict[str, Any]:
    answer = admin.http.post(f"{PATH}/{transaction['transaction_id']}/{act}", headers=admin.headers())
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def fails(admin: Admin, transaction: dict[str, Any]) -> dict[str, Any]:
    admin.eventually(lambda: read(admin, transaction)["state"] == "failed")
    return read(admin, transaction)


def actions(admin: Admin, transaction: dict[str, Any]) -> list[str]:
    """What the audit trail tells of it, the oldest first."""
    parameters = {"subject_id": transaction["transaction_id"], "limit": "100"}
    answer = admin.http.get(AUDIT_PATH, params=parameters, headers=admin.headers())
    assert answer.status_code == 200, answer.text
    items = sorted(answer.json()["items"], key=lambda entry: entry["index"])
    return [entry["action"] for entry in items]


def metric(admin: Admin, line: str) -> float:
    text = admin.http.get("/metrics").text
    return next((float(at.rpartition(" ")[2]) for at in text.splitlines() if at.startswith(line)), 0.0)


@contextmanager
def paused_without_a_lock(admin: Admin) -> Iterator[None]:
    """Stands still between its transactions in the database, in which it would stand in the way of others."""
    process = admin.service.process
    assert process is not None
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    )
    while True:
        with processes.paused(process.pid), psycopg.connect(libpq(admin.backends.database_url)) as connection:
            if connection.execute(open_ones).fetchone() == (0,):
                connection.close()
                yield
                return


def test_is_given_up_undone_and_left_to_an_operator(impatient: Admin) -> None:
    """Every step is tried three times, forward and back; what cannot be undone stays, and is an alarm."""
    transaction = begun(impatient)
    assert (transaction["state"], transaction["step"]) == ("pending", "hold")
    over = fails(impatient, transaction)
    assert [attempt["step"] for attempt in over["history"]] == ["hold"] * 3 + ["refuse"] * 3
    assert all(attempt["error"] for attempt in over["history"])
    assert over["error"] == "The element nowhere-01 is not known."
    assert over["committed_at"] is None
    assert over["next_at"] is not None
    failed = 'artstore_admin_transactions_open{kind="finalize",state="failed"}'
    impatient.eventually(lambda: metric(impatient, failed) >= 1)
    assert actions(impatient, transaction) == ["transaction.begun", "transaction.failed"]


def test_goes_on_when_an_operator_says_so(impatient: Admin) -> None:
    transaction = begun(impatient)
    fails(impatient, transaction)
    assert ask(impatient, transaction, "retry")["state"] == "compensating"
    over = fails(impatient, transaction)
    assert [attempt["step"] for attempt in over["history"]] == ["hold"] * 3 + ["refuse"] * 6
    assert ask(impatient, transaction, "compensate")["step"] == "refuse"
    fails(impatient, transaction)
    told = actions(impatient, transaction)
    assert told.count("transaction.failed") == 3
    assert "transaction.retried" in told
    assert "transaction.compensated" in told


def test_one_that_waits_goes_on_at_once(impatient: Admin) -> None:
    """Its job does not wait for the moment that it waited for before."""
    transaction = begun(impatient)
    impatient.eventually(lambda: read(impatient, transaction)["attempts"] > 0)
    in_a_day = "UPDATE admin.transactions SET next_at = now() + interval '1 day' WHERE id = %s"
    with psycopg.connect(libpq(impatient.backends.database_url)) as connection:
        connection.execute(in_a_day, (transaction["transaction_id"],))
        connection.execute("SET LOCAL search_path TO admin")
        connection.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day'")
    assert ask(impatient, transaction, "compensate")["step"] == "refuse"
    fails(impatient, transaction)


def test_one_for_each_document(impatient: Admin) -> None:
    first = begun(impatient)
    again = begun(impatient, first["file_id"], status=200)
    assert again["transaction_id"] == first["transaction_id"]
    assert begun(impatient)["transaction_id"] != first["transaction_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "else"},
        {"file_id": "x"},
        {"owner_id": ""},
        {"owner_id": "a\0"},
        {"source_element_id": "../x"},
        {"total_bytes": 0},
        {"total_bytes": 2**60},
        {"more": 1},
    ],
)
def test_what_cannot_be_begun(impatient: Admin, change: dict[str, Any]) -> None:
    body = new() | change
    answer = impatient.http.post(PATH, json=body, headers=impatient.headers(impatient.services))
    assert answer.status_code == 422, answer.text


def test_of_no_role(impatient: Admin) -> None:
    assert impatient.http.post(PATH, json=new(), headers=impatient.headers()).status_code == 403


def test_a_process_takes_up_what_another_one_left(start: StartAdmin, untouched_backends: Backends) -> None:
    """Both run on one database; the one that has the transaction in its hands is killed.

    On a database where nothing is under way: the mortal one would die of the first step of any transaction.
    """
    impatient = start(untouched_backends, **FAST)
    armed = {FAILPOINTS: "before.hold=kill"}
    mortal = start(impatient.backends, **same_accounts(impatient), **FAST, environment=armed)
    headers, body = mortal.headers(mortal.services), new()
    dying = mortal.service.process
    assert dying is not None
    with paused_without_a_lock(impatient):
        with suppress(httpx.TransportError):  # it may die before it answers
            mortal.http.post(PATH, json=body, headers=headers)
        impatient.eventually(lambda: dying.poll() is not None)
    over = fails(impatient, begun(impatient, body["file_id"], status=200))
    assert len(over["history"]) == 6
    assert metric(impatient, "artstore_admin_transactions_taken_up_total") >= 1


def test_a_transaction_without_a_job_gets_one(impatient: Admin) -> None:
    """What could lose it (somebody who empties the tables of the jobs, say) does not stop it for ever."""
    transaction = begun(impatient)
    with psycopg.connect(libpq(impatient.backends.database_url)) as connection:
        connection.execute("SET LOCAL search_path TO admin")  # the triggers of Procrastinate name no schema
        connection.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    fails(impatient, transaction)


def test_a_job_whose_end_was_not_noted_is_no_obstacle(impatient: Admin) -> None:
    """The database may go away just then. Its worker lives, but is not at it."""
    transaction = begun(impatient)
    impatient.eventually(lambda: read(impatient, transaction)["attempts"] > 0)
    told = {"id": transaction["transaction_id"]}

    def looks_under_way() -> bool:
        """One at a time does: where the worker is at it, it is waited for."""
        with psycopg.connect(libpq(impatient.backends.database_url)) as connection:
            connection.execute("SET LOCAL search_path TO admin")
            # What is locked is not fetched by a worker meanwhile.
            connection.execute("SELECT FROM procrastinate_jobs WHERE lock = %(id)s FOR UPDATE", told)
            made = connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status, worker_id, args) "
                "SELECT 'transactions', 'transaction', %(id)s::text, 'doing', "
                "(SELECT id FROM procrastinate_workers ORDER BY last_heartbeat DESC LIMIT 1), "
                "jsonb_build_object('transaction_id', %(id)s::text) ON CONFLICT DO NOTHING",
                told,
            )
            return made.rowcount == 1

    impatient.eventually(looks_under_way)
    fails(impatient, transaction)


def test_pages(impatient: Admin) -> None:
    transactions = [begun(impatient)["transaction_id"] for _ in range(5)]
    headers = impatient.headers()
    found: list[str] = []
    parameters: dict[str, str] = {"limit": "2", "kind": "finalize"}
    while True:
        page = impatient.http.get(PATH, params=parameters, headers=headers).json()
        found += [item["transaction_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert found[:5] == transactions[::-1]
    assert len(found) == len(set(found))
    answer = impatient.http.get(PATH, params={"cursor": "x"}, headers=headers)
    assert answer.json()["type"] == "urn:artstore:problem:invalid-cursor"
