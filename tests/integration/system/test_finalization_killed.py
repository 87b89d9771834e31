"""Finalization while everything dies: each document ends permanent or as it was, once, and is readable always.

One system for the whole module. Its parts are started again by the launcher when they die; the failpoint of
the next death is armed in the environment that they are started with.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from artstore.admin.transactions.failpoints import ENVIRONMENT as ADMIN_FAILPOINTS
from artstore.engine.failpoints import ENVIRONMENT as ELEMENT_FAILPOINTS
from artstore.launcher.errors import LauncherError
from artstore.launcher.settings import Element, SystemSettings
from tests.support.elements import AtElement
from tests.support.finalization import begun, finalize, is_in_state, stored
from tests.support.system import Account, RunningSystem, eventually

LARGE = os.urandom(600_000)
"""Goes through staging."""


class Stand:
    """The system, and the failpoints that its parts get at their next start."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.pids: dict[str, int | None] = {}
        self.armed: dict[str, dict[str, str]] = {"admin": {}, "edit-01": {}, "rw-01": {}}
        self.armed["admin"].update(
            {
                "ARTSTORE_ADMIN_FINALIZE_MARGIN_SECONDS": "0",
                "ARTSTORE_ADMIN_TRANSACTION_PAUSE_SECONDS": "1",
                "ARTSTORE_ADMIN_TRANSACTION_ATTEMPTS": "200",
            }
        )
        settings = SystemSettings(
            default_ports={},
            environment=self.armed["admin"],
            elements=(
                Element("edit-01", "edit", self.armed["edit-01"]),
                Element("rw-01", "rw", self.armed["rw-01"]),
            ),
        )
        self.system = RunningSystem(tmp_path_factory.mktemp("killed-system"), settings)

    def arm(self, name: str, failpoint: str | None) -> None:
        """For the next start; None: nothing."""
        variable = ADMIN_FAILPOINTS if name == "admin" else ELEMENT_FAILPOINTS
        self.armed[name].pop(variable, None)
        if failpoint is not None:
            self.armed[name][variable] = f"{failpoint}=kill"

    async def restart(self, name: str) -> None:
        """Returns also where it dies before it is ready, at what is armed."""
        await self.system.kill(name)
        with suppress(LauncherError):
            await self.system.start(name)
        self.pids[name] = self.system.running_pid(name)

    async def begun_while_it_dies(
        self, name: str, failpoints: list[str], account: Account, file_id: str
    ) -> dict[str, Any]:
        """The transaction, after the part has died at each of the failpoints, one after the other."""
        self.arm(name, failpoints[0])
        await self.restart(name)
        beginning = asyncio.create_task(begun(account, file_id))
        for following in [*failpoints[1:], None]:
            await self.dies(name, following)
        return await beginning

    async def dies(self, name: str, following: str | None) -> None:
        """Waits for the death, and starts it again with what is armed next."""
        before = self.pids[name]
        if before is not None:  # else it died before it was ready
            await eventually(lambda: self.system.running_pid(name) != before, f"{name} does not die")
        self.arm(name, following)
        await self.restart(name)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory)
    made.system.launch()
    try:
        yield made
    finally:
        made.system.shut_down()
    made.system.check_elements()


@pytest.fixture
async def account(stand: Stand) -> AsyncIterator[Account]:
    yield await stand.system.create_account()
    await stand.system.close_accounts()
    stand.system.check_elements()


async def at(account: Account, element_id: str, file_id: str) -> dict[str, Any] | None:
    answer = await AtElement(account, element_id).get(f"files/{file_id}")
    assert answer.status_code in (200, 404), answer.text
    document: dict[str, Any] = answer.json()
    return document if answer.status_code == 200 else None


async def is_finalized_once(account: Account, document: dict[str, Any], content: bytes) -> None:
    """One permanent copy, whole, and no other; the search shows it once."""
    file_id = document["file_id"]
    assert await at(account, "edit-01", file_id) is None
    permanent = await at(account, "rw-01", file_id)
    assert permanent is not None
    assert permanent["retention_policy"] == "permanent"
    assert "transfer_id" not in permanent
    for name in ("created_at", "created_by_id", "original_filename", "checksum", "custom_attributes"):
        assert permanent[name] == document[name]
    answer = await account.download_when_ready(file_id)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
    hit = await account.find(document["original_filename"], file_id)

    async def once() -> bool:
        answer = await account.search_page(document["original_filename"])
        hits = [] if answer.status_code != 200 else answer.json()["items"]
        return [one["element_id"] for one in hits if one["file_id"] == file_id] == ["rw-01"]

    await eventually(once, f"the search shows {hit}")


async def told(stand: Stand, transaction: dict[str, Any]) -> list[str]:
    """What the audit trail says of it, the oldest first."""
    administrator = await stand.system.administrator()
    answer = await administrator.http.get(
        f"{stand.system.admin_url}/api/v1/audit", params={"subject_id": transaction["transaction_id"]}
    )
    return [entry["action"] for entry in sorted(answer.json()["items"], key=lambda one: one["index"])]


async def is_as_it_was(account: Account, document: dict[str, Any]) -> None:
    file_id = document["file_id"]
    assert await at(account, "rw-01", file_id) is None
    source = await at(account, "edit-01", file_id)
    assert source is not None
    assert source == document | {"updated_at": source["updated_at"]}


