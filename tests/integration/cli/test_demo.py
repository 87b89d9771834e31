"""The demonstration tells the truth, also when something is wrong."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artstore.launcher.demo import Demo, NothingToStore, Step
from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from tests.support.secrecy.observing import heard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "north").mkdir(parents=True)
    (folder / "south").mkdir()
    (folder / "north" / "отчёт (1).txt").write_text("north", encoding="utf-8")
    (folder / "south" / "отчёт (1).txt").write_text("south", encoding="utf-8")
    (folder / ("long " * 40 + ".txt")).write_text("long", encoding="utf-8")
    (folder / "100% «sure» & a_b-c 报告.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "no\udcff utf-8.txt").write_text("name", encoding="utf-8")
    (folder / "empty.txt").touch()
    return folder


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "artstore", "demo", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    heard("errors", done.stderr)
    return done


def test_a_folder_of_mine(folder: Path, tmp_path: Path) -> None:
    finished = run(folder, "--data", tmp_path / "data", "--no-large-file")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "All 5 documents" in finished.stdout
    assert "empty.txt" in finished.stdout
    stored = list((tmp_path / "data" / "elements").rglob("*.bin"))
    assert len(stored) == 1
    assert str(stored[0].relative_to(tmp_path / "data" / "elements")) in finished.stdout
    assert stored[0].read_bytes() == bytes(range(256)) * 1000


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_nothing_to_store(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    finished = run(tmp_path / what, "--data", tmp_path / "data")
    assert finished.returncode == 2
    with pytest.raises(NothingToStore):
        Demo(System(tmp_path / "data"), tmp_path / what, Quiet()).gather()


class Quiet:
    """An audience that says nothing, and may do something before a step begins."""

    def __init__(self, before: dict[str, Callable[[], None]] | None = None) -> None:
        self._before = before or {}

    def say(self, sentence: str) -> None:
        pass

    def finished(self, step: Step) -> None:
        assert step.seconds > 0

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        self._before.get(label, lambda: None)()
        yield lambda count: None


def test_what_is_wrong_is_found(folder: Path, tmp_path: Path) -> None:
    """A document changed on disk and one that is gone: neither passes."""
    system = System(tmp_path / "data", SystemSettings(default_ports={}, durable_database=False))
    root = system.folder.element_root("rw-01")

    def spoil() -> None:
        # Stopped and started, so that the files are there and nothing is read from the log.
        system.parts["rw-01"].stop()
        spoilt = next(root.rglob("*.bin"))
        spoilt.write_bytes(b"x" + spoilt.read_bytes()[1:])
        for gone in root.rglob("long *"):
            gone.unlink()
        system.parts["rw-01"].start()

    demo = Demo(system, folder, Quiet({"fetching": spoil}), large_file=False)
    demo.gather()
    with system:
        demo.store_and_fetch()
    demo.look_on_disk()
    troubled = {
        account.source.name: account.troubles for account in demo.outcome.accounts if account.troubles
    }
    assert not demo.outcome.good
    assert any("100%" in name for name in troubled)
    assert any(name.startswith("long") for name in troubled)
    assert len(troubled) == 2
    assert any("D003" in finding for finding in demo.outcome.findings)
