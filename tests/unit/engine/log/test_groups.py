"""Groups of records: after a crash that wrote any part of one, all of it is there or nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artstore.engine.log.findings import FindingKind
from artstore.engine.log.header import HEADER_BYTES
from artstore.engine.log.log import Log
from artstore.engine.log.record import ENDS_GROUP, FRAME, IN_GROUP, Lsn, ModeChange
from artstore.engine.log.recovery import recover
from artstore.engine.log.writer import Group, Submission, Writer

from .writing import ELEMENT, body, checkpoint_at, new_log, recovered, segments

RECORD = FRAME.size + 9
"""Of one letter."""
SMALL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wal"


@pytest.fixture
def grouped(folder: Path) -> Iterator[Log]:
    """``ab`` and a group ``cdef``, as a crash would leave it."""
    log = new_log(folder)
    log.append([body("a"), body("b")])
    log.append([body(letter) for letter in "cdef"], group=True)
    yield log
    log.close()


def texts_of(folder: Path, known: int = 0) -> str:
    return "".join(recovered(folder, checkpoint_at(0, known))[0].values())


def test_is_marked(grouped: Log) -> None:
    flags = [grouped.read(Lsn(lsn)).flags & (IN_GROUP | ENDS_GROUP) for lsn in range(1, 7)]
    assert flags == [0, 0, IN_GROUP, IN_GROUP, IN_GROUP, IN_GROUP | ENDS_GROUP]


def test_that_is_whole_counts(grouped: Log, folder: Path) -> None:
    texts, outcome = recovered(folder)
    assert "".join(texts.values()) == "abcdef"
    assert outcome.findings == []


def test_of_one_record(folder: Path) -> None:
    log = new_log(folder)
    log.append([body("a")], group=True)
    log.close()
    assert texts_of(folder) == "a"


@pytest.mark.parametrize(
    "lost", ["".join(c for n, c in enumerate("cdef") if mask >> n & 1) for mask in range(1, 16)]
)
def test_any_part_of_which_was_not_written(grouped: Log, folder: Path, lost: str) -> None:
    """The disk may write the records of a batch in any order before the power goes."""
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    for letter in lost:
        start = HEADER_BYTES + "abcdef".index(letter) * RECORD
        data[start : start + RECORD] = bytes(RECORD)
    path.write_bytes(data)

    texts, outcome = recovered(folder)

    assert "".join(texts.values()) == "ab"
    assert outcome.last_lsn == 2
    if lost != "cdef":
        (finding,) = outcome.findings
        assert finding.kind is FindingKind.TORN_TAIL
        assert not finding.kind.is_loss
    assert recovered(folder)[1].findings == []
    _goes_on(folder)


def _goes_on(folder: Path) -> None:
    """With the numbers that the group had, which is not found again."""
    outcome = recover(folder, folder.parent / "quarantine", ELEMENT, None, lambda _: None)
    log = Log(folder, ELEMENT, outcome.segments, outcome.last_lsn, 4096)
    log.begin_segment()
    assert log.append([body("x"), body("y")]) == 3
    log.close()
    assert texts_of(folder) == "abxy"


@SMALL
@given(start=st.integers(0, 4 * RECORD - 1), length=st.integers(1, 60))
def test_of_which_any_bytes_are_missing(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    folder = tmp_path_factory.mktemp("log") / "wal"
    log = new_log(folder)
    log.append([body("a"), body("b")])
    log.append([body(letter) for letter in "cdef"], group=True)
    log.close()
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    at = HEADER_BYTES + 2 * RECORD + start
    data[at : at + length] = bytes(length)
    whole = bytes(data) == path.read_bytes()
    path.write_bytes(data)
    assert texts_of(folder) == ("abcdef" if whole else "ab")


def test_of_which_a_checkpoint_tells_was_durable(grouped: Log, folder: Path) -> None:
    """What is missing of it then is damage, and what is left is kept and told."""
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + 3 * RECORD + FRAME.size] ^= 1
    path.write_bytes(data)

    texts, outcome = recovered(folder, checkpoint_at(2, 6))

    assert "".join(texts.values()) == "abcef"
    assert any(finding.kind.is_loss for finding in outcome.findings)


@pytest.mark.parametrize("hit", range(4), ids=["first", "second", "third", "last"])
@pytest.mark.parametrize("group_behind", [False, True], ids=["record", "group"])
def test_that_something_follows_was_durable(folder: Path, hit: int, group_behind: bool) -> None:
    log = new_log(folder)
    log.append([body("a"), body("b")])
    log.append([body(letter) for letter in "cdef"], group=True)
    log.append([body("g")], group=group_behind)
    log.close()
    (path,) = segments(folder)
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + (2 + hit) * RECORD + FRAME.size] ^= 1
    path.write_bytes(data)

    texts, outcome = recovered(folder)

    assert "".join(texts.values()) == "abcdefg".replace("cdef"[hit], "")
    assert any(finding.kind.is_loss for finding in outcome.findings)


def test_is_a_batch_of_its_own(folder: Path) -> None:
    """Whatever waits beside it, and however large it is."""
    log = new_log(folder)
    delivered: list[list[int | None]] = []
    writer = Writer(log, lambda batch: delivered.append([submission.lsn for submission in batch]))

    def submissions(text: str) -> list[Submission]:
        return [Submission(ModeChange(letter, 0), lambda _: None) for letter in text]

    writer.submit(submissions("a"))
    writer.submit_group(Group(submissions("bcd")))
    writer.submit(submissions("ef"))
    writer.close()
    log.close()
    assert [lsns for lsns in delivered if len(lsns) == 3] == [[2, 3, 4]]
    assert texts_of(folder) == "abcdef"
