"""Whatever lies in the folder, verification gives a report; and damage anywhere is found."""

import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from artstore.engine.verify import Progress, Rule, verify

FIXTURES = Path(__file__).parents[2] / "fixtures" / "format"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "clean", tmp_path / "root")
    return tmp_path / "root"


def codes(root: Path) -> set[str]:
    report = verify(root)
    for finding in report.findings:
        line = str(finding)
        line.encode()
        assert line.isprintable(), line
    return {finding.code for finding in report.findings}


def hour(root: Path) -> Path:
    return root / "files/2026/11/23/12"


def letter(root: Path) -> Path:
    return next(
        path for path in hour(root).iterdir() if path.name.startswith("letter") and path.suffix == ".txt"
    )


def bind(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def swap(path: Path, make: Callable[[Path], object]) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    make(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


IRREGULAR = [os.mkfifo, bind, loop, Path.mkdir]
"""No reading of these may block or follow."""


class TestStrangeEntries:
    @pytest.mark.parametrize("make", IRREGULAR, ids=lambda make: make.__name__)
    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ("element.json", {"O004"}),
            ("FORMAT.md", {"O004"}),
            ("wal/checkpoint.json", {"O004"}),
            ("wal/00000000000000000001.log", {"O004"}),
        ],
    )
    def test_in_place_of_a_file(
        self, root: Path, make: Callable[[Path], object], where: str, expected: set[str]
    ) -> None:
        swap(root / where, make)
        assert codes(root) >= expected
        assert codes(root) <= {*expected, "W008"}

    @pytest.mark.parametrize("make", IRREGULAR, ids=lambda make: make.__name__)
    def test_in_place_of_a_document(self, root: Path, make: Callable[[Path], object]) -> None:
        swap(letter(root), make)
        assert codes(root) == {"O004"}

    @pytest.mark.parametrize("make", IRREGULAR[:3], ids=lambda make: make.__name__)
    def test_in_place_of_attributes(self, root: Path, make: Callable[[Path], object]) -> None:
        swap(letter(root).with_name(letter(root).name + ".attr.json"), make)
        assert codes(root) == {"O004"}

    @pytest.mark.parametrize("make", [*IRREGULAR[:3], Path.touch], ids=lambda make: make.__name__)
    @pytest.mark.parametrize("folder", ["files", "staging", "wal", "quarantine"])
    def test_in_place_of_a_folder(self, root: Path, make: Callable[[Path], object], folder: str) -> None:
        swap(root / folder, make)
        assert codes(root) == {"O004"}

    @pytest.mark.parametrize("make", IRREGULAR[:3], ids=lambda make: make.__name__)
    def test_for_the_lock(self, root: Path, make: Callable[[Path], object]) -> None:
        make(root / "wal/lock")
        assert codes(root) == {"O004"}

    @pytest.mark.parametrize(
        "name",
        [b"\xff\xfe", b"line\nbreak", "bidi\u202e".encode(), b"\x1b[31m", b"x.attr.json", b".attr.json"],
    )
    def test_names(self, root: Path, name: bytes) -> None:
        (Path(os.fsdecode(os.fsencode(hour(root)) + b"/" + name))).touch()
        assert len(codes(root)) == 1

    def test_hidden_files_of_desktops(self, root: Path) -> None:
        (hour(root) / ".DS_Store").touch()
        assert codes(root) == {"O005"}

    def test_deep_folders(self, root: Path) -> None:
        descriptor = os.open(root / "files", os.O_RDONLY)
        try:
            for _ in range(40):
                os.mkdir("d" * 200, dir_fd=descriptor)
                below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
        finally:
            os.close(descriptor)
        assert codes(root) == {"E005"}  # longer than a path may be
        shutil.rmtree(root)

    def test_lost_and_found_is_passed_over(self, root: Path) -> None:
        (root / "lost+found").mkdir()
        assert codes(root) == set()

    def test_no_element_at_all(self, tmp_path: Path) -> None:
        assert codes(tmp_path / "missing") == {"E001"}
        (tmp_path / "file").touch()
        assert codes(tmp_path / "file") == {"E001"}
        (tmp_path / "empty").mkdir()
        assert codes(tmp_path / "empty") == {"E001", "E004"}


