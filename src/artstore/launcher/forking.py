"""The process that service processes are forked from: ``python -m artstore.launcher.forking MODULE…``.

It has one thread, loads the modules once, and forks a child for each request that arrives on its standard
input, a socket of whole packets. Each child does what ``python -m artstore …`` does, with the environment,
folder and output that the request names. See `fork_server` for the other end of the socket.

Words: the *report* of a child is the pipe on which its process id is told, and at its end its exit code.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from artstore.launcher.start_request import REQUEST_BYTES, StartRequest

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15


def main(modules: Sequence[str]) -> None:
    """Serves until the other end is closed. In a child it returns from nothing: it becomes the program."""
    request = _Parent(modules).next_child()
    if request is not None:
        sys.argv = [request.module, *request.arguments]
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)


class _Parent:
    def __init__(self, modules: Sequence[str]) -> None:
        self._to_load = deque(modules)
        self._requests = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        self._reports: dict[int, int] = {}
        """The end for writing of each child's report, by process id."""

    def next_child(self) -> StartRequest | None:
        """Forks until there is nobody left to fork for. Comes back in each child, with what that is to do."""
        ended, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        waiting = select.poll()
        waiting.register(self._requests, select.POLLIN)
        waiting.register(ended, select.POLLIN)
        while True:
            # Modules are loaded while nobody asks for anything.
            ready = {descriptor for descriptor, _ in waiting.poll(0 if self._to_load else None)}
            if ended in ready:
                with suppress(BlockingIOError):
                    os.read(ended, 4096)
                self._collect()
            if self._requests.fileno() in ready:
                packet, descriptors, _, _ = socket.recv_fds(self._requests, REQUEST_BYTES, 2)
                if not packet:
                    return None
                if self._fork(request := StartRequest(**json.loads(packet)), descriptors):
                    os.close(ended)
                    os.close(woken)
                    return request
            elif self._to_load:
                _load(self._to_load.popleft())

    def _fork(self, request: StartRequest, descriptors: Sequence[int]) -> bool:
        """Whether this is the child. Where none can be made, its report ends without a word."""
        if request.load in self._to_load:
            self._to_load.remove(request.load)
        _load(request.load)
        gc.freeze()  # what is shared with the children is not written to by their collectors
        parent = os.getpid()
        try:
            output, report = descriptors  # fewer came where this process may open no more
            pid = os.fork()
        except (OSError, ValueError) as error:
            sys.stderr.write(f"no process for {request.name}: {error}\n")
            for descriptor in descriptors:
                os.close(descriptor)
            return False
        if pid:
            os.close(output)
            _tell(report, pid)
            self._reports[pid] = report
            return False
        os.close(report)
        for other in self._reports.values():
            os.close(other)
        self._requests.close()
        _become(request, output, parent)
        return True

    def _collect(self) -> None:
        while self._reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            report = self._reports.pop(pid)
            _tell(report, os.waitstatus_to_exitcode(status))
            os.close(report)


def _load(module: str) -> None:
    # What fails to load here fails in the child again, which says so in the log of its service.
    gc.disable()
    with suppress(Exception):
        importlib.import_module(module)
    gc.enable()


def _become(request: StartRequest, output: int, parent: int) -> None:
    """What distinguishes a child: its session, folder, environment, output, signals and name."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, request.end_with, 0, 0, 0)
    libc.prctl(_PR_SET_NAME, request.name.encode()[:15], 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(null)
    os.close(output)


def _tell(report: int, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody is interested any more
        os.write(report, b"%d\n" % number)


if __name__ == "__main__":
    main(sys.argv[1:])
