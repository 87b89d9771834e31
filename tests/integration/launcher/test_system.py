"""`artstore up`: the whole system as one process that a person starts, stops and kills."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Queue

import pytest

from artstore.launcher.errors import DataFolderInUse, PortTaken
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.process import processes_in
from artstore.launcher.redis import EmbeddedRedis
from artstore.launcher.settings import SystemSettings
from artstore.launcher.system import System
from artstore.sdk import Client
from tests.support.ports import port_for_launcher
from tests.support.secrecy.observing import heard
from tests.support.system import PATIENCE_SECONDS

ANY_PORTS = SystemSettings(default_ports={})
SERVICES = ["admin", "edit-01", "rw-01", "ingester", "query"]


class Up:
    """An `artstore up` of its own, as a child process; killed at the end of the ``with`` if it still runs."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "artstore", "up", "--data", str(data), "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        answer: dict[str, object] = json.loads(line)
        return answer

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=120)
        heard("errors", errors)
        return self.process.returncode, errors

    def left(self) -> set[int]:
        """Processes that work below the data folder."""
        folders = [self.data / "run" / name for name in SERVICES] + [self.data / "redis"]
        found = {pid for folder in folders for pid in processes_in(folder.resolve(), None)}
        return found | set(processes_in((self.data / "postgres" / "data").resolve(), None))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("system") / "data"


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Ports that are free, so that a system on the usual ones is not met."""
    found: set[int] = set()
    while len(found) < len(SERVICES):
        found.add(port_for_launcher())
    return dict(zip(SERVICES, found, strict=True))


@pytest.fixture(scope="module")
def options(ports: dict[str, int]) -> list[str]:
    given = [f"--{name}-port={ports[name]}" for name in ("admin", "ingester", "query")]
    return given + [f"--element-port={name}={ports[name]}" for name in ("edit-01", "rw-01")]


@pytest.fixture(scope="module")
def running(data: Path, options: list[str]) -> Iterator[Up]:
    with Up(data, *options) as up:
        up.ready()
        yield up


class TestRunning:
    def test_profile_is_for_the_owner_only_and_leads_in(self, running: Up, ports: dict[str, int]) -> None:
        profile = running.data / "profile.json"
        assert stat.S_IMODE(profile.stat().st_mode) == 0o600
        members = json.loads(profile.read_text(encoding="utf-8"))
        assert members.keys() == {"admin_url", "ingester_url", "query_url", "client_id", "client_secret"}
        assert members["admin_url"] == f"http://127.0.0.1:{ports['admin']}"
        with Client(profile) as client:
            document = client.upload(b"kept over restarts", filename="kept.txt")
            with client.stream(document.file_id) as stream:
                assert stream.read() == b"kept over restarts"

    def test_everything_is_closed_to_others(self, running: Up) -> None:
        top = [running.data, *running.data.iterdir()]
        folders = [path for path in top if path.is_dir() and path.name != "elements"]
        assert len(folders) >= 6
        assert [path for path in folders if stat.S_IMODE(path.stat().st_mode) != 0o700] == []
        secrets = [path for path in (running.data / "secrets").rglob("*") if path.is_file()]
        assert len(secrets) > 10
        assert [path for path in secrets if stat.S_IMODE(path.stat().st_mode) != 0o600] == []

    def test_no_secret_in_arguments_or_environments(self, running: Up) -> None:
        secrets = [
            path.read_bytes().strip() for path in (running.data / "secrets").iterdir() if path.is_file()
        ]
        assert all(len(secret) > 20 for secret in secrets)
        seen = b""
        for pid in running.left():
            with suppress(FileNotFoundError, ProcessLookupError):  # PostgreSQL's own come and go
                seen += b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert b"artstore" in seen
        assert [secret for secret in secrets if secret in seen] == []

    def test_each_service_gets_its_own_secrets_only(self, running: Up) -> None:
        given = {
            folder.name: {path.name for path in folder.iterdir()}
            for folder in (running.data / "secrets").iterdir()
            if folder.is_dir()
        }
        assert set(given) == set(SERVICES)
        for name, files in given.items():
            assert ("artstore_admin_key_passphrase" in files) == (name == "admin")

    def test_a_second_one_in_the_same_folder_is_refused(self, running: Up) -> None:
        with Up(running.data) as second:
            _, errors = second.process.communicate(timeout=120)
        assert second.process.returncode == 3
        assert "in use by another" in errors

    def test_a_given_port_that_is_taken_is_refused(
        self, running: Up, ports: dict[str, int], tmp_path: Path
    ) -> None:
        with Up(tmp_path / "other", f"--query-port={ports['query']}") as other:
            _, errors = other.process.communicate(timeout=120)
        assert other.process.returncode == 3
        assert f"port {ports['query']} of 127.0.0.1 is in use" in errors
        assert "Traceback" not in errors
        assert other.left() == set()

    def test_a_service_that_dies_is_started_again(self, running: Up) -> None:
        assert running.process.stderr is not None
        os.kill(min(processes_in(running.data / "run" / "query", None)), signal.SIGKILL)
        assert "query ended with signal SIGKILL" in running.process.stderr.readline()
        assert "query runs again" in running.process.stderr.readline()


class TestEnding:
    def test_killed_it_leaves_nobody_behind_and_starts_again(
        self, data: Path, options: list[str], running: Up
    ) -> None:
        running.end(signal.SIGKILL)
        with Up(data, *options) as again:
            again.ready()
            with Client(data / "profile.json") as client:
                # It may have been killed before the catalog had heard of it.
                until = time.monotonic() + PATIENCE_SECONDS
                while not (found := list(client.search("kept"))):
                    assert time.monotonic() < until, "the catalog does not hear of it"
                    time.sleep(0.05)
                assert [hit.original_filename for hit in found] == ["kept.txt"]
            code, errors = again.end(signal.SIGINT)
        assert code == 0, errors
        assert again.left() == set()

    def test_killed_for_good_it_leaves_nobody_behind(self, data: Path, options: list[str]) -> None:
        with Up(data, *options) as up:
            up.ready()
        deadline = time.monotonic() + 30
        while left := up.left():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)  # no event tells that a process of another parent is gone

    def test_twice_interrupted_it_kills(self, data: Path, options: list[str]) -> None:
        with Up(data, *options) as up:
            up.ready()
            assert up.process.stderr is not None
            for pid in processes_in((data / "run" / "query").resolve(), None):
                os.kill(pid, signal.SIGSTOP)  # so that the stop is not over before the second signal
            up.process.send_signal(signal.SIGINT)
            assert "stopping" in up.process.stderr.readline()
            up.process.send_signal(signal.SIGINT)
            _, errors = up.process.communicate(timeout=30)
        assert "killing" in errors
        assert up.process.returncode == 130
        assert up.left() == set()

    def test_interrupted_in_the_middle_of_a_start(self, data: Path, options: list[str]) -> None:
        with Up(data, *options) as up:
            while not set(processes_in(data / "run" / "admin", None)):
                assert up.process.poll() is None
                time.sleep(0.01)  # the start is what is interrupted, so nothing tells of it
            code, errors = up.end(signal.SIGTERM)
        assert code == 0, errors
        assert up.left() == set()


class TestSystem:
    """The same from Python, as the tests of the services use it."""

    def test_a_port_taken_between_choice_and_start_is_chosen_anew(self, data: Path) -> None:
        heard: Queue[str] = Queue()
        remembered = json.loads((data / "ports.json").read_text(encoding="utf-8"))
        # What a service holds while it listens: the port looks free until the service itself tries.
        claim = socket.socket(socket.AF_UNIX)
        claim.bind(f"\0artstore-listen-127.0.0.1-{remembered['ingester']}")
        with claim, System(data, ANY_PORTS, say=heard.put) as system:
            assert f"port {remembered['ingester']} was taken" in heard.get_nowait()
            assert not system.url("ingester").endswith(f":{remembered['ingester']}")
            assert json.loads((data / "profile.json").read_text())["ingester_url"] == system.url("ingester")

    def test_given_and_taken_is_an_error_and_nothing_is_left(self, data: Path, ports: dict[str, int]) -> None:
        with socket.socket() as somebody:
            # Connections of the system that just stopped may linger in TIME_WAIT.
            somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            somebody.bind(("127.0.0.1", ports["admin"]))
            somebody.listen()
            system = System(data, SystemSettings(ports={"admin": ports["admin"]}))
            with pytest.raises(PortTaken, match=re.escape(str(ports["admin"]))):
                system.start()
        assert system.parts == {}
        again = System(data)
        again.folder.take()
        again.folder.release()

    def test_the_folder_is_locked_while_it_runs(self, tmp_path: Path) -> None:
        first, second = System(tmp_path), System(tmp_path)
        first.folder.take()
        with pytest.raises(DataFolderInUse):
            second.start()
        first.folder.release()

    def test_servers_of_somebody_else(self, tmp_path: Path, data: Path) -> None:
        """Addresses in the settings replace the embedded servers."""
        postgres = EmbeddedPostgres(tmp_path / "postgres", durable=False)
        redis = EmbeddedRedis(tmp_path / "redis")
        settings = SystemSettings(default_ports={}, database_url=postgres.start(), redis_url=redis.start())
        try:
            with (
                System(tmp_path / "data", settings) as system,
                Client(tmp_path / "data" / "profile.json") as client,
            ):
                assert "postgres" not in system.parts
                assert "redis" not in system.parts
                assert client.upload(b"content", filename="note.txt").file_size == 7
            assert not (tmp_path / "data" / "postgres").exists()
        finally:
            postgres.stop()
            redis.stop()