class TestFlippedBytes:
    @pytest.mark.parametrize("where", ["files", "wal"])
    def test_one_anywhere_is_found(self, root: Path, where: str) -> None:
        chance = random.Random(where)
        for path in sorted(path for path in (root / where).rglob("*") if path.is_file()):
            whole = path.read_bytes()
            positions = range(len(whole)) if len(whole) < 100 else chance.sample(range(len(whole)), 60)
            for position in positions:
                flipped = bytearray(whole)
                flipped[position] ^= 1 << chance.randrange(8)
                path.write_bytes(flipped)
                assert codes(root), f"byte {position} of {path.name}"
            path.write_bytes(whole)
        assert codes(root) == set()

    def test_one_anywhere_among_adopted_documents_is_found(self, tmp_path: Path) -> None:
        root = tmp_path / "adopted"
        shutil.copytree(FIXTURES / "clean_adopted", root)
        chance = random.Random(2)
        apart = {root / "FORMAT.md", *(root / "files").rglob("*"), *(root / "wal").rglob("*")}
        for path in sorted(path for path in root.rglob("*") if path.is_file() and path not in apart):
            whole = path.read_bytes()
            for position in chance.sample(range(len(whole)), min(len(whole), 40)):
                flipped = bytearray(whole)
                flipped[position] ^= 1 << chance.randrange(8)
                path.write_bytes(flipped)
                assert codes(root), f"byte {position} of {path.name}"
            path.write_bytes(whole)
        assert codes(root) == set()

    def test_truncation_anywhere_is_found(self, root: Path) -> None:
        chance = random.Random(1)
        for path in [*root.glob("files/**/*.*"), *root.glob("wal/*.log")]:
            whole = path.read_bytes()
            for length in {0, 1, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(10))}:
                path.write_bytes(whole[:length])
                assert codes(root), f"{path.name} cut to {length} bytes"
            path.write_bytes(whole)
        assert codes(root) == set()


@pytest.mark.parametrize("name", ["clean", "clean_pending", "clean_adopted"])
def test_random_damage_never_stops_a_verification(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    for number in range(60):
        root = tmp_path / str(number)
        shutil.copytree(FIXTURES / name, root)
        for _ in range(chance.randint(1, 4)):
            damage(root, chance)
        codes(root)


def damage(root: Path, chance: random.Random) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    path, other = chance.choice(files), chance.choice(files)
    match chance.randrange(6):
        case 0:
            path.write_bytes(chance.randbytes(chance.randrange(300)))
        case 1:
            path.write_bytes(path.read_bytes()[: chance.randrange(200)])
        case 2:
            path.write_bytes(other.read_bytes())
        case 3:
            path.unlink()
        case 4:
            shutil.copy(path, path.with_name(f"0{path.name}"[:200]))
        case 5:
            content = bytearray(path.read_bytes() or b"\0")
            start = chance.randrange(len(content))
            content[start : start + 8] = chance.randbytes(8)
            path.write_bytes(content)


class TestProgress:
    def test_is_told_document_by_document(self, root: Path) -> None:
        told: list[Progress] = []
        report = verify(root, progress=told.append)
        assert (told[-1].documents, told[-1].bytes) == (report.documents, report.bytes) == (3, 66)
        assert told[-1].total_documents == 3
        assert [each.documents for each in told] == sorted(each.documents for each in told)


class TestPending:
    """What the log has and ``files/`` has not is no finding, whatever a crash left of it there."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        shutil.copytree(FIXTURES / "clean_pending", tmp_path / "root")
        return tmp_path / "root"

    def test_any_state_of_what_is_not_followed(self, root: Path) -> None:
        for path in sorted(hour(root).iterdir()):
            if path.name.startswith(("late", "отчёт")):  # put, deleted
                whole = path.read_bytes()
                path.write_bytes(b"")
                assert codes(root) == set()
                path.unlink()
                assert codes(root) == set()
                path.write_bytes(whole)

    def test_staged_bytes_may_be_moved_already(self, root: Path) -> None:
        (staged,) = (root / "staging").iterdir()
        staged.rename(hour(root) / "large_billing_20261123T120102_01a20847-f189-7000-8000-000000000006.bin")
        assert codes(root) == set()

    def test_staged_bytes_are_compared(self, root: Path) -> None:
        (staged,) = (root / "staging").iterdir()
        staged.write_bytes(staged.read_bytes()[::-1])
        assert codes(root) == {"D003"}
        staged.write_bytes(b"")
        assert codes(root) == {"D002"}

    def test_updated_documents_keep_their_bytes(self, root: Path) -> None:
        path = letter(root)
        path.with_name(path.name + ".attr.json").write_bytes(b"")  # its replacement was not flushed
        assert codes(root) == set()
        path.unlink()
        assert codes(root) == {"D001"}

    def test_without_a_checkpoint_everything_is_pending(self, root: Path) -> None:
        (root / "wal/checkpoint.json").unlink()
        report = verify(root)
        assert report.findings == []
        assert report.pending == 10


def test_rules_about_files_hold_for_what_was_followed(root: Path) -> None:
    for path in hour(root).iterdir():
        path.unlink()
    assert codes(root) == {Rule.W011.code}
