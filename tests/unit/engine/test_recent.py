"""The latest changes in memory: what the log says, or nothing."""

import asyncio
from datetime import UTC, datetime

from artstore.attributes import FileId
from artstore.engine import Change, ChangeKind, Lsn, Mode
from artstore.engine.changes import read_changes
from artstore.engine.recent import Recent
from tests.support.engines import describe, store
from tests.unit.engine.conftest import OpenElement

AT = datetime(2026, 1, 1, tzinfo=UTC)


def recent(*lsns: int) -> Recent:
    made = Recent()
    for lsn in lsns:
        made.add(Change(Lsn(lsn), ChangeKind.MODE, AT, mode=Mode.RO))
    return made


def given(changes: Recent, after: int, limit: int = 100) -> list[int] | None:
    found = changes.after(Lsn(after), limit)
    return None if found is None else [change.lsn for change in found]


def test_gives_what_comes_next() -> None:
    changes = recent(5, 6, 7, 8)
    assert given(changes, 4) == [5, 6, 7, 8]
    assert given(changes, 5, limit=2) == [6, 7]
    assert given(changes, 8) == []


def test_says_nothing_of_what_it_does_not_know() -> None:
    assert given(recent(), 0) is None
    assert given(recent(5, 6), 3) is None
    assert given(recent(5, 6), 7) is None


def test_keeps_no_gap() -> None:
    changes = recent(5, 6, 9)
    assert given(changes, 5) is None
    assert given(changes, 8) == [9]


def test_forgets_the_oldest() -> None:
    changes = recent(*range(1, 3001))
    assert given(changes, 0) is None
    assert given(changes, 2998) == [2999, 3000]


async def test_what_the_engine_remembers_is_what_the_log_says(open_element: OpenElement) -> None:
    engine = await open_element()
    first, second, *_ = await asyncio.gather(*(store(engine) for _ in range(20)))
    await describe(engine, first.file_id, "new")
    await engine.delete(FileId(second.file_id))
    assert engine._recent.after(Lsn(0), 100) == read_changes(engine._log, Lsn(0), 100)
