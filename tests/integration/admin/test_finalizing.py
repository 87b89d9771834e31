"""The steps of finalizations and transfers on a real database, with elements that do and say what a test
needs.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from artstore.admin.preparing import prepare_tables
from artstore.admin.transactions import repository
from artstore.admin.transactions.elements import HeldByAnother, NotThere, TransferElements
from artstore.admin.transactions.failpoints import Failpoints
from artstore.admin.transactions.jobs import Jobs
from artstore.admin.transactions.moving import finalizing, transferring
from artstore.admin.transactions.progress import (
    RetryPolicy,
    StepRefused,
    TransactionRow,
    TryAgain,
    resumed,
    undoing,
)
from artstore.admin.transactions.running import Running
from artstore.attributes import new_file_id
from artstore.kernel.database import Database
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.wire.elements import Mode, RegisteredElement
from artstore.wire.transactions import NewTransaction, TransactionKind, TransactionState
from artstore.wire.transfers import Copied, Copy, Hold, Withdrawn
from tests.support.announcements import registered

SIZE = 100
SOURCE = "edit-01"


class Elements(TransferElements):
    """A source with one document, and targets: those with a name in ``edit`` keep the marks of transfers."""

    def __init__(self, *targets: str) -> None:
        self.targets = targets
        self.at_source = True
        self.mark: UUID | None = None
        self.having: set[str] = set()
        """The targets that have the document."""
        self.held: dict[str, UUID] = {}
        """The marks that it bears there."""
        self.away: set[str] = set()
        self.damaged: set[str] = set()
        """Where the document cannot be read back."""
        self.answers: list[int] = []
        """The bytes that the next calls of the target tell of, before it has all."""
        self.before_copy: Callable[[], Any] | None = None
        self.before_hold: Callable[[], Any] | None = None

    @property
    def is_free(self) -> bool:
        """Whether the source has the document, and anybody may change it there."""
        return self.at_source and self.mark is None

    async def get(self, element_id: str) -> RegisteredElement:
        self._reach(element_id)
        mode = Mode.EDIT if element_id.startswith("edit") else Mode.RW
        return registered(element_id, mode=mode)

    async def others(self, source: str) -> list[str]:
        return list(self.targets)

    async def hold(self, element_id: str, file_id: UUID, wanted: Hold) -> None:
        self._reach(element_id)
        if self.before_hold is not None:
            act, self.before_hold = self.before_hold, None
            await act()
        if not self.at_source:
            raise NotThere("no such document")
        if self.mark not in (None, wanted.transfer_id, wanted.replaces):
            raise HeldByAnother(self.mark)
        self.mark = wanted.transfer_id

    async def release(self, element_id: str, file_id: UUID, transfer_id: UUID) -> None:
        self._reach(element_id)
        if element_id != SOURCE:
            if self.held.get(element_id) == transfer_id:
                del self.held[element_id]
        elif self.mark == transfer_id:
            self.mark = None

    async def let_go(self, element_id: str, file_id: UUID, transfer_id: UUID) -> None:
        self._reach(element_id)
        if element_id != SOURCE:
            assert self.held.pop(element_id) == transfer_id
            self.having.remove(element_id)
            return
        if self.at_source and self.mark != transfer_id:
            raise StepRefused("not held by this one")
        self.at_source = False

    async def copy(self, element_id: str, file_id: UUID, wanted: Copy) -> Copied:
        self._reach(element_id)
        if element_id in self.damaged:
            raise TryAgain("it is damaged")
        if element_id == SOURCE:
            assert (self.at_source, self.mark) == (True, wanted.transfer_id)
            assert wanted.source_element_id not in (None, SOURCE)
            return Copied(received_bytes=0, document={})
        if self.before_copy is not None:
            await self.before_copy()
        if element_id in self.having and element_id.startswith("edit"):
            is_ours = self.held.get(element_id) == wanted.transfer_id
            if not is_ours and (self.at_source or element_id in self.held):
                raise StepRefused("the document is here, and this transfer did not bring it")
        if element_id not in self.having:
            if not self.at_source or self.mark != wanted.transfer_id:
                raise StepRefused("not held for this one")
            if not self.answers:
                self.having.add(element_id)
                if element_id.startswith("edit"):
                    assert wanted.source_element_id == SOURCE
                    self.held[element_id] = wanted.transfer_id
        if self.answers:
            return Copied(received_bytes=self.answers.pop(0))
        return Copied(received_bytes=SIZE, document={})

    async def withdraw(self, element_id: str, file_id: UUID) -> Withdrawn:
        self._reach(element_id)
        return Withdrawn(is_present=element_id in self.having, transfer_id=self.held.get(element_id))

    def _reach(self, element_id: str) -> None:
        if element_id in self.away:
            raise TryAgain(f"{element_id} is away")


class World:
    """Admin's part: a database, and whoever goes on with transactions."""

    def __init__(self, url: str, elements: Elements) -> None:
        self.elements = elements
        self.database = Database(url, application_name="test")
        at_once = timedelta(0)
        self.running = Running(
            self.database,
            {
                TransactionKind.FINALIZE: finalizing(self.database, elements, at_once, pause_seconds=0),
                TransactionKind.TRANSFER: transferring(self.database, elements, at_once, pause_seconds=0),
            },
            RetryPolicy(attempts=3, longest_pause_seconds=0.001),
            Failpoints(),
        )
        self.running.jobs = Jobs(self.database, SecretStr(url), self.running.go_on, at_once=1)

    async def begin(
        self,
        kind: TransactionKind = TransactionKind.FINALIZE,
        *,
        total_bytes: int = SIZE,
        file_id: UUID | None = None,
    ) -> UUID:
        target = "rw-01" if kind is TransactionKind.FINALIZE else "edit-02"
        wanted = NewTransaction(
            kind=kind,
            file_id=file_id or uuid4(),
            owner_id="owner",
            requested_by_id="owner",
            requested_by_name="owner",
            source_element_id=SOURCE,
            target_element_id=target,
            total_bytes=total_bytes,
        )
        transaction_id = new_file_id(datetime.now(UTC))
        values = {"id": transaction_id, "state": TransactionState.PENDING, "step": "hold"}
        async with self.database.write() as connection:
            assert await repository.add(connection, wanted.model_dump() | values)
        return transaction_id

    async def read(self, transaction_id: UUID) -> TransactionRow:
        async with self.database.read() as connection:
            row = await repository.by_id(connection, transaction_id)
        assert row is not None
        return row

    async def end(self, transaction_id: UUID) -> TransactionRow:
        """Until nobody has to go on with it."""
        for _ in range(100):
            await self.running.go_on(transaction_id)
            row = await self.read(transaction_id)
            if row.is_over or row.state is TransactionState.FAILED:
                return row
        raise AssertionError(f"it does not end: {row}")

    async def compensate(self, transaction_id: UUID) -> None:
        row = await self.read(transaction_id)
        async with self.database.write() as connection:
            changed = undoing(row, self.running.saga(row.kind))
            assert await repository.change(connection, changed)


