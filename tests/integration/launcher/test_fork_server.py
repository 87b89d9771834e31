"""Processes that are forked from one that has loaded the code behave like those that were executed."""

import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from artstore.launcher.errors import CannotStart
from artstore.launcher.fork_server import ForkServer
from artstore.launcher.process import Process, end
from artstore.launcher.start_request import REQUEST_BYTES
from tests.support.ports import free_port
from tests.support.processes import is_over, tree

Start = Callable[..., Process]
BAD_SETTINGS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    log = tmp_path_factory.mktemp("fork-server") / "fork-server.log"
    server = ForkServer(["artstore.ingester.app"], log=log)
    yield server
    server.close()


@pytest.fixture
def start(server: ForkServer, tmp_path: Path) -> Start:
    def start(*arguments: str, load: str = "artstore.cli.app", **environment: str) -> Process:
        return server.start(
            "child",
            arguments,
            load=load,
            log=tmp_path / "child.log",
            end_with=signal.SIGTERM,
            env={"HOME": str(tmp_path), **environment},
            cwd=tmp_path,
        )

    return start


@pytest.fixture
def serving(start: Start, tmp_path: Path) -> Start:
    """A child that runs until it is ended: an Ingester for which all others are away."""

    def serving() -> Process:
        port = free_port()
        settings = {
            "REDIS_URL": "redis://127.0.0.1:1",
            "DATABASE_URL": "postgresql+psycopg://127.0.0.1:1/none",
            "ADMIN_URL": "http://127.0.0.1:1",
            "PORT": str(port),
        }
        told = {f"ARTSTORE_INGESTER_{name}": value for name, value in settings.items()}
        child = start("ingester", "serve", load="artstore.ingester.app", **told)
        child.wait_until(lambda: _accepts(port), seconds=60)
        return child

    return serving


def test_a_child_is_the_command_and_tells_its_exit_code(start: Start, tmp_path: Path) -> None:
    child = start("--help")
    assert child.wait(60) == 0
    assert "artstore [OPTIONS]" in (tmp_path / "child.log").read_text()
    assert child.poll() == 0
    child.kill()  # of what has ended does nothing


def test_an_exit_code_that_is_not_zero(start: Start, tmp_path: Path) -> None:
    child = start("ingester", "serve")
    assert child.wait(60) == BAD_SETTINGS
    assert "ARTSTORE_INGESTER_REDIS_URL" in (tmp_path / "child.log").read_text()


def test_what_a_child_is_told_is_all_that_it_knows(serving: Start, tmp_path: Path) -> None:
    child = serving()
    process = Path(f"/proc/{child.pid}")
    assert (process / "cwd").readlink() == tmp_path
    assert (process / "comm").read_text().strip() == "child"
    assert os.getsid(child.pid) == child.pid
    descriptors = {number.name: number.readlink() for number in (process / "fd").iterdir()}
    assert descriptors["0"] == Path(os.devnull)
    assert descriptors["1"] == descriptors["2"] == tmp_path / "child.log"


def test_no_module_is_needed_that_can_be_loaded(start: Start, tmp_path: Path) -> None:
    """What cannot be loaded is told by the child, if it needs it."""
    assert start("--help", load="artstore.there_is_none").wait(60) == 0


def test_a_signal_ends_a_child_and_is_told(serving: Start) -> None:
    child = serving()
    pids = tree(child.pid)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    ended = child.end_descriptor()
    child.kill()
    assert child.wait(60) == -signal.SIGKILL
    assert select.select([ended], [], [], 60) == ([ended], [], [])
    os.close(ended)
    _all_end(pids)


def test_a_child_stops_in_order(serving: Start) -> None:
    assert end(serving(), [(signal.SIGTERM, 30)]) == 0


def test_children_end_with_the_server(server: ForkServer, serving: Start) -> None:
    children = [serving(), serving()]
    pids = [pid for child in children for pid in tree(child.pid)]
    server.close()
    assert [child.wait(60) for child in children] == [-signal.SIGTERM] * 2
    _all_end(pids)
    assert end(serving(), [(signal.SIGTERM, 30)]) == 0  # from a new one


def test_a_killed_server_is_replaced(serving: Start) -> None:
    child = serving()
    parent = int((Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2]).split()[1])
    os.kill(parent, signal.SIGKILL)
    assert child.wait(60) == -signal.SIGTERM
    assert end(serving(), [(signal.SIGTERM, 30)]) == 0


def test_a_server_that_dies_with_a_request_is_replaced(serving: Start, start: Start) -> None:
    child = serving()
    parent = int((Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2]).split()[1])
    os.kill(parent, signal.SIGSTOP)  # what it is asked for waits in its socket
    dying = threading.Timer(0.5, os.kill, (parent, signal.SIGKILL))
    dying.start()
    assert start("--help").wait(60) == 0
    dying.join()


def test_a_child_that_cannot_be_made_is_an_error_and_the_others_live(
    server: ForkServer, serving: Start, start: Start
) -> None:
    child = serving()
    parent = int((Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2]).split()[1])
    most = resource.prlimit(parent, resource.RLIMIT_NOFILE)
    opened = len(list(Path(f"/proc/{parent}/fd").iterdir()))
    resource.prlimit(parent, resource.RLIMIT_NOFILE, (opened, most[1]))
    with pytest.raises(CannotStart, match="no child"):
        start("--help")
    resource.prlimit(parent, resource.RLIMIT_NOFILE, most)
    assert start("--help").wait(60) == 0
    assert end(child, [(signal.SIGTERM, 30)]) == 0


def test_an_environment_that_is_too_large_is_refused(start: Start) -> None:
    with pytest.raises(CannotStart, match="environment"):
        start("--help", LARGE="x" * REQUEST_BYTES)


def test_everything_ends_with_the_program_that_owns_it(tmp_path: Path) -> None:
    """Even where that is killed and can do nothing any more."""
    program = (
        "import pathlib, signal, sys, time\n"
        "from artstore.launcher.fork_server import ForkServer\n"
        "here = pathlib.Path.cwd()\n"
        "child = ForkServer([], log=here / 'log').start('child', ['audit', 'verify', '--help'],"
        " load='artstore.cli.app', log=here / 'log', end_with=signal.SIGTERM, env={}, cwd=here)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    servers = [pid for pid in tree(owner.pid) if pid != owner.pid]
    assert servers
    owner.kill()
    owner.wait()
    owner.stdout.close()
    _all_end([*servers, child])


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def _all_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while not all(map(is_over, pids)):
        assert time.monotonic() < deadline, f"{pids} do not end"
        time.sleep(0.02)
