"""Processes of other programs: bound to the launcher's life, found again after a crash, waited for."""

import os
import select
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from artstore.launcher.errors import CannotStart

POLL_SECONDS = 0.02
LOG_KEPT_BYTES = 16 * 1024 * 1024
"""A log larger than this is set aside (one generation) when its process is started anew."""


class Process(ABC):
    """A started process, with where its part of the log begins."""

    def __init__(self, name: str, log: Path, log_begins: int) -> None:
        self.name = name
        self.log = log
        self.log_begins = log_begins

    @property
    @abstractmethod
    def pid(self) -> int: ...

    @abstractmethod
    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""

    @abstractmethod
    def wait(self, seconds: float | None = None) -> int:
        """Waits for the exit code. Raises subprocess.TimeoutExpired."""

    @abstractmethod
    def send_signal(self, number: signal.Signals) -> None:
        """Does nothing once it has ended."""

    @abstractmethod
    def end_descriptor(self) -> int:
        """A descriptor that becomes readable when it has ended; the caller closes it."""

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, every: float = POLL_SECONDS) -> None:
        """Returns once ``ready`` says so; raises CannotStart when it ended or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if (code := self.poll()) is not None:
                raise self._cannot_start(f"it ended with {exit_word(code)}")
            if time.monotonic() > deadline:
                raise self._cannot_start(f"it was not ready after {seconds:.0f} s")
            time.sleep(every)

    def _cannot_start(self, reason: str) -> CannotStart:
        return CannotStart(self.name, reason, self.log, since=self.log_begins)


class Program(Process):
    """A process that was started by executing a program."""

    def __init__(self, name: str, command: Sequence[str], log: Path, **options: Any) -> None:
        with opened_log(log) as output:
            super().__init__(name, log, output.tell())
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        return self._popen.poll()

    def wait(self, seconds: float | None = None) -> int:
        return self._popen.wait(seconds)

    def send_signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def end_descriptor(self) -> int:
        return os.pidfd_open(self.pid)


def start_bound(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    end_with: signal.Signals,
    under: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Process:
    """Starts a program that the kernel ends with ``end_with`` when the calling *thread* ends, even by
    SIGKILL.

    So call it from a thread that lives as long as the program shall (Linux's PR_SET_PDEATHSIG works that
    way). The program gets a session of its own, so that Ctrl-C at the terminal reaches the launcher only,
    which then stops everything in order. ``under`` is a wrapper that replaces itself by the program. Output
    goes to ``log``.
    """
    return Program(name, [*under, *_death_signal(end_with), *argv], log, env=env, cwd=cwd)


def _death_signal(end_with: signal.Signals) -> list[str]:
    # Through setpriv rather than a preexec_fn: that is not safe in a program with threads.
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", end_with.name.removeprefix("SIG"), "--"] if program else []


def opened_log(log: Path) -> BinaryIO:
    """A log to append to, that nobody else can read; a long one is set aside."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    return open(log, "ab", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600))


def exit_word(code: int) -> str:
    """How a process ended, in words: an exit code, or the signal that Popen shows as a negative number."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def end(process: Process, steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Sends each signal in turn and waits its seconds; SIGKILL is the last step whatever ``steps`` says."""
    for number, seconds in steps:
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait()


def processes_in(folder: Path, program: str | None) -> Iterator[int]:
    """The ids of running processes (of a program, or any) whose working folder is ``folder`` (resolved)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and any(_works_in(folder, program, thread) for thread in _living(entry)):
            yield int(entry.name)


def _living(process: Path) -> Iterator[Path]:
    """Where /proc tells of a process: of its other threads where the first one has ended already.

    A killed process is there, with all that it has open, until its last thread is gone, and one that waits
    for the disk takes its time.
    """
    yield process
    with suppress(OSError):
        if not (process / "exe").exists():
            yield from (process / "task").iterdir()


def _works_in(folder: Path, program: str | None, thread: Path) -> bool:
    try:
        return (thread / "cwd").readlink() == folder and program in (None, (thread / "exe").readlink().name)
    except OSError:
        return False  # it ended meanwhile, or belongs to somebody else


def wait_until_left(
    folder: Path, program: str | None, *, name: str, end_with: signal.Signals, seconds: float
) -> None:
    """Waits until no process of ``program`` works in ``folder`` any more, asking those that do to end.

    After a launcher was killed its servers end by themselves, but not at once, and on their way out they
    would remove the socket of a new one. Once they have left, what they had open is closed.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        asked: dict[int, int] = {}
        while left := set(processes_in(folder, program)):
            for pid in left - asked.keys():
                with suppress(ProcessLookupError):
                    asked[pid] = os.pidfd_open(pid)
                    stack.callback(os.close, asked[pid])
                    signal.pidfd_send_signal(asked[pid], end_with)
            if time.monotonic() > deadline:
                raise CannotStart(name, f"process {min(left)} of an earlier start still works in {folder}")
            time.sleep(POLL_SECONDS)
        # A process leaves its folder a moment before it lets go of its sockets.
        for pid, descriptor in asked.items():
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise CannotStart(name, f"process {pid} of an earlier start does not come to its end")
