"""Recovery of a log after a crash and after damage, one kind at a time."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from artstore.engine.log.findings import FindingKind
from artstore.engine.log.header import HEADER_BYTES, element_digest
from artstore.engine.log.log import Log
from artstore.engine.log.record import FRAME, Lsn
from artstore.engine.log.recovery import recover
from tests.unit.engine.log.writing import (
    ELEMENT,
    body,
    checkpoint_at,
    cut,
    flip,
    new_log,
    recovered,
    segments,
    write_log,
)

LETTERS = [["a"], ["b", "c"], ["d"], ["e", "f"], ["g"]]
RECORD = FRAME.size + 8 + 1
"""Bytes of a record of one letter."""


def kinds(folder: Path, **position: Any) -> list[FindingKind]:
    checkpoint = checkpoint_at(**position) if position else None
    return [finding.kind for finding in recovered(folder, checkpoint)[1].findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wal"


class TestWithoutDamage:
    def test_after_a_clean_end(self, folder: Path) -> None:
        write_log(folder, LETTERS)

        texts, log = recovered(folder, checkpoint_at(7, closed=True))

        assert texts == dict(enumerate("abcdefg", 1))
        assert (log.last_lsn, log.records, log.findings) == (7, 7, [])

    def test_after_a_crash(self, folder: Path) -> None:
        write_log(folder, LETTERS, close=False)

        texts, log = recovered(folder, checkpoint_at(0))

        assert list(texts.values()) == list("abcdefg")
        assert log.findings == []

    def test_of_nothing(self, folder: Path) -> None:
        folder.mkdir()
        assert recovered(folder)[1].last_lsn == 0

    def test_of_a_log_without_records(self, folder: Path) -> None:
        write_log(folder, [])
        texts, log = recovered(folder)
        assert (texts, log.last_lsn, log.findings) == ({}, 0, [])

    def test_goes_on_where_it_ended(self, folder: Path) -> None:
        write_log(folder, LETTERS, close=False)
        for expected in (8, 9, 10):
            outcome = recover(folder, folder.parent / "q", ELEMENT, None, lambda _: None)
            log = Log(folder, ELEMENT, outcome.segments, outcome.last_lsn, 400)
            log.begin_segment()
            assert log.append([body("x")]) == expected
            log.close()
        assert "".join(recovered(folder)[0].values()) == "abcdefgxxx"

    def test_may_be_repeated(self, folder: Path) -> None:
        write_log(folder, LETTERS, close=False)
        first = recovered(folder)
        second = recovered(folder)
        assert first[0] == second[0]
        assert second[1].findings == []

    def test_of_segments_that_were_let_go(self, folder: Path) -> None:
        log = new_log(folder, 200)
        for letter in "abcdef":
            log.append([body(letter), body("x" * 50)])
        log.release(Lsn(4))
        log.close()

        texts, outcome = recovered(folder, checkpoint_at(12, closed=True))

        assert min(texts) > 1
        assert outcome.findings == []


class TestTornTail:
    def test_is_cut_and_told(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=4096, close=False)
        (path,) = segments(folder)
        end = HEADER_BYTES + 7 * RECORD
        path.write_bytes(path.read_bytes()[:end] + b"torn record" + bytes(100))

        texts, log = recovered(folder)

        assert len(texts) == 7
        (finding,) = log.findings
        assert finding.kind is FindingKind.TORN_TAIL
        assert finding.kept_as is not None
        assert (folder.parent / finding.kept_as).read_bytes() == b"torn record"
        assert path.read_bytes()[end:].strip(b"\0") == b""
        assert recovered(folder)[1].findings == []

    @pytest.mark.parametrize("missing", range(1, RECORD))
    def test_of_the_last_record(self, folder: Path, missing: int) -> None:
        write_log(folder, LETTERS, segment_bytes=4096, close=False)
        (path,) = segments(folder)
        end = HEADER_BYTES + 7 * RECORD
        data = path.read_bytes()
        path.write_bytes(data[: end - missing] + bytes(len(data) - end + missing))

        texts, log = recovered(folder)

        assert "".join(texts.values()) == "abcdef"
        assert log.last_lsn == 6
        assert [finding.kind for finding in log.findings] == [FindingKind.TORN_TAIL]

    def test_of_a_batch_that_was_written_out_of_order(self, folder: Path) -> None:
        """The disk may write the second record of a batch before the first: what is whole is kept."""
        write_log(folder, LETTERS[:4], segment_bytes=4096, close=False)
        (path,) = segments(folder)
        start = HEADER_BYTES + 4 * RECORD
        data = bytearray(path.read_bytes())
        data[start : start + RECORD] = bytes(RECORD)
        path.write_bytes(data)

        texts, log = recovered(folder)

        assert texts == {1: "a", 2: "b", 3: "c", 4: "d", 6: "f"}
        (finding,) = log.findings
        assert (finding.kind, finding.first_lsn, finding.last_lsn) == (FindingKind.TORN_TAIL, 5, 5)
        assert finding.kept_as is not None
        assert (folder.parent / finding.kept_as).read_bytes() == path.read_bytes().rstrip(b"\0")
        for _ in range(2):  # it does not become damage when the log goes on behind it
            outcome = recover(folder, folder.parent / "quarantine", ELEMENT, None, lambda _: None)
            again = Log(folder, ELEMENT, outcome.segments, outcome.last_lsn, 4096)
            again.begin_segment()
            again.append([body("x")])
            again.close()
            assert [found.kind for found in outcome.findings] == [FindingKind.TORN_TAIL]
        assert kinds(folder, lsn=6, last=8, closed=True) == [FindingKind.TORN_TAIL]

    def test_of_a_batch_that_was_durable_is_damage(self, folder: Path) -> None:
        write_log(folder, LETTERS[:4], segment_bytes=4096, close=False)
        flip(segments(folder)[0], HEADER_BYTES + 4 * RECORD + 20)
        assert kinds(folder, lsn=0, last=6) == [FindingKind.DAMAGED_RECORD, FindingKind.MISSING_RECORDS]

    def test_that_the_checkpoint_knows_as_durable_is_damage(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=4096, close=False)
        (path,) = segments(folder)
        flip(path, HEADER_BYTES + 7 * RECORD - 1)

        texts, log = recovered(folder, checkpoint_at(3, 7))

        assert "".join(texts.values()) == "abcdef"
        assert log.last_lsn == 7, "an LSN that was given is never given again"
        assert [finding.kind for finding in log.findings] == [
            FindingKind.DAMAGED_RECORD,
            FindingKind.SHORT_LOG,
        ]


class TestDamage:
    @pytest.mark.parametrize("at", range(FRAME.size + 9))
    def test_of_a_record_costs_that_record_alone(self, folder: Path, at: int) -> None:
        write_log(folder, LETTERS, segment_bytes=4096)
        (path,) = segments(folder)
        flip(path, HEADER_BYTES + 2 * RECORD + at, bit=at % 8)
        damaged = path.read_bytes()

        texts, log = recovered(folder, checkpoint_at(0, 7, closed=True))

        assert "".join(texts.values()) == "abdefg"
        damage, missing = sorted(log.findings, key=lambda finding: finding.kind)
        assert damage.kind is FindingKind.DAMAGED_RECORD
        assert (missing.kind, missing.first_lsn, missing.last_lsn) == (FindingKind.MISSING_RECORDS, 3, 3)
        assert damage.kept_as is not None
        assert (folder.parent / damage.kept_as).read_bytes() == damaged

    def test_is_told_again_and_kept_once(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=4096)
        flip(segments(folder)[0], HEADER_BYTES + 20)

        first, second = kinds(folder, lsn=0, last=7), kinds(folder, lsn=0, last=7)

        assert first == second
        assert len(list((folder.parent / "quarantine").iterdir())) == 1

    def test_that_everybody_has_passed_costs_nothing(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=4096, close=False)
        flip(segments(folder)[0], HEADER_BYTES + 20)

        assert kinds(folder, lsn=5, last=7, index=6) == [FindingKind.DAMAGED_RECORD]
        assert FindingKind.MISSING_RECORDS in kinds(folder, lsn=5, last=7, index=0)

    def test_of_one_header_copy(self, folder: Path) -> None:
        write_log(folder, LETTERS)
        flip(segments(folder)[0], 20)

        texts, log = recovered(folder)

        assert len(texts) == 7
        assert [finding.kind for finding in log.findings] == [FindingKind.DAMAGED_HEADER]

    def test_of_both_header_copies_puts_the_segment_aside(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=150)
        first = segments(folder)[1]
        flip(first, 20)
        flip(first, 84)
        data = first.read_bytes()

        texts, log = recovered(folder)

        assert texts == {1: "a", **dict(enumerate("defg", 4))}
        assert {finding.kind for finding in log.findings} == {
            FindingKind.DAMAGED_HEADER,
            FindingKind.MISSING_RECORDS,
        }
        assert not first.exists()
        assert (folder.parent / "quarantine" / f"wal-{first.name}").read_bytes() == data

    def test_a_document_that_looks_like_records_is_not_taken_for_them(self, folder: Path) -> None:
        other = folder.parent / "other"
        write_log(other, [["trap"] * 20], segment_bytes=4096)
        trap = segments(other)[0].read_bytes()[HEADER_BYTES:].rstrip(b"\0").decode("latin-1")
        write_log(folder, [["a"], [trap], ["b"]], segment_bytes=4096)
        flip(segments(folder)[0], HEADER_BYTES + RECORD + 20)

        texts, _ = recovered(folder)

        assert texts == {1: "a", 3: "b"}


class TestSegments:
    def test_one_is_missing(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=150)
        segments(folder)[1].unlink()

        texts, log = recovered(folder, checkpoint_at(0, 7, closed=True))

        assert texts == {1: "a", **dict(enumerate("defg", 4))}
        (finding,) = log.findings
        assert (finding.kind, finding.first_lsn, finding.last_lsn) == (FindingKind.MISSING_RECORDS, 2, 3)

    def test_the_first_is_missing(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=150)
        segments(folder)[0].unlink()

        assert kinds(folder, lsn=0, last=7, closed=True) == [FindingKind.MISSING_RECORDS]
        assert kinds(folder, lsn=1, last=7, closed=True) == []

    def test_the_last_is_missing(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=200)
        segments(folder)[-1].unlink()

        assert kinds(folder, lsn=0, last=7) == [FindingKind.SHORT_LOG]
        assert kinds(folder, lsn=0, last=3) == [FindingKind.SHORT_LOG], "it was trimmed, so there was another"

    def test_all_are_missing(self, folder: Path) -> None:
        folder.mkdir()

        assert kinds(folder, lsn=5, last=7) == [FindingKind.SHORT_LOG]
        assert recovered(folder, checkpoint_at(5, 7))[1].last_lsn == 7

    def test_are_read_by_their_headers_whatever_they_are_called(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=150)
        names = segments(folder)
        moved = [path.rename(path.with_suffix(".moved")) for path in names]
        for path, name in zip(moved, reversed(names), strict=True):
            path.rename(name)

        texts, log = recovered(folder)

        assert "".join(texts.values()) == "abcdefg"
        assert {finding.kind for finding in log.findings} == {FindingKind.STRAY_SEGMENT}
        again = recovered(folder)
        assert again[0] == texts

    def test_none_is_renamed_over_another(self, folder: Path) -> None:
        """Of two copies of a segment one is torn, and a third file has their name."""
        write_log(folder, LETTERS, segment_bytes=150)
        before = segments(folder)
        shutil.copy(before[1], folder / f"{98:020d}.log")
        shutil.copy(before[1], torn := folder / f"{99:020d}.log")
        cut(torn, HEADER_BYTES + 5)
        before[2].rename(before[1])

        for _ in range(3):
            assert "".join(recovered(folder)[0].values()) == "abcdefg"
            assert len(segments(folder)) == len(before) + 1

    def test_a_copy_adds_nothing(self, folder: Path) -> None:
        write_log(folder, LETTERS, segment_bytes=150)
        shutil.copy(segments(folder)[0], folder / f"{99:020d}.log")

        texts, log = recovered(folder)

        assert "".join(texts.values()) == "abcdefg"
        assert log.last_lsn == 7
        assert FindingKind.STRAY_SEGMENT in {finding.kind for finding in log.findings}

    def test_of_another_element_are_put_aside(self, folder: Path) -> None:
        write_log(folder, LETTERS)

        outcome = recover(folder, folder.parent / "quarantine", element_digest("other"), None, lambda _: None)

        assert [finding.kind for finding in outcome.findings] == [FindingKind.STRAY_SEGMENT] * len(
            LETTERS[:1]
        )
        assert segments(folder) == []

    @pytest.mark.parametrize("size", [0, 50, HEADER_BYTES, HEADER_BYTES + 10, HEADER_BYTES + RECORD])
    def test_cut_short_from_outside(self, folder: Path, size: int) -> None:
        write_log(folder, LETTERS, segment_bytes=4096, close=False)
        cut(segments(folder)[0], size)

        assert kinds(folder, lsn=0)
