"""Whether an index that is opened can follow the log, or must be built from the files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from artstore.engine import Engine
from artstore.kernel.database import Database, DatabaseDown
from artstore.storage.following import TargetAway
from artstore.storage.index.follower import IndexTarget
from artstore.storage.index.rebuild import Rebuild
from artstore.storage.index.repository import IndexRepository, IndexState
from artstore.storage.index.writer import IndexWriter
from tests.support.engines import options_of, store


class EmptyTables:
    """The tables of an index that nothing was written to before."""

    def __init__(self, engine: Engine) -> None:
        self.state = IndexState(engine.element.id, engine.element.created_at, 0, 0, 0, None, True)
        self.rebuild = 0
        self.rebuilt_from: list[int] = []

    async def load(self, **_: object) -> tuple[IndexState, bool]:
        return self.state, True

    async def begin_rebuild(self, from_lsn: int) -> None:
        self.rebuilt_from.append(from_lsn)


async def migrate() -> None:
    """There are no tables to be made."""


def target_of(engine: Engine) -> tuple[IndexTarget, EmptyTables]:
    tables = EmptyTables(engine)
    writer = cast(IndexWriter, tables)
    return IndexTarget(engine, writer, Rebuild(engine, writer), migrate), tables


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = await Engine.open(tmp_path, options_of(followers=(IndexTarget.name,)))
    yield engine
    await engine.close()


async def test_what_was_stored_before_the_index_could_be_opened_is_in_the_log(engine: Engine) -> None:
    """PostgreSQL may come later than the first documents of an element: no reason to refuse listings."""
    target, tables = target_of(engine)
    await store(engine)
    assert await target.open() == 0
    assert tables.rebuilt_from == []


async def test_what_the_element_had_when_it_was_opened_may_be_older_than_the_log(engine: Engine) -> None:
    await store(engine)
    target, tables = target_of(engine)
    await target.open()
    assert len(tables.rebuilt_from) == 1


class OneRow:
    """The table of the state, in a PostgreSQL that goes away once the row is there."""

    def __init__(self) -> None:
        self.kept: list[IndexState] = []

    @asynccontextmanager
    async def write(self) -> AsyncIterator[None]:
        yield

    async def states(self, _: object) -> list[IndexState]:
        return self.kept

    async def create_state(self, _: object, state: IndexState) -> None:
        self.kept.append(state)

    async def begin_rebuild(self, *_: object, **__: object) -> IndexState:
        raise DatabaseDown("gone")


async def test_a_rebuild_that_was_not_begun_for_a_failure_is_not_forgotten(engine: Engine) -> None:
    """What the index says meanwhile is not complete either."""
    await store(engine)
    row = OneRow()
    writer = IndexWriter(engine, cast(Database, row), cast(IndexRepository, row))
    with pytest.raises(TargetAway):
        await IndexTarget(engine, writer, Rebuild(engine, writer), migrate).open()
    assert not row.kept[0].complete
    writer = IndexWriter(engine, cast(Database, row), cast(IndexRepository, row))
    rebuild = Rebuild(engine, writer)
    await IndexTarget(engine, writer, rebuild, migrate).open()
    assert rebuild.is_running
