"""What the scrub remembers survives being cut, damaged and rewritten."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.engine.checked_lines import decode_line
from artstore.engine.scrub.findings import ScrubFinding
from artstore.engine.scrub.journal import FolderRecord, Journal, Within
from artstore.engine.verify import Rule
from tests.support.engines import IN_MEMORY

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - the zone is given below
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12)
RECORDS = st.builds(FolderRecord, TIMES, st.dictionaries(NAMES, TIMES | st.none(), max_size=3))
FOLDERS = st.dictionaries(NAMES, RECORDS, max_size=6)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        yield Path(folder) / "scrub"


def fresh(folder: Path) -> Journal:
    (folder / "journal.jsonl").unlink(missing_ok=True)
    return Journal(folder / "journal.jsonl")


def finding(path: str = "files/x") -> ScrubFinding:
    return ScrubFinding.of(Rule.D003, path, "other", file_id="1", kept_as="quarantine/x")


FOUND = finding()
unhurried = settings(deadline=None, max_examples=60)


@unhurried
@given(FOLDERS, FOLDERS)
def test_is_the_same_after_reading_it_again(
    folder: Path, first: dict[str, FolderRecord], second: dict[str, FolderRecord]
) -> None:
    journal = fresh(folder)
    for records in (first, second):
        journal.begin(NOW)
        for name, record in records.items():
            journal.folder_done(name, record, 3, 500)
        journal.found(FOUND)
        journal.end(NOW, 0)
        journal.flush()
        assert journal.folders == records
        read = Journal(folder / "journal.jsonl")
        assert (read.folders, read.last, read.current) == (journal.folders, journal.last, None)
        journal.rewrite()
        read = Journal(folder / "journal.jsonl")
        assert (read.folders, read.current) == (journal.folders, None)
        assert read.last is not None
        assert read.last.findings == [FOUND]
        assert read.last.documents == 3 * len(records)


@unhurried
@given(FOLDERS, st.data())
def test_a_torn_end_costs_what_was_noted_last(
    folder: Path, records: dict[str, FolderRecord], data: st.DataObject
) -> None:
    journal = fresh(folder)
    journal.begin(NOW)
    for name, record in records.items():
        journal.folder_done(name, record, 1, 1)
    journal.reached(Within("f", NOW, "a", 1, 2))
    journal.flush()
    path = folder / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    torn = Journal(folder / "journal.jsonl")
    assert torn.folders.items() <= records.items()
    torn.begin(NOW)
    torn.folder_done("added", FolderRecord(NOW), 1, 1)
    torn.flush()
    assert Journal(folder / "journal.jsonl").folders == {**torn.folders, "added": FolderRecord(NOW)}


@unhurried
@given(FOLDERS, st.data())
def test_a_changed_byte_is_seen(folder: Path, records: dict[str, FolderRecord], data: st.DataObject) -> None:
    journal = fresh(folder)
    journal.begin(NOW)
    for name, record in records.items():
        journal.folder_done(name, record, 1, 1)
    journal.flush()
    path = folder / "journal.jsonl"
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    assert Journal(folder / "journal.jsonl").folders.items() <= records.items()


@given(st.binary(max_size=200))
def test_takes_any_bytes(data: bytes) -> None:
    assert decode_line(data) is None


def test_what_a_pass_did_not_see_is_forgotten_unless_it_was_unsure(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for unsure, seen in ((0, ["a", "b"]), (1, ["a"]), (0, ["a"])):
        journal.begin(NOW)
        for name in seen:
            journal.folder_done(name, FolderRecord(NOW), 1, 1)
        journal.end(NOW + timedelta(hours=1), unsure)
        journal.rewrite()
        expected = {"a", "b"} if unsure else set(seen)
        assert journal.folders.keys() == Journal(tmp_path / "journal.jsonl").folders.keys() == expected
    assert journal.last is not None
    assert journal.last.number == 3


def test_keeps_a_bounded_number_of_findings(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.begin(NOW)
    for number in range(10_050):
        journal.found(finding(str(number)))
    assert journal.current is not None
    assert (len(journal.current.findings), journal.current.findings_count) == (10_000, 10_050)