@pytest.mark.parametrize(
    ("part", "failpoints"),
    [
        ("admin", ["after.hold", "after.copy", "after.remove"]),
        # What was written and not flushed is there after the death of a process: the document is stored.
        ("rw-01", ["upload.staged", "log.before_flush"]),
        ("edit-01", ["log.before_flush", "log.after_flush@2"]),
    ],
)
async def test_killed_at_each_step(stand: Stand, account: Account, part: str, failpoints: list[str]) -> None:
    document = await stored(account, f"{part} dies.bin", LARGE, custom_attributes={"n": 1})
    transaction = await stand.begun_while_it_dies(part, failpoints, account, document["file_id"])
    await is_in_state(account, transaction, "done")
    await is_finalized_once(account, document, LARGE)
    assert await told(stand, transaction) == ["transaction.begun", "transaction.done"]


async def test_ingester_killed_before_it_answers(stand: Stand, account: Account) -> None:
    """Its answer is lost, and the one who asked asks again: there is one transaction."""
    document = await stored(account, "asked twice.txt")
    asking = asyncio.create_task(finalize(account, document["file_id"]))
    await asyncio.sleep(0)
    await stand.system.kill("ingester")
    await asyncio.gather(asking, return_exceptions=True)
    await stand.system.start("ingester")
    transaction = await begun(account, document["file_id"])
    await is_in_state(account, transaction, "done")
    await is_finalized_once(account, document, b"content")
    with stand.system.database() as connection:
        count = connection.execute(
            "SELECT count(*) FROM admin.transactions WHERE file_id = %s", (document["file_id"],)
        ).fetchone()
    assert count == (1,)


async def test_everything_dies_while_many_are_finalized(stand: Stand, account: Account) -> None:
    contents = [os.urandom(1000 + 37_000 * (n % 5)) for n in range(20)]
    documents = [await stored(account, f"storm {n}.bin", content) for n, content in enumerate(contents)]
    working = [asyncio.create_task(begun(account, document["file_id"])) for document in documents]
    for part in ("rw-01", "ingester", "redis", "edit-01", "postgres", "admin"):
        await stand.system.kill(part)
        await stand.system.start(part)
    transactions = await asyncio.gather(*working)
    await account.refresh()
    for transaction, document, content in zip(transactions, documents, contents, strict=True):
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, content)


class TestRestored:
    """Admin's database was restored from a backup that is older than what the elements did since."""

    async def test_what_is_over_is_over(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "over.txt")
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "done")
        with stand.system.database() as connection:
            connection.execute(
                "UPDATE admin.transactions SET state = 'pending', step = 'hold', committed_at = NULL,"
                " revision = revision + 1 WHERE id = %s",
                (transaction["transaction_id"],),
            )
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, b"content")

    async def test_a_document_that_a_lost_transaction_holds(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "lost.txt")
        await stand.system.stop("rw-01")
        lost = await begun(account, document["file_id"])

        async def held() -> bool:
            source = await at(account, "edit-01", document["file_id"])
            return source is not None and "transfer_id" in source

        await eventually(held, "the document is not held")
        with stand.system.database() as connection:
            connection.execute("DELETE FROM admin.transactions WHERE id = %s", (lost["transaction_id"],))
        await stand.system.start("rw-01")
        transaction = await begun(account, document["file_id"])
        assert transaction["transaction_id"] != lost["transaction_id"]
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, b"content")


class TestUndone:
    async def test_as_it_was_and_may_be_finalized_anew(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "undone.txt")
        await stand.system.stop("rw-01")
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "running")
        await self.compensate(stand, transaction)
        await stand.system.start("rw-01")
        await is_in_state(account, transaction, "undone")
        await is_as_it_was(account, document)
        assert (await told(stand, transaction))[-1] == "transaction.undone"
        again = await begun(account, document["file_id"])
        assert again["transaction_id"] != transaction["transaction_id"]
        await is_in_state(account, again, "done")
        await is_finalized_once(account, document, b"content")

    async def test_not_where_the_target_has_committed_unheard(self, stand: Stand, account: Account) -> None:
        """The target died between its record and its answer: what it has is found, and kept."""
        document = await stored(account, "unheard.txt")
        stand.arm("rw-01", "log.after_flush")
        await stand.restart("rw-01")
        transaction = await begun(account, document["file_id"])
        noted = stand.pids["rw-01"]
        await eventually(lambda: stand.system.running_pid("rw-01") != noted, "the target does not die")
        stand.arm("rw-01", None)
        await stand.system.stop("rw-01")
        await self.compensate(stand, transaction)
        await stand.system.start("rw-01")
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, b"content")

    async def test_admin_killed_at_each_step_back(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "back.txt")
        stand.arm("admin", "after.refuse")
        await stand.restart("admin")
        await stand.system.stop("rw-01")
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "running")
        await self.compensate(stand, transaction)
        await stand.dies("admin", "after.withdraw")
        await stand.system.start("rw-01")
        await stand.dies("admin", None)
        await is_in_state(account, transaction, "undone")
        await is_as_it_was(account, document)

    async def compensate(self, stand: Stand, transaction: dict[str, Any]) -> None:
        """As an operator, who tries again where the transaction went on at that moment."""
        operator = await stand.system.administrator()
        url = f"{stand.system.admin_url}/api/v1/transactions/{transaction['transaction_id']}/compensate"

        async def taken() -> bool:
            answer = await operator.http.post(url)
            assert answer.status_code in (200, 409), answer.text
            return answer.status_code == 200

        await eventually(taken, "it is not undone")
