"""Looking at and pausing the processes of a service: Granian's parent and its worker."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STANDSTILL_SECONDS = 30.0


def tree(pid: int) -> list[int]:
    """A process and all below it, but for what ends meanwhile: threads come and go."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (thread / "children").read_text().split():
                found += tree(int(child))
    return found


def is_over(pid: int) -> bool:
    """Whether the last thread of a process has ended, so that its files are closed and its locks are free.

    A process that was killed looks dead a little earlier. One that nobody collects stays, without threads.
    """
    try:
        threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
        return threads == [str(pid)] and _state(Path(f"/proc/{pid}")) == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Stands still for a while: what is on disk meanwhile is what a crash at this moment would leave."""
    pids = tree(pid)
    for each in pids:
        os.kill(each, signal.SIGSTOP)
    try:
        _stand_still(pids)
        yield
    finally:
        for each in pids:
            os.kill(each, signal.SIGCONT)


def _stand_still(pids: list[int]) -> None:
    """Until no thread runs any more: one that flushes or renames a file does that to its end before."""
    until = time.monotonic() + _STANDSTILL_SECONDS
    while not all(_stands_still(thread) for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < until, f"{pids} do not stand still"
        time.sleep(0.002)


def _stands_still(thread: Path) -> bool:
    try:
        return _state(thread) in "TtZX"
    except (FileNotFoundError, ProcessLookupError):  # it just ended
        return True


def forget_peak(pid: int) -> None:
    """Makes ``peak`` count anew from the memory that is resident now."""
    for each in tree(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """Bytes that were resident at most, over the process and all below it."""
    return sum(_status(each, "VmHWM") for each in tree(pid))


def written(pid: int) -> int:
    """Bytes that the processes have handed to write calls so far, sockets included."""
    total = 0
    for each in tree(pid):
        for line in Path(f"/proc/{each}/io").read_text().splitlines():
            if line.startswith("wchar:"):
                total += int(line.split()[1])
    return total


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _state(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]
