"""A process is kept running, until it is told not to."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import cast

import pytest

from artstore.launcher.errors import CannotStart
from artstore.launcher.keeper import Keeper, Part
from artstore.launcher.process import Process, end, start_bound

PROGRAM = """
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
if pathlib.Path("broken").exists():
    sys.exit("broken")
pathlib.Path("ready").touch()
signal.sigwait([signal.SIGTERM])
"""


class Program:
    """A part that is ready once it has made a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: Process | None = None
        self.started = 0

    def start(self) -> None:
        if self.process is not None and self.process.poll() is None:
            return
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        argv = [sys.executable, "-c", PROGRAM]
        log = self.folder / "log"
        self.process = start_bound("program", argv, log=log, end_with=signal.SIGTERM, cwd=self.folder)
        self.process.wait_until(ready.exists, seconds=30)
        self.started += 1

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, [(signal.SIGTERM, 10)])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def said() -> "Queue[str]":
    return Queue()


@pytest.fixture
def keeper(program: Program, said: "Queue[str]") -> Iterator[Keeper]:
    keeper = Keeper("program", program, said.put)
    yield keeper
    keeper.close()


def heard(said: "Queue[str]", word: str) -> str:
    while word not in (message := said.get(timeout=30)):
        pass
    return message


def test_start_stop_restart(keeper: Keeper, program: Program) -> None:
    assert keeper.pid is None
    keeper.start()
    first = keeper.pid
    assert first is not None
    keeper.start()
    assert keeper.pid == first
    keeper.restart()
    assert keeper.pid not in (None, first)
    keeper.stop()
    keeper.stop()
    assert keeper.pid is None
    assert program.process is not None
    assert program.process.poll() == 0


def test_what_dies_is_started_again(keeper: Keeper, said: "Queue[str]") -> None:
    keeper.start()
    first = keeper.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert "SIGKILL" in heard(said, "ended with")
    heard(said, "runs again")
    assert keeper.pid not in (None, first)


def test_what_was_killed_on_purpose_stays_away(keeper: Keeper, said: "Queue[str]", program: Program) -> None:
    keeper.start()
    keeper.kill()
    assert keeper.pid is None
    keeper.start()
    keeper.stop()
    assert said.empty()
    assert program.started == 2


def test_a_kill_while_the_process_is_looked_at_is_no_death(said: "Queue[str]") -> None:
    """The keeper looks at its process in the very moment in which another thread kills it."""
    looked, killed = threading.Event(), threading.Event()

    class Watched:
        pid = os.getpid()

        def poll(self) -> int | None:
            if threading.current_thread() is threading.main_thread() or killed.is_set():
                return None
            looked.set()
            assert killed.wait(30)
            return -signal.SIGKILL

        def kill(self) -> None:
            killed.set()

    class Lookalike:
        process: Watched | None = None

        def start(self) -> None:
            self.process = Watched()

        def stop(self) -> None:
            self.process = None

        kill = stop

    keeper = Keeper("program", cast("Part", Lookalike()), said.put)
    keeper.start()
    assert looked.wait(30)
    keeper.kill()
    keeper.close()
    assert said.empty()


def test_a_start_that_fails_is_told_and_not_repeated(
    keeper: Keeper, said: "Queue[str]", program: Program
) -> None:
    (program.folder / "broken").touch()
    with pytest.raises(CannotStart, match=r"exit code 1\n.*\n  broken"):
        keeper.start()
    (program.folder / "broken").unlink()
    keeper.start()
    assert said.empty()


def test_a_revival_that_fails_is_tried_again(keeper: Keeper, said: "Queue[str]", program: Program) -> None:
    keeper.start()
    (program.folder / "broken").touch()
    assert keeper.pid is not None
    os.kill(keeper.pid, signal.SIGKILL)
    heard(said, "cannot start")
    (program.folder / "broken").unlink()
    heard(said, "runs again")


def test_a_process_lives_as_long_as_its_keeper_not_as_its_starter(program: Program) -> None:
    """The thread that asks for a start may end; the process is bound to the keeper's."""
    keepers: list[Keeper] = []

    def make_and_start() -> None:
        keepers.append(Keeper("program", program, lambda sentence: None))
        keepers[0].start()

    thread = threading.Thread(target=make_and_start)
    thread.start()
    thread.join()
    pid = keepers[0].pid
    keepers[0].restart()
    assert keepers[0].pid not in (None, pid)
    process = program.process
    keepers[0].close()
    assert process is not None
    assert process.poll() == 0
