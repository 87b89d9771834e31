"""Whether the processes of an earlier start are gone."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.launcher.errors import CannotStart
from artstore.launcher.process import processes_in, wait_until_left

LEADER_ENDS_FIRST = """
import ctypes, socket, sys, threading, time

place = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=sys.stdin.read).start()
print(place.getsockname()[1], flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
"""The first thread ends, as it does at once under SIGKILL; another holds what the process has open. That one
may take long to die: a thread that waits for the disk does not notice a signal."""


@pytest.fixture
def dying(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER_ENDS_FIRST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    with process:
        yield process
        process.kill()


def test_a_process_whose_first_thread_has_ended_is_still_there(
    dying: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert dying.stdout is not None
    assert dying.stdin is not None
    port = int(dying.stdout.readline())
    _wait_for_the_end_of_the_first_thread(dying.pid)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    assert list(processes_in(tmp_path, None)) == [dying.pid]
    assert list(processes_in(tmp_path, Path(sys.executable).resolve().name)) == [dying.pid]
    with pytest.raises(CannotStart, match=f"process {dying.pid} of an earlier start"):
        wait_until_left(tmp_path, None, name="it", end_with=signal.SIGCONT, seconds=0.2)
    dying.stdin.close()
    wait_until_left(tmp_path, None, name="it", end_with=signal.SIGCONT, seconds=20)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))


def _wait_for_the_end_of_the_first_thread(pid: int) -> None:
    while Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z":
        pass
