"""Logs for tests, written by the real log, without an engine."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from artstore.engine.log.checkpoint import Checkpoint
from artstore.engine.log.header import element_digest
from artstore.engine.log.log import Log
from artstore.engine.log.record import Kind, Lsn, ModeChange, Record, encode_body
from artstore.engine.log.recovery import RecoveredLog, recover

ELEMENT = element_digest("el")


def new_log(folder: Path, segment_bytes: int = 4096) -> Log:
    folder.mkdir(exist_ok=True)
    log = Log(folder, ELEMENT, [], Lsn(0), segment_bytes)
    log.begin_segment()
    return log


def body(text: str) -> tuple[Kind, list[bytes | bytearray | memoryview]]:
    """A record that carries ``text`` through recovery."""
    return Kind.MODE, encode_body(ModeChange(text, 0))


def write_log(folder: Path, batches: list[list[str]], segment_bytes: int = 400, *, close: bool = True) -> Lsn:
    """Writes batches of records and closes the log, or leaves it as a crash would."""
    log = new_log(folder, segment_bytes)
    for batch in batches:
        log.append([body(text) for text in batch])
    last = log.durable_lsn
    if close:
        log.give_back_room()
    log.close()
    return last


@dataclass
class Recovered:
    texts: dict[int, str] = field(default_factory=dict)
    outcome: RecoveredLog | None = None

    def take(self, record: Record) -> None:
        entry = record.entry()
        assert isinstance(entry, ModeChange)
        assert record.lsn not in self.texts, "given twice"
        assert not self.texts or record.lsn > max(self.texts), "out of order"
        self.texts[record.lsn] = entry.mode


def recovered(folder: Path, checkpoint: Checkpoint | None = None) -> tuple[dict[int, str], RecoveredLog]:
    """What recovery gives; the segments are closed again."""
    found = Recovered()
    outcome = recover(folder, folder.parent / "quarantine", ELEMENT, checkpoint, found.take)
    for segment in outcome.segments:
        segment.release()
    return found.texts, outcome


def checkpoint_at(lsn: int, last: int | None = None, *, closed: bool = False, **followers: int) -> Checkpoint:
    positions = {name: Lsn(position) for name, position in followers.items()}
    return Checkpoint("el", Lsn(lsn), Lsn(lsn if last is None else last), 0, 0, closed, positions)


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes((byte ^ 1 << bit,)))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)
