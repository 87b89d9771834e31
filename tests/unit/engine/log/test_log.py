"""The open log: batches, segments, reading, letting go, and what happens when the disk refuses."""

import threading
from pathlib import Path

import pytest

from artstore.engine.errors import Damaged, LogFailed
from artstore.engine.log.header import HEADER_BYTES
from artstore.engine.log.log import Log
from artstore.engine.log.record import Lsn, ModeChange, Record
from artstore.engine.log.segment import Released
from tests.unit.engine.log.writing import body, flip, new_log, recovered, segments


def texts(records: list[Record]) -> list[str]:
    found = []
    for record in records:
        entry = record.entry()
        assert isinstance(entry, ModeChange)
        found.append(entry.mode)
    return found


class TestAppend:
    def test_counts_on_and_flushes_once_for_a_batch(self, tmp_path: Path) -> None:
        log = new_log(tmp_path / "wal")

        assert log.append([body("a"), body("b"), body("c")]) == 1
        assert log.append([body("d")]) == 4

        assert log.durable_lsn == 4
        assert log.flushes == 2
        assert [record.begins_batch for record in log.read_after(Lsn(0), 10, 1000)] == [
            True,
            False,
            False,
            True,
        ]
        log.close()

    def test_begins_a_segment_when_one_is_full(self, tmp_path: Path) -> None:
        folder = tmp_path / "wal"
        log = new_log(folder, segment_bytes=300)
        for number in range(20):
            log.append([body(f"record {number}")])

        assert len(segments(folder)) > 3
        assert [path.name for path in segments(folder)] == [
            f"{segment.first_lsn:020d}.log" for segment in log.segments()
        ]
        assert texts(log.read_after(Lsn(0), 100, 10_000)) == [f"record {number}" for number in range(20)]
        log.close()
        assert recovered(folder)[1].findings == []

    def test_takes_a_batch_that_is_larger_than_a_segment(self, tmp_path: Path) -> None:
        folder = tmp_path / "wal"
        log = new_log(folder, segment_bytes=200)

        log.append([body("x" * 150) for _ in range(3)])
        log.append([body("y")])

        assert [segment.first_lsn for segment in log.segments()] == [1, 4]
        log.close()
        assert len(recovered(folder)[0]) == 4

    def test_takes_more_buffers_than_one_call_can(self, tmp_path: Path) -> None:
        log = new_log(tmp_path / "wal", segment_bytes=1 << 20)

        log.append([body(str(number)) for number in range(2500)])

        assert texts(log.read_after(Lsn(2498), 10, 1000)) == ["2498", "2499"]
        log.close()


class TestRead:
    def test_within_limits_but_at_least_one(self, tmp_path: Path) -> None:
        log = new_log(tmp_path / "wal")
        log.append([body("x" * 100) for _ in range(5)])

        assert len(log.read_after(Lsn(0), 3, 10_000)) == 3
        assert len(log.read_after(Lsn(0), 10, 300)) == 2
        assert len(log.read_after(Lsn(4), 10, 1)) == 1
        assert log.read_after(Lsn(5), 10, 1000) == []
        assert log.read(Lsn(2)).lsn == 2
        log.close()

    def test_never_gives_what_is_damaged(self, tmp_path: Path) -> None:
        folder = tmp_path / "wal"
        log = new_log(folder)
        log.append([body("abc")])
        flip(segments(folder)[0], HEADER_BYTES + 20)

        with pytest.raises(Damaged):
            log.read(Lsn(1))
        log.close()

    def test_waits_for_what_is_not_there_yet(self, tmp_path: Path) -> None:
        log = new_log(tmp_path / "wal")
        assert not log.wait_beyond(Lsn(0), 0.0)
        waited = []
        waiting = threading.Thread(target=lambda: waited.append(log.wait_beyond(Lsn(0), 30.0)))
        waiting.start()

        log.append([body("a")])
        waiting.join()

        assert waited == [True]
        log.close()


class TestRelease:
    def log_of_segments(self, folder: Path) -> Log:
        log = new_log(folder, segment_bytes=200)
        for _ in range(5):
            log.append([body("x" * 60)])
        assert [segment.first_lsn for segment in log.segments()] == [1, 2, 3, 4, 5]
        return log

    def test_removes_what_everybody_has(self, tmp_path: Path) -> None:
        folder = tmp_path / "wal"
        log = self.log_of_segments(folder)

        assert len(log.release(Lsn(3))) == 3

        assert log.first_lsn == 4
        assert [path.name for path in segments(folder)] == [f"{4:020d}.log", f"{5:020d}.log"]
        with pytest.raises(Released):
            log.read_after(Lsn(2), 10, 1000)
        with pytest.raises(Released):
            log.read(Lsn(3))
        assert len(log.read_after(Lsn(3), 10, 1000)) == 2
        log.close()

    def test_keeps_the_last_segment(self, tmp_path: Path) -> None:
        log = self.log_of_segments(tmp_path / "wal")

        log.release(Lsn(100))

        assert log.first_lsn == 5
        log.close()

    def test_tells_how_much_is_not_followed(self, tmp_path: Path) -> None:
        log = self.log_of_segments(tmp_path / "wal")
        one = log.read(Lsn(1)).size

        assert [log.bytes_after(Lsn(lsn)) for lsn in range(6)] == [one * (5 - lsn) for lsn in range(6)]
        log.close()

    def test_leaves_a_reader_in_peace(self, tmp_path: Path) -> None:
        log = self.log_of_segments(tmp_path / "wal")
        segment = log.segments()[0]
        with segment:
            log.release(Lsn(1))
            assert not segment.path.exists()
        with pytest.raises(Released):
            segment.read(Lsn(1))
        log.close()


class TestFailure:
    def test_a_failed_log_takes_nothing_and_can_be_read(self, tmp_path: Path) -> None:
        log = new_log(tmp_path / "wal")
        log.append([body("a")])

        log.fail("the disk is gone")
        log.fail("something else")

        with pytest.raises(LogFailed, match="the disk is gone"):
            log.append([body("b")])
        assert texts(log.read_after(Lsn(0), 10, 1000)) == ["a"]
        log.close()
