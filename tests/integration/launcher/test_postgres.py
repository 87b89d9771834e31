"""The embedded PostgreSQL: started, closed to others, killed, found again."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from artstore.launcher.errors import CannotStart
from artstore.launcher.postgres import SUPERUSER, EmbeddedPostgres
from artstore.launcher.process import processes_in
from artstore.launcher.unprivileged import AS_NOBODY, best_way


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "postgres"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    server.start()
    yield server
    server.stop()


def connect(server: EmbeddedPostgres, database: str = "artstore") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(server.url(database, driver="postgresql"))


def test_role_owns_its_database_and_is_no_superuser(server: EmbeddedPostgres) -> None:
    with connect(server) as connection:
        row = connection.execute(
            "SELECT current_user, current_setting('is_superuser'), pg_encoding_to_char(encoding), datcollate,"
            " datlocale, pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row == ("artstore", "off", "UTF8", "C", "C.UTF-8", "artstore")


def test_extensions_that_the_catalog_needs_can_be_created(server: EmbeddedPostgres) -> None:
    with connect(server) as connection:
        for name in ("unaccent", "pg_trgm", "btree_gin"):
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public")
            connection.execute(create.format(sql.Identifier(name)))
        connection.rollback()


def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    url = server.url("artstore", driver="postgresql")
    user, _, rest = url.partition("@")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"{user}x@{rest}")


def test_no_tcp_port_and_no_secret_in_arguments(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    with connect(server) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_text(encoding="utf-8")
    assert (server.folder / "password").read_text(encoding="utf-8").strip() not in arguments


def test_everything_is_closed_to_others(server: EmbeddedPostgres) -> None:
    found = [server.folder, *server.folder.rglob("*")]
    assert len(found) > 500
    opened = []
    for path in found:
        with suppress(FileNotFoundError):  # a temporary one
            if stat.S_IMODE(path.lstat().st_mode) & 0o077:
                opened.append(path)
    assert opened == []


def test_data_survives_a_stop_and_a_kill(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    server.stop()
    server.start()
    with connect(server) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    server.kill()
    server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT n FROM kept ORDER BY n").fetchall() == [(1,), (2,)]
    server.stop()


def test_what_was_committed_survives_a_kill_also_where_nothing_is_flushed(tmp_path: Path) -> None:
    """Tests kill such a server, and ask then for what was acknowledged just before."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    server.start()
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    for number in range(3):
        with connect(server) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", (number,))
        server.kill()
        server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT n FROM kept ORDER BY n").fetchall() == [(0,), (1,), (2,)]
    server.stop()


def test_a_stale_lock_with_a_process_id_given_to_another_is_cleared(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    lock = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8")
    server.kill()
    # As after a restart of the machine: the number now names a living process of ours.
    ours = "\n".join([str(os.getpid()), *lock.splitlines()[1:]]) + "\n"
    (folder / "data" / "postmaster.pid").write_text(ours, encoding="utf-8")
    server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_databases_are_cloned_and_dropped(server: EmbeddedPostgres) -> None:
    server.create_database("template_of_mine")
    with connect(server, "template_of_mine") as connection:
        connection.execute("CREATE TABLE t (n int)")
    server.create_database("a copy", template="template_of_mine")
    with connect(server, "a copy") as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    server.drop_database("a copy")
    server.drop_database("template_of_mine")
    server.drop_database("a copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(server, "a copy")


def test_a_database_is_dropped_whoever_uses_it(server: EmbeddedPostgres) -> None:
    """The role may end its own connections only, and the server's vacuum is not its own."""
    server.create_database("in_use")
    superuser = server.url(
        "in_use", driver="postgresql", role=SUPERUSER, password_file=server.folder / "superuser-password"
    )
    with connect(server, "in_use") as own, psycopg.connect(superuser, connect_timeout=30) as foreign:
        server.drop_database("in_use")
        for connection in (own, foreign):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        connect(server, "in_use")


@pytest.mark.parametrize("name", ["long-" * 20, 'a "b"\\ c,d'], ids=["long", "signs"])
def test_a_folder_that_no_socket_can_have_works(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name, durable=False)
    server.start()
    with connect(server) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    outside = Path((server.folder / "socket-folder").read_text(encoding="utf-8").strip())
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    server.stop()
    assert not outside.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_runs_as_nobody_where_namespaces_are_forbidden_and_back(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for way in (AS_NOBODY, best_way(), AS_NOBODY):
        server = EmbeddedPostgres(closed / "postgres", durable=False, way=way)
        server.start()
        with connect(server) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.stop()


def test_a_start_that_fails_shows_the_log(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    server.start()
    server.stop()
    with (tmp_path / "postgres" / "data" / "postgresql.conf").open("a", encoding="utf-8") as stream:
        stream.write("\nno_such_setting = 1\n")
    with pytest.raises(CannotStart, match="no_such_setting"):
        server.start()


OWNER = """
import sys, time
from pathlib import Path
from artstore.launcher import unprivileged
from artstore.launcher.postgres import EmbeddedPostgres
way = unprivileged.AS_NOBODY if "nobody" in sys.argv else None
EmbeddedPostgres(Path(sys.argv[1]), way=way).start()
print("started", flush=True)
time.sleep(600)
"""


def test_no_orphan_when_its_launcher_is_killed(folder: Path) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    with launcher.stdout as output:
        assert output.readline() == b"started\n"
        servers = set(processes_in(folder / "data", "postgres"))
        assert servers
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        # A start at once is what a person does who sees the launcher gone; it waits for the old server to
        # end.
        server = EmbeddedPostgres(folder)
        server.start()
        server.stop()
    assert not [pid for pid in servers if Path(f"/proc/{pid}/exe").exists()]


@pytest.mark.parametrize("way", ["best", "nobody"] if os.geteuid() == 0 else ["best"])
def test_no_orphan_without_a_new_start(folder: Path, way: str) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", OWNER, str(folder), way], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    with launcher.stdout as output:
        assert output.readline() == b"started\n"
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    deadline = time.monotonic() + 20
    while any(processes_in(folder / "data", "postgres")):
        assert time.monotonic() < deadline, "PostgreSQL outlived its launcher"
        time.sleep(0.02)  # no event tells that a process of another parent is gone
