"""Starts service processes by forking them from one that has loaded the code already.

To load a service takes about two seconds of a processor, mostly for libraries that all services share. Five
services that load for themselves keep two processors busy for six seconds; forked, they share the loading
and the memory of what was loaded.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from artstore.launcher.errors import CannotStart
from artstore.launcher.process import Process, opened_log
from artstore.launcher.start_request import REQUEST_BYTES, StartRequest

_FORK_SECONDS: Final = 60.0
"""Includes the loading of all modules on a slow machine."""
_DYING_SECONDS: Final = 1.0


class ForkServer:
    """A process to fork from, started when it is first needed, and anew where it has died.

    Its children end with it, by the signal that each was started with; and it ends when its owner does, even
    by SIGKILL, because then its socket is closed. May be used from any thread.
    """

    def __init__(self, modules: Sequence[str], *, log: Path) -> None:
        """``modules`` are loaded in this order while nobody asks for a child."""
        self._modules = list(modules)
        self._log = log
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def begin(self) -> None:
        """Starts it, so that it loads while other things are done."""
        with self._guard:
            self._running_socket()

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        load: str,
        log: Path,
        end_with: signal.Signals,
        env: Mapping[str, str],
        cwd: Path,
    ) -> Process:
        """Starts ``python -m artstore ARGUMENTS`` as a child, in a session of its own.

        Raises CannotStart where the environment is too large for a packet, or no child came about.
        """
        request = StartRequest(
            name, load, "artstore", list(arguments), str(cwd), int(end_with), environment=dict(env)
        )
        packet = request.packet()
        if len(packet) > REQUEST_BYTES:
            raise CannotStart(name, f"its environment is larger than {REQUEST_BYTES} bytes", log, since=0)
        try:
            return self._fork(name, packet, log)
        except CannotStart:
            if not self._is_dying():
                raise
            return self._fork(name, packet, log)

    def _fork(self, name: str, packet: bytes, log: Path) -> Process:
        with opened_log(log) as output:
            begins = output.tell()
            report, told = os.pipe2(os.O_CLOEXEC)
            try:
                with self._guard:
                    socket.send_fds(self._running_socket(), [packet], [output.fileno(), told])
            except OSError as error:
                os.close(report)
                raise CannotStart(
                    name, f"the process to fork from is gone: {error}", log, since=begins
                ) from error
            finally:
                os.close(told)
        return Forked(name, report, log, begins)

    def _is_dying(self) -> bool:
        """Whether it was killed: what it was asked for may still have got to it."""
        with self._guard, suppress(subprocess.TimeoutExpired):
            return self._process is None or self._process.wait(_DYING_SECONDS) is not None
        return False

    def close(self) -> None:
        """Ends it, and with it all of its children that are left. May be used again afterwards."""
        with self._guard:
            if self._socket is not None:
                self._socket.close()
            if self._process is not None:
                self._process.wait()
            self._socket = self._process = None

    def _running_socket(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        if self._socket is not None:
            self._socket.close()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_FORK_SECONDS)
        with theirs, opened_log(self._log) as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "artstore.launcher.forking", *self._modules],
                stdin=theirs.fileno(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return self._socket


class Forked(Process):
    """A child of the fork server, which alone can ask the kernel how it ended, and tells it on a pipe."""

    def __init__(self, name: str, report: int, log: Path, log_begins: int) -> None:
        """Waits for the process id on ``report``. Raises CannotStart where none comes."""
        super().__init__(name, log, log_begins)
        self._report = report
        self._received = b""
        self._guard = threading.Lock()
        self._over = not self._readable(_FORK_SECONDS)
        self._read()
        if not self._numbers():
            raise self._cannot_start("the process to fork from made no child")

    def __del__(self) -> None:
        os.close(self._report)

    @property
    def pid(self) -> int:
        return self._numbers()[0]

    def poll(self) -> int | None:
        """Where the fork server was killed nobody knows the code: then it counts as ended by SIGTERM, which
        its children get.
        """
        self._read()
        match self._numbers():
            case [_, code]:
                return code
            case _:
                return -signal.SIGTERM if self._over else None

    def wait(self, seconds: float | None = None) -> int:
        deadline = None if seconds is None else time.monotonic() + seconds
        while (code := self.poll()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(self.name, seconds or 0)
            self._readable(left)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end_descriptor(self) -> int:
        return os.dup(self._report)

    def _readable(self, seconds: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._report, select.POLLIN)
        return bool(waiting.poll(None if seconds is None else max(0, seconds) * 1000))

    def _read(self) -> None:
        """What there is to read at once; at the end of the pipe nothing more will come."""
        with self._guard:
            while not self._over and self._readable(0):
                piece = os.read(self._report, 64)
                self._received += piece
                self._over = not piece

    def _numbers(self) -> list[int]:
        return [int(line) for line in self._received.splitlines(keepends=True) if line.endswith(b"\n")]
