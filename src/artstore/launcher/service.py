"""One service of ArtStore as a process: ``artstore <service> serve``, ready when its health says so."""

import http.client
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from artstore.launcher.errors import CannotStart, PortTaken
from artstore.launcher.fork_server import ForkServer
from artstore.launcher.private import private_folder
from artstore.launcher.process import Process, end, start_bound, wait_until_left

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
"""Longer than a service takes for its own orderly end (10 s by default)."""
_ASK_EVERY_SECONDS = 0.05
"""Five services that are asked more often would be kept from starting by the asking."""
PORT_TAKEN_EXIT = 3
"""How a service says that it could not listen."""


class Service:
    """A service process. ``folder`` is its working folder and of nobody else, by which it is found again.

    ``environment`` is asked at each start: an element may have another mode by then. It is forked from
    ``fork_server`` where there is one. ``under`` is a program that runs it instead, as strace does.
    """

    def __init__(
        self,
        name: str,
        command: str,
        *,
        host: str,
        port: int,
        environment: Callable[[], Mapping[str, str]],
        folder: Path,
        log: Path,
        fork_server: ForkServer | None = None,
        under: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.log = log
        self._command = command
        self._environment = environment
        self._folder = folder
        self._fork_server = fork_server
        self._under = under
        self._process: Process | None = None

    @staticmethod
    def clear_left_over(name: str, folder: Path) -> None:
        """Waits until the processes of an earlier start are gone, which hold the port and the element's lock.

        They were told to end when their launcher died; those that take too long are killed.
        """
        if folder.is_dir():
            _clear(name, folder, signal.SIGTERM)

    @property
    def process(self) -> Process | None:
        return self._process

    def start(self) -> None:
        """Starts the process and waits for ``/health/ready``. Raises PortTaken or CannotStart."""
        if self._process is not None and self._process.poll() is None:
            return
        private_folder(self._folder)
        _clear(self.name, self._folder, signal.SIGTERM)
        self._process = self._launched()
        try:
            self._process.wait_until(self._is_ready, seconds=READY_SECONDS, every=_ASK_EVERY_SECONDS)
        except CannotStart:
            ended = self._process.poll()
            self.kill()
            if ended == PORT_TAKEN_EXIT:
                raise PortTaken(self.name, self.host, self.port) from None
            raise

    def stop(self) -> None:
        """Lets the service finish what it is doing, for a bounded time."""
        if self._process is not None:
            end(self._process, [(signal.SIGTERM, STOP_SECONDS)])
            _clear(self.name, self._folder, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL for the process and its workers, as a crash of the machine would end them."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            _clear(self.name, self._folder, signal.SIGKILL)

    def _launched(self) -> Process:
        arguments = [self._command, "serve"]
        if self._fork_server is not None and not self._under:
            return self._fork_server.start(
                self.name,
                arguments,
                load=application_of(self._command),
                log=self.log,
                end_with=signal.SIGTERM,
                env=self._environment(),
                cwd=self._folder,
            )
        return start_bound(
            self.name,
            [sys.executable, "-m", "artstore", *arguments],
            log=self.log,
            end_with=signal.SIGTERM,
            under=self._under,
            env=self._environment(),
            cwd=self._folder,
        )

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def application_of(command: str) -> str:
    """The module with the code of a service."""
    return f"artstore.{command}.app"


def _clear(name: str, folder: Path, number: signal.Signals) -> None:
    """Waits until no process works in the folder, workers included; in the end it makes them go."""
    try:
        wait_until_left(folder.resolve(), None, name=name, end_with=number, seconds=STOP_SECONDS)
    except CannotStart:
        wait_until_left(folder.resolve(), None, name=name, end_with=signal.SIGKILL, seconds=STOP_SECONDS)
