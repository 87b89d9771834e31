"""Documents move while everything dies: each ends where it was to go or as it was, once, and is readable always.

Finalizations and transfers are of the same steps, and each is killed at its own. One system for the whole module. Its parts are started again by the launcher when they die; the failpoint of
the next death is armed in the environment that they are started with.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from tests.support.finalization import begun, finalize, is_in_state, stored
from tests.support.killed import Stand, at, is_as_it_was, is_finalized_once, is_moved_once
from tests.support.system import Account, eventually
from tests.support.transfers import readable, transfer_begun, transfer_is

LARGE = os.urandom(600_000)
"""Goes through staging."""


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


@pytest.mark.parametrize(
    ("part", "failpoints"),
    [
        ("admin", ["after.hold", "after.copy", "after.remove"]),
        # What was written and not flushed is there after the death of a process: the document is stored.
        ("rw-01", ["upload.staged", "log.before_flush"]),
        ("edit-01", ["log.before_flush", "log.after_flush"]),
    ],
)
async def test_killed_at_each_step(stand: Stand, account: Account, part: str, failpoints: list[str]) -> None:
    document = await stored(account, f"{part} dies.bin", LARGE, custom_attributes={"n": 1})
    begin = partial(begun, account, document["file_id"])
    transaction = await stand.begun_while_it_dies(part, failpoints, begin)
    await is_in_state(account, transaction, "done")
    await is_finalized_once(account, document, LARGE)
    assert await stand.told(transaction) == ["transaction.begun", "transaction.done"]


@pytest.mark.parametrize(
    ("part", "failpoints"),
    [
        ("admin", ["after.hold", "after.copy", "after.remove", "after.settle"]),
        ("edit-02", ["upload.staged", "log.before_flush", "log.after_flush"]),
        ("edit-01", ["log.before_flush", "log.after_flush"]),
    ],
)
async def test_a_transfer_killed_at_each_step(
    stand: Stand, account: Account, part: str, failpoints: list[str]
) -> None:
    """And whoever reads the document all the while gets it, or is told to come again."""
    document = await stored(account, f"{part} dies moving.bin", LARGE, custom_attributes={"n": 1}, tags=["a"])
    operator = await stand.system.administrator()
    begin = partial(transfer_begun, operator, document["file_id"], "edit-02")
    async with readable(account, document["file_id"], LARGE):
        transaction = await stand.begun_while_it_dies(part, failpoints, begin)
        await transfer_is(operator, transaction, "done")
    await is_moved_once(account, document, LARGE)
    assert await stand.told(transaction) == ["transaction.begun", "transaction.done"]


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


async def test_everything_dies_while_many_move(stand: Stand, account: Account) -> None:
    """Every second one is finalized, the others are transferred."""
    operator = await stand.system.administrator()
    contents = [os.urandom(1000 + 37_000 * (n % 5)) for n in range(20)]
    documents = [await stored(account, f"storm {n}.bin", content) for n, content in enumerate(contents)]
    finalized, moved = documents[::2], documents[1::2]
    working = [asyncio.create_task(begun(account, document["file_id"])) for document in finalized]
    moving = [
        asyncio.create_task(transfer_begun(operator, document["file_id"], "edit-02")) for document in moved
    ]
    for part in ("rw-01", "edit-02", "ingester", "redis", "edit-01", "postgres", "admin"):
        await stand.system.kill(part)
        await stand.system.start(part)
    finalizations, transfers = await asyncio.gather(*working), await asyncio.gather(*moving)
    await account.refresh()
    await operator.refresh()
    for transaction, document, content in zip(finalizations, finalized, contents[::2], strict=True):
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, content)
    for transaction, document, content in zip(transfers, moved, contents[1::2], strict=True):
        await transfer_is(operator, transaction, "done")
        await is_moved_once(account, document, content)


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

    async def test_a_document_that_a_lost_transfer_had_brought(self, stand: Stand, account: Account) -> None:
        """It lies in two elements, held in both; made permanent, it lies in one."""
        document = await stored(account, "lost on its way.txt")
        operator = await stand.system.administrator()
        stand.arm("admin", "before.remove")
        await stand.restart("admin")
        before = stand.pids["admin"]
        lost = await transfer_begun(operator, document["file_id"], "edit-02")
        await eventually(lambda: stand.system.running_pid("admin") != before, "Admin does not die")
        for element_id in ("edit-01", "edit-02"):
            there = await at(account, element_id, document["file_id"])
            assert there is not None
            assert there["transfer_id"] == lost["transaction_id"]
        await stand.system.stop("admin")
        with stand.system.database() as connection:
            connection.execute("DELETE FROM admin.transactions WHERE id = %s", (lost["transaction_id"],))
        stand.arm("admin", None)
        await stand.restart("admin")
        await account.refresh()
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, b"content")


class TestUndone:
    async def test_as_it_was_and_may_be_finalized_anew(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "undone.txt")
        await stand.system.stop("rw-01")
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "running")
        await stand.compensate(transaction)
        await stand.system.start("rw-01")
        await is_in_state(account, transaction, "undone")
        await is_as_it_was(account, document)
        assert (await stand.told(transaction))[-1] == "transaction.undone"
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
        # Started anew by its keeper it would be asked again, and be heard, before it is stopped.
        stand.arm("rw-01", "recovery.scanned")
        await eventually(lambda: stand.system.running_pid("rw-01") != noted, "the target does not die")
        stand.arm("rw-01", None)
        await stand.system.stop("rw-01")
        await stand.compensate(transaction)
        await stand.system.start("rw-01")
        await is_in_state(account, transaction, "done")
        await is_finalized_once(account, document, b"content")

    async def test_a_transfer(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "stays.txt")
        operator = await stand.system.administrator()
        stand.arm("edit-02", "log.before_write")
        await stand.restart("edit-02")
        transaction = await transfer_begun(operator, document["file_id"], "edit-02")
        noted = stand.pids["edit-02"]
        await eventually(lambda: stand.system.running_pid("edit-02") != noted, "the target does not die")
        stand.arm("edit-02", None)
        await stand.system.stop("edit-02")
        await transfer_is(operator, transaction, "running")
        await stand.compensate(transaction)
        await stand.system.start("edit-02")
        await transfer_is(operator, transaction, "undone")
        await is_as_it_was(account, document)
        again = await transfer_begun(operator, document["file_id"], "edit-02")
        assert again["transaction_id"] != transaction["transaction_id"]
        await transfer_is(operator, again, "done")
        await is_moved_once(account, document, b"content")

    async def test_admin_killed_at_each_step_back(self, stand: Stand, account: Account) -> None:
        document = await stored(account, "back.txt")
        stand.arm("admin", "after.refuse")
        await stand.restart("admin")
        await stand.system.stop("rw-01")
        transaction = await begun(account, document["file_id"])
        await is_in_state(account, transaction, "running")
        await stand.compensate(transaction)
        await stand.dies("admin", "after.withdraw")
        await stand.system.start("rw-01")
        await stand.dies("admin", None)
        await is_in_state(account, transaction, "undone")
        await is_as_it_was(account, document)
