"""Damage of every sort to a log: never a crash, never a wrong record, never a silent loss."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.engine.log.header import HEADER_BYTES, decode_header
from artstore.engine.log.scan import Found, scan_segment
from tests.support.engines import IN_MEMORY
from tests.unit.engine.log.writing import checkpoint_at, flip, recovered, segments, write_log

BATCHES = [
    [f"{batch}.{number}" + "x" * (7 * batch) for number in range(batch % 3 + 1)] for batch in range(12)
]
TEXTS = dict(enumerate([text for batch in BATCHES for text in batch], 1))
SEGMENT_BYTES = 400


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of several segments as a crash leaves it: the last one with room behind its records."""
    folder = tmp_path_factory.mktemp("original") / "wal"
    write_log(folder, BATCHES, SEGMENT_BYTES, close=False)
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as temporary:
        yield Path(temporary) / "wal"


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, float, float, int]]:
    """What is done, to which file, where, and which bit or how much; places are parts of the whole."""
    part = st.floats(0, 1, exclude_max=True)
    sort = st.sampled_from(["flip", "cut", "zero", "noise", "remove", "swap", "copy", "extend", "shift"])
    return draw(st.lists(st.tuples(sort, part, part, st.integers(0, 255)), min_size=1, max_size=3))


def do(folder: Path, sort: str, which: float, where: float, amount: int) -> None:
    paths = segments(folder)
    if not paths:
        return
    path = paths[int(which * len(paths))]
    data = bytearray(path.read_bytes())
    at = int(where * len(data)) if data else 0
    end = min(len(data), at + amount + 1)
    noise = random.Random(f"{where} {amount}").randbytes  # the same each time
    match sort:
        case "flip" if data:
            data[at] ^= 1 << amount % 8
        case "cut":
            del data[at:]
        case "zero":
            data[at:end] = bytes(end - at)
        case "noise":
            data[at:end] = noise(end - at)
        case "extend":
            data += noise(amount + 1)
        case "shift":
            data[at:at] = noise(amount % 16 + 1)
        case "remove":
            path.unlink()
            return
        case "swap":
            other = paths[amount % len(paths)]
            data, theirs = bytearray(other.read_bytes()), bytes(data)
            other.write_bytes(theirs)
        case "copy":
            paths[amount % len(paths)].write_bytes(data)
            return
    path.write_bytes(data)


def check(folder: Path, last_known: int) -> None:
    """Whatever was done to the log: what is given was written, and what is not given is told."""
    before = [path.read_bytes() for path in segments(folder)]
    texts, log = recovered(folder, checkpoint_at(0, last_known))
    assert texts.items() <= TEXTS.items(), "a record that was never written"
    if texts != TEXTS and not is_as_if_unwritten(before, texts, last_known):
        assert log.findings, "a silent loss"
    assert log.last_lsn >= max([last_known, *texts])
    again, repeated = recovered(folder, checkpoint_at(0, last_known))
    assert again == texts, "recovery does not come to the same again"
    assert repeated.last_lsn == log.last_lsn
    left = b"".join(
        path.read_bytes() for path in [*segments(folder), *(folder.parent / "quarantine").glob("*")]
    )
    for data in before:
        assert is_in_two_parts(data.rstrip(b"\0"), left), "bytes are gone that were not put aside"


def is_as_if_unwritten(before: list[bytes], texts: dict[int, str], last_known: int) -> bool:
    """Whether only the last records are gone, for the zeros of room, and nobody was told that they are durable.

    A crash before the flush of what was written last leaves the same. A segment that was cut is too short for it,
    and one in which anything but zeros follows tells of what was there.
    """
    if [*texts] != [*range(1, len(texts) + 1)] or len(texts) < last_known:
        return False
    pieces = [(header, data) for data in before if (header := decode_header(data)[0]) is not None]
    last, data = max(pieces, key=lambda piece: (piece[0].first_lsn, len(piece[1])), default=(None, b""))
    if last is None or len(data) < last.room:
        return False
    items = scan_segment(data, last.first_lsn, last.salt)
    ends = [item.offset + item.record.size for item in items if isinstance(item, Found)]
    return not data[max(ends, default=HEADER_BYTES) :].strip(b"\0")


def is_in_two_parts(data: bytes, haystack: bytes) -> bool:
    """Whether a beginning of ``data`` and the rest behind it (a tail that was cut off) are both there."""
    low, high = 0, len(data)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if data[:middle] in haystack else (low, middle - 1)
    return data[low:].strip(b"\0") in haystack


@settings(max_examples=300, deadline=None)
@given(damages(), st.integers(0, len(TEXTS)))
def test_any_damage(original: Path, done: list[tuple[str, float, float, int]], last_known: int) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as temporary:
        folder = Path(temporary) / "wal"
        shutil.copytree(original, folder)
        for sort, which, where, amount in done:
            do(folder, sort, which, where, amount)
        check(folder, last_known)


def test_a_zeroed_end_is_a_loss_where_somebody_was_told_of_it(original: Path, folder: Path) -> None:
    last = segments(original)[-1]
    data = last.read_bytes()
    header, _ = decode_header(data)
    assert header is not None
    *_, gone = (each for each in scan_segment(data, header.first_lsn, header.salt) if isinstance(each, Found))
    for last_known, is_told in ((gone.record.lsn - 1, False), (gone.record.lsn, True)):
        shutil.copytree(original, folder)
        (folder / last.name).write_bytes(data[: gone.offset].ljust(len(data), b"\0"))
        texts, log = recovered(folder, checkpoint_at(0, last_known))
        assert texts == {lsn: text for lsn, text in TEXTS.items() if lsn < gone.record.lsn}
        assert bool(log.findings) is is_told
        shutil.rmtree(folder)


def test_every_truncation_of_the_last_segment(original: Path, folder: Path) -> None:
    size = segments(original)[-1].stat().st_size
    for end in range(size):
        shutil.copytree(original, folder)
        os.truncate(segments(folder)[-1], end)
        texts, log = recovered(folder, checkpoint_at(0))
        assert texts.items() <= TEXTS.items()
        assert log.findings, "a cut log says so, wherever it was cut"
        shutil.rmtree(folder)


def test_a_flipped_bit_of_every_byte(original: Path, folder: Path) -> None:
    for number, path in enumerate(segments(original)):
        data = path.read_bytes()
        for at in range(len(data.rstrip(b"\0"))):
            shutil.copytree(original, folder)
            flip(folder / path.name, at, at % 8)
            texts, log = recovered(folder, checkpoint_at(0))
            assert texts.items() <= TEXTS.items()
            assert log.findings, f"byte {at} of segment {number} was flipped and nobody noticed"
            assert len(TEXTS) - len(texts) <= 1, "one flipped bit costs at most one record"
            shutil.rmtree(folder)
            shutil.rmtree(folder.parent / "quarantine", ignore_errors=True)


@given(st.binary(max_size=2000), st.integers(0, 2**64 - 1))
def test_scanning_noise(noise: bytes, first_lsn: int) -> None:
    for item in scan_segment(noise, first_lsn, b"saltsalt"):  # type: ignore[arg-type]
        if isinstance(item, Found):
            assert item.record.lsn >= first_lsn
        else:
            assert 0 <= item.start < item.end <= len(noise)
