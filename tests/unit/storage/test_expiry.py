"""What an element removes, whatever comes between the report and the removal; the index and Admin are played."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.attributes import FileAttributes, FileId, LegalHold, RetentionPolicy
from artstore.engine import Engine, Mode, NotFound
from artstore.kernel.database import DatabaseDown
from artstore.kernel.peers import AdminAway
from artstore.kernel.problems import Problem
from artstore.storage.retention.expiry import BATCH, Expiry
from artstore.storage.retention.extension import extended
from artstore.wire.audit import ExpiryReport
from artstore.wire.problems import ProblemType
from tests.support.engines import IN_MEMORY, describe, options_of, store

START = datetime.now(UTC)
AFTER = START + timedelta(days=2)
"""When documents of a day are over."""


class Played:
    """An engine, an index that says of every document that it has expired, and Admin."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.reported: list[UUID] = []
        self.between: Callable[[], Awaitable[None]] | None = None
        self.away: Exception | None = None
        self.now = AFTER
        self.expiry = Expiry(lambda: engine, self.find, self.report, every=1, now=lambda: self.now)

    async def store(self, **fields: Any) -> FileAttributes:
        told: dict[str, Any] = {"retention_policy": RetentionPolicy.TEMPORARY, "ttl_days": 1, **fields}
        return await store(self.engine, **told)

    async def find(
        self, *, until: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> list[tuple[str, UUID]]:
        assert until == self.now
        places = sorted(
            [
                (str(each.expires_at), each.file_id)
                async for each in self.engine.scan()
                if each.legal_hold is None and each.expires_at is not None
            ]
        )
        return [place for place in places if after is None or place > after][:limit]

    async def report(self, report: ExpiryReport) -> None:
        if self.away is not None:
            raise self.away
        assert report.at == self.now
        self.reported += [document.file_id for document in report.documents]
        if self.between is not None:
            await self.between()

    async def is_there(self, document: FileAttributes) -> bool:
        try:
            await self.engine.attributes(FileId(document.file_id))
        except NotFound:
            return False
        return True


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = await Engine.open(tmp_path, options_of())
    yield engine
    await engine.close()


@pytest.fixture
def played(engine: Engine) -> Played:
    return Played(engine)


class TestRun:
    async def test_removes_what_is_over_and_reports_it_first(self, played: Played) -> None:
        over = [await played.store() for _ in range(3)]
        later, lasting = await played.store(ttl_days=3), await played.store(ttl_days=None)

        async def all_are_there() -> None:
            assert all([await played.is_there(document) for document in over])

        played.between = all_are_there
        await played.expiry.run_once()
        assert sorted(played.reported) == sorted(document.file_id for document in over)
        assert not any([await played.is_there(document) for document in over])
        assert await played.is_there(later)
        assert await played.is_there(lasting)

    async def test_in_batches(self, played: Played) -> None:
        await asyncio.gather(*(played.store() for _ in range(2 * BATCH + 1)))
        sizes: list[int] = []

        async def count() -> None:
            sizes.append(len(played.reported) - sum(sizes))

        played.between = count
        await played.expiry.run_once()
        assert sizes == [BATCH, BATCH, 1]
        assert played.engine.capacity().documents == 0

    async def test_gets_past_what_moves(self, played: Played) -> None:
        moving = [await played.store() for _ in range(BATCH + 1)]
        for document in moving:
            await played.engine.update(
                FileId(document.file_id), lambda found: found.changed(transfer_id=uuid4())
            )
        last = await played.store()
        await played.expiry.run_once()
        assert played.reported == [last.file_id]
        assert played.engine.capacity().documents == len(moving)

    async def test_removes_nothing_where_nothing_is_deleted(self, tmp_path: Path) -> None:
        engine = await Engine.open(tmp_path, options_of(mode=Mode.RW))
        try:
            played = Played(engine)
            document = await played.store()
            await played.expiry.run_once()
            assert played.reported == []
            assert await played.is_there(document)
        finally:
            await engine.close()

    @pytest.mark.parametrize(
        "failure",
        [
            AdminAway("it is gone"),
            Problem(ProblemType.INVALID_REQUEST, "The clocks differ."),
            DatabaseDown("gone"),
        ],
    )
    async def test_waits_while_somebody_is_away(self, played: Played, failure: Exception) -> None:
        document = await played.store()
        played.away = failure
        await played.expiry.run_once()
        assert await played.is_there(document)
        assert played.expiry.reason() is None  # not for long yet
        played.away = None
        await played.expiry.run_once()
        assert not await played.is_there(document)
        assert played.expiry.status.failing_since is None

    async def test_says_so_after_an_hour(self, played: Played) -> None:
        await played.store()
        played.away = AdminAway("it is gone")
        await played.expiry.run_once()
        assert played.expiry.status.failing_since is not None
        played.expiry.status.failing_since -= 3601
        assert "it is gone" in (played.expiry.reason() or "")

    async def test_without_an_account_nothing_goes(self, engine: Engine) -> None:
        played = Played(engine)
        document = await played.store()
        expiry = Expiry(lambda: engine, played.find, None, every=1, now=lambda: AFTER)
        await expiry.run_once()
        assert await played.is_there(document)
        assert "no account" in expiry.status.reason


HOLD = LegalHold(since=START, by="legal", reason="case")


async def holds(played: Played, document: FileAttributes) -> None:
    await played.engine.update(FileId(document.file_id), lambda found: found.changed(legal_hold=HOLD))


async def extends(played: Played, document: FileAttributes) -> None:
    await played.engine.update(FileId(document.file_id), lambda found: extended(found, 365, played.now))


async def deletes(played: Played, document: FileAttributes) -> None:
    await played.engine.delete(FileId(document.file_id))


async def moves(played: Played, document: FileAttributes) -> None:
    await played.engine.update(FileId(document.file_id), lambda found: found.changed(transfer_id=uuid4()))


async def changes(played: Played, document: FileAttributes) -> None:
    await describe(played.engine, document.file_id, "changed")


ACTS = (holds, extends, deletes, moves, changes)
KEEPS = {holds, moves}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(["before", "between", "during"])), max_size=8)
)
def test_whatever_is_done_meanwhile(acts: list[tuple[Callable[..., Awaitable[None]], str]]) -> None:
    """One document for each act. What is held or moving when it is looked at under its lock stays; an extension
    that comes too late is refused; all else goes, and was reported.
    """

    async def play() -> None:
        with TemporaryDirectory(dir=IN_MEMORY) as folder:
            engine = await Engine.open(Path(folder), options_of())
            try:
                await play_in(engine)
            finally:
                await engine.close()

    async def play_in(engine: Engine) -> None:
        played = Played(engine)
        documents = [await played.store() for _ in acts]
        outcomes: dict[int, bool] = {}

        async def do(when: str) -> None:
            for number, (act, moment) in enumerate(acts):
                if moment == when:
                    await once(number, act)

        async def once(number: int, act: Callable[..., Awaitable[None]]) -> None:
            try:
                await act(played, documents[number])
                outcomes[number] = True
            except (NotFound, Problem):
                outcomes[number] = False

        during: list[asyncio.Task[None]] = []

        async def between() -> None:
            await do("between")
            during.extend(
                asyncio.create_task(once(number, act))
                for number, (act, moment) in enumerate(acts)
                if moment == "during"
            )

        await do("before")
        played.between = between
        await played.expiry.run_once()
        if not during:
            await do("during")
        await asyncio.gather(*during)
        for number, (act, _) in enumerate(acts):
            there = await played.is_there(documents[number])
            assert not (act is extends and outcomes[number])
            assert there == (act in KEEPS and outcomes[number]), (act, outcomes[number])
            if not there and act is not deletes:
                assert documents[number].file_id in played.reported

    asyncio.run(play())