@pytest.fixture(scope="module")
def template(postgres: EmbeddedPostgres) -> str:
    url = postgres.create_database("finalizing_template")
    asyncio.run(prepare_tables(SecretStr(url), None))
    return "finalizing_template"


@pytest.fixture
async def world(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[World]:
    name = f"finalizing_{secrets.token_hex(6)}"
    world = World(postgres.create_database(name, template=template), Elements("rw-01", "rw-02", "edit-02"))
    yield world
    await world.database.close()
    postgres.drop_database(name)


async def is_done_once(world: World, transaction_id: UUID, target: str) -> None:
    row = await world.end(transaction_id)
    assert row.state is TransactionState.DONE, row
    assert row.target_element_id == target
    assert world.elements.having == {target}
    assert world.elements.held == {}
    assert not world.elements.at_source


async def test_the_way_of_a_document(world: World) -> None:
    await is_done_once(world, await world.begin(), "rw-01")


class TestTransfer:
    async def test_the_way_of_a_document(self, world: World) -> None:
        """Nobody may change it at the target before the source has let go, nor after that be kept from it."""
        transaction_id = await world.begin(TransactionKind.TRANSFER)
        held: list[tuple[bool, UUID | None]] = []

        async def look() -> None:
            if world.elements.having:
                held.append((world.elements.at_source, world.elements.held.get("edit-02")))

        world.elements.before_copy = look
        await is_done_once(world, transaction_id, "edit-02")
        assert held == [(True, transaction_id)]

    async def test_undone(self, world: World) -> None:
        transaction_id = await world.begin(TransactionKind.TRANSFER)
        world.elements.answers = list(range(SIZE))

        async def compensate() -> None:
            if len(world.elements.answers) == SIZE - 3:
                await world.compensate(transaction_id)

        world.elements.before_copy = compensate
        assert (await world.end(transaction_id)).state is TransactionState.UNDONE
        assert (world.elements.at_source, world.elements.mark, world.elements.having) == (True, None, set())

    async def test_not_undone_where_the_target_has_it(self, world: World) -> None:
        transaction_id = await world.begin(TransactionKind.TRANSFER)
        world.elements.having, world.elements.held = {"edit-02"}, {"edit-02": transaction_id}
        world.elements.mark = transaction_id
        await world.compensate(transaction_id)
        await is_done_once(world, transaction_id, "edit-02")

    async def test_over_which_a_restored_database_does_not_know(self, world: World) -> None:
        world.elements.at_source, world.elements.having = False, {"edit-02"}
        await is_done_once(world, await world.begin(TransactionKind.TRANSFER), "edit-02")

    @pytest.mark.parametrize("kind", TransactionKind)
    async def test_the_copy_of_a_lost_one_goes(self, world: World, kind: TransactionKind) -> None:
        """It was brought by a transfer that nobody knows, and is held like the document at the source."""
        lost = uuid4()
        world.elements.mark, world.elements.having, world.elements.held = lost, {"edit-02"}, {"edit-02": lost}
        target = "rw-01" if kind is TransactionKind.FINALIZE else "edit-02"
        await is_done_once(world, await world.begin(kind), target)

    async def test_the_copy_of_one_that_is_known_stays(self, world: World) -> None:
        """Somebody is at work with it: what is found there is not of a lost transaction."""
        other = await world.begin(TransactionKind.TRANSFER)
        file_id = (await world.read(other)).file_id
        transaction_id = await world.begin(file_id=file_id)
        lost = uuid4()
        world.elements.mark, world.elements.having, world.elements.held = (
            lost,
            {"edit-02"},
            {"edit-02": other},
        )
        assert (await world.end(transaction_id)).state is TransactionState.FAILED
        assert (world.elements.at_source, world.elements.having) == (True, {"edit-02"})

    async def test_not_onto_another_copy(self, world: World) -> None:
        """As after one of the elements was restored: nobody knows which one is the document."""
        world.elements.having = {"edit-02"}
        row = await world.end(await world.begin(TransactionKind.TRANSFER))
        assert (row.state, row.committed_at) == (TransactionState.UNDONE, None)
        assert world.elements.is_free
        assert (world.elements.having, world.elements.held) == ({"edit-02"}, {})

    @pytest.mark.parametrize("kind", TransactionKind)
    async def test_another_copy_is_no_target_of_a_lost_one(self, world: World, kind: TransactionKind) -> None:
        """It bears no mark, and so was not brought by the one that was lost."""
        world.elements.mark, world.elements.having = uuid4(), {"edit-02"}
        row = await world.end(await world.begin(kind))
        if kind is TransactionKind.TRANSFER:
            assert (row.state, row.committed_at) == (TransactionState.UNDONE, None)
            assert world.elements.is_free
        else:
            assert (row.state, row.target_element_id) == (TransactionState.DONE, "rw-01")
            assert not world.elements.at_source
        assert "edit-02" in world.elements.having

    async def test_the_copy_of_a_lost_one_stays_where_the_source_is_damaged(self, world: World) -> None:
        """It may be the only one that is whole."""
        lost = uuid4()
        world.elements.mark, world.elements.having, world.elements.held = lost, {"edit-02"}, {"edit-02": lost}
        world.elements.damaged = {SOURCE}
        row = await world.end(await world.begin(TransactionKind.TRANSFER))
        assert row.committed_at is None
        assert world.elements.having == {"edit-02"}

    @pytest.mark.parametrize("kind", TransactionKind)
    async def test_the_mark_of_one_that_is_done(self, world: World, kind: TransactionKind) -> None:
        """It came back with an element that was restored from a backup, or with a worker that died late."""
        done = await world.begin(TransactionKind.TRANSFER)
        await is_done_once(world, done, "edit-02")
        world.elements.at_source, world.elements.mark, world.elements.having = True, done, set()
        target = "rw-01" if kind is TransactionKind.FINALIZE else "edit-02"
        file_id = (await world.read(done)).file_id
        await is_done_once(world, await world.begin(kind, file_id=file_id), target)

    async def test_the_copy_of_one_that_is_done_stays(self, world: World) -> None:
        """The element that has it was restored: the other one does not vouch for it."""
        done = await world.begin(TransactionKind.TRANSFER)
        await is_done_once(world, done, "edit-02")
        world.elements.at_source, world.elements.mark = True, uuid4()
        world.elements.held = {"edit-02": done}
        file_id = (await world.read(done)).file_id
        row = await world.end(await world.begin(file_id=file_id))
        assert (row.state, row.target_element_id) == (TransactionState.DONE, "rw-01")
        assert world.elements.having == {"edit-02", "rw-01"}

    async def test_a_late_mark_does_not_stay_when_it_is_done(self, world: World) -> None:
        """The document has come back to the element since, and a worker of the first way stood still."""
        transaction_id = await world.begin(TransactionKind.TRANSFER)

        async def done_by_another_and_come_back() -> None:
            await is_done_once(world, transaction_id, "edit-02")
            world.elements.at_source, world.elements.mark, world.elements.having = True, None, set()

        world.elements.before_hold = done_by_another_and_come_back
        await world.running.go_on(transaction_id)
        assert world.elements.mark is None


class TestRestoredDatabase:
    """Admin's is older than what the elements have done since."""

    async def test_that_begins_again_with_what_is_over(self, world: World) -> None:
        world.elements.at_source, world.elements.having = False, {"rw-01"}
        await is_done_once(world, await world.begin(), "rw-01")

    async def test_that_does_not_know_who_holds_the_document(self, world: World) -> None:
        world.elements.mark = uuid4()
        await is_done_once(world, await world.begin(), "rw-01")

    async def test_that_does_not_know_where_it_was_taken_over(self, world: World) -> None:
        world.elements.mark, world.elements.having = uuid4(), {"rw-02"}
        await is_done_once(world, await world.begin(), "rw-02")

    async def test_that_does_not_know_while_an_element_is_away(self, world: World) -> None:
        """It may have the document: nothing is copied before that is known."""
        world.elements.mark, world.elements.having, world.elements.away = uuid4(), {"rw-02"}, {"rw-02"}
        transaction_id = await world.begin()
        row = await world.end(transaction_id)
        assert row.state is TransactionState.FAILED
        assert world.elements.having == {"rw-02"}
        world.elements.away = set()
        await self.retry(world, transaction_id)
        await is_done_once(world, transaction_id, "rw-02")

    async def test_nor_who_holds_it_and_is_told_to_stop(self, world: World) -> None:
        lost = world.elements.mark = uuid4()
        transaction_id = await world.begin()
        await world.compensate(transaction_id)
        row = await world.end(transaction_id)
        assert row.state is TransactionState.UNDONE
        assert world.elements.mark == lost
        assert world.elements.having == set()

    async def retry(self, world: World, transaction_id: UUID) -> None:
        row = await world.read(transaction_id)
        async with world.database.write() as connection:
            assert await repository.change(connection, resumed(row))


class TestMeanwhile:
    async def test_undoing_does_not_wait_for_the_end_of_the_copying(self, world: World) -> None:
        transaction_id = await world.begin()
        world.elements.answers = list(range(SIZE))

        async def compensate() -> None:
            if len(world.elements.answers) == SIZE - 3:
                await world.compensate(transaction_id)

        world.elements.before_copy = compensate
        row = await world.end(transaction_id)
        assert row.state is TransactionState.UNDONE
        assert len(world.elements.answers) > SIZE - 10
        assert world.elements.having == set()
        assert world.elements.mark is None

    async def test_a_large_document_has_time_to_be_read_back(self, world: World) -> None:
        """While it is, no more bytes arrive: of a gigabyte longer than of a page."""
        gigabyte = 1 << 30
        transaction_id = await world.begin(total_bytes=gigabyte)
        world.elements.answers = [gigabyte] * 60
        row = await world.end(transaction_id)
        assert row.state is TransactionState.DONE
        assert [attempt.error for attempt in row.history if attempt.error] == []

    async def test_what_does_not_arrive_is_given_up(self, world: World) -> None:
        transaction_id = await world.begin(total_bytes=1 << 30)
        world.elements.answers = [5] * 1000
        row = await world.end(transaction_id)
        assert row.state is TransactionState.UNDONE


class TestFailed:
    """An element was away for longer than all attempts took, for its maintenance, say."""

    async def test_goes_on_by_itself_later(self, world: World) -> None:
        transaction_id = await world.begin()
        world.elements.before_copy = self.source_goes_away(world)
        row = await world.end(transaction_id)
        assert row.state is TransactionState.FAILED
        assert row.committed_at is not None
        assert row.next_at is not None
        assert row.next_at > datetime.now(UTC) + timedelta(minutes=30)
        await world.running.go_on(transaction_id)
        assert await world.read(transaction_id) == row
        await self.the_moment_comes(world, transaction_id)
        await world.running.go_on(transaction_id)
        again = await world.read(transaction_id)
        assert (again.state, len(again.history)) == (TransactionState.FAILED, len(row.history) + 1)
        assert again.next_at is not None
        assert again.next_at > row.next_at
        world.elements.before_copy, world.elements.away = None, set()
        await self.the_moment_comes(world, transaction_id)
        await world.running.go_on(transaction_id)
        assert (await world.read(transaction_id)).state is TransactionState.DONE

    async def test_what_was_refused_waits_for_an_operator(self, world: World) -> None:
        transaction_id = await world.begin()

        async def is_lost() -> None:
            if world.elements.having:
                world.elements.having, world.elements.mark = set(), None

        world.elements.before_copy = is_lost
        row = await world.end(transaction_id)
        assert (row.state, row.next_at) == (TransactionState.FAILED, None)

    @staticmethod
    def source_goes_away(world: World) -> Callable[[], Any]:
        async def when_it_was_copied() -> None:
            if world.elements.having:
                world.elements.away = {"edit-01"}

        return when_it_was_copied

    @staticmethod
    async def the_moment_comes(world: World, transaction_id: UUID) -> None:
        async with world.database.write() as connection:
            moment = "UPDATE admin.transactions SET next_at = now() - interval '1 second' WHERE id = :id"
            await connection.execute(text(moment), {"id": transaction_id})


class TestLate:
    """A worker that stood still goes on when another one has undone the transaction."""

    async def test_its_mark_does_not_stay(self, world: World) -> None:
        transaction_id = await world.begin()

        async def undone_by_another() -> None:
            await world.compensate(transaction_id)
            row = await world.end(transaction_id)
            assert row.state is TransactionState.UNDONE

        world.elements.before_hold = undone_by_another
        await world.running.go_on(transaction_id)
        assert world.elements.mark is None

    async def test_it_does_not_open_the_fence(self, world: World) -> None:
        transaction_id = await world.begin()

        async def undone_half_way() -> None:
            await world.compensate(transaction_id)
            world.elements.away = {"rw-01"}
            await world.running.go_on(transaction_id)  # the fence is closed, and the target is asked in vain
            assert (await world.read(transaction_id)).step == "withdraw"
            marks.append(world.elements.mark)
            world.elements.away = set()

        marks: list[UUID | None] = []
        world.elements.before_hold = undone_half_way
        await world.running.go_on(transaction_id)
        assert marks[0] is not None
        assert world.elements.mark in (marks[0], None), "the late mark replaced that of the undoing"
        assert (await world.end(transaction_id)).state is TransactionState.UNDONE
        assert world.elements.mark is None
