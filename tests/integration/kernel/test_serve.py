"""A service as a process: how it starts, how it refuses to, and how it ends."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from artstore.wire.problems import ProblemType
from tests.support.ports import free_port

HERE = Path(__file__).parent
PATIENCE = 30.0


class Served:
    """One running service."""

    def __init__(self, port: int, plan: str, shutdown_seconds: int) -> None:
        self.port = port
        environment = os.environ | {
            "PYTHONPATH": str(HERE),
            "ARTSTORE_SERVED_PORT": str(port),
            "ARTSTORE_SERVED_PLAN": plan,
            "ARTSTORE_SERVED_REDIS_URL": "redis://127.0.0.1:1",
            "ARTSTORE_SERVED_ADMIN_URL": "http://127.0.0.1:1",
            "ARTSTORE_SERVED_SHUTDOWN_SECONDS": str(shutdown_seconds),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "served.py")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for(self, event: str) -> None:
        """Reads the log up to a line with this event."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if json.loads(line)["event"] == event:
                return
        raise AssertionError(f"it ended without {event!r}")

    def connect(self) -> socket.socket:
        """A connection, as soon as the service listens."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.sock = self.connect()
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def ask(self, request: bytes) -> socket.socket:
        connection = self.connect()
        connection.sendall(request)
        return connection

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Waits for the end: the exit status, the log since it was last read, and what stands on stderr."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, [json.loads(line) for line in output.splitlines()], errors.decode()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, list[dict[str, Any]], str]:
        self.process.send_signal(number)
        return self.end()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


Start = Callable[..., Served]


@pytest.fixture
def start() -> Iterator[Start]:
    running = []

    def start_one(plan: str = "works", *, port: int | None = None, shutdown_seconds: int = 20) -> Served:
        running.append(Served(port or free_port(), plan, shutdown_seconds))
        return running[-1]

    yield start_one
    for served in running:
        served.kill()


def events(log: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in log]


class TestStart:
    def test_answers_from_a_worker(self, start: Start) -> None:
        served = start()
        assert int(served.get("/worker")) != served.process.pid

    def test_lifespan_that_fails(self, start: Start) -> None:
        status, log, errors = start("fails").end()
        assert status == 1
        assert errors == (
            "artstore served: cannot start: ConnectionRefusedError: "
            "nobody listens at postgresql://user:[removed]@db/artstore\n"
        )
        assert ["Traceback" in str(line) for line in log].count(True) == 1

    def test_factory_that_fails(self, start: Start) -> None:
        status, _, errors = start("cannot-be-made").end()
        assert (status, errors) == (1, "artstore served: cannot start: the folder /data is not an element\n")

    def test_port_is_taken_by_a_stranger(self, start: Start) -> None:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            port = stranger.getsockname()[1]
            status, log, errors = start(port=port).end()
        assert (status, log) == (3, [])
        assert errors == (
            f"artstore served: cannot listen on 127.0.0.1:{port}: it is taken by another process\n"
        )

    def test_port_is_taken_by_one_that_would_share_it(self, start: Start) -> None:
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            assert start(port=stranger.getsockname()[1]).end()[0] == 3

    def test_two_that_start_at_once(self, start: Start) -> None:
        port = free_port()
        pair = [start(port=port) for _ in range(2)]
        files = {os.pidfd_open(served.process.pid): served for served in pair}
        ended = {files[file] for file in select.select([*files], [], [], PATIENCE)[0]}
        for file in files:
            os.close(file)
        (loser,), (winner,) = ended, set(pair) - ended
        assert loser.end()[0] == 3
        assert winner.get("/health/live")
        assert winner.stop()[0] == 0

    def test_again_at_once_after_connections_of_the_last_one(self, start: Start) -> None:
        first = start()
        first.get("/worker")
        open_connection = first.ask(b"GET /worker HTTP/1.1\r\nHost: x\r\n\r\n")
        assert open_connection.recv(1)
        assert first.stop()[0] == 0
        open_connection.close()
        assert start(port=first.port).get("/health/live")


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_closes_the_application(self, start: Start, number: signal.Signals) -> None:
        served = start()
        served.get("/worker")
        status, log, errors = served.stop(number)
        assert (status, errors) == (0, "")
        assert events(log)[-2:] == ["stopping", "closed"]

    def test_request_under_way_is_answered(self, start: Start) -> None:
        served = start()
        with served.ask(b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nfir") as connection:
            served.wait_for("started")
            served.get("/worker")
            served.process.send_signal(signal.SIGTERM)
            connection.sendall(b"st!")
            answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200")
        assert served.end()[0] == 0

    def test_endless_request_is_cut_off(self, start: Start) -> None:
        served = start(shutdown_seconds=1)
        with served.ask(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            status, log, _ = served.stop()
            rest = b"".join(iter(lambda: connection.recv(4096), b""))
        assert status == 0
        assert not rest.endswith(b"0\r\n\r\n")
        request = next(line for line in log if line["event"] == "request")
        assert (request["route"], request["status"]) == ("/endless", 499)
        assert events(log)[-2:] == ["stopping", "closed"]

    def test_head_that_never_ends_is_not_waited_for(self, start: Start) -> None:
        served = start(shutdown_seconds=1)
        with served.ask(b"GET /worker HTTP/1.1\r\nHo"):
            served.get("/worker")
            status, log, _ = served.stop()
        assert status == 0
        assert events(log)[-1] == "closed"

    def test_stuck_worker_is_killed(self, start: Start) -> None:
        served = start(shutdown_seconds=1)
        with served.ask(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n"):
            served.wait_for("stuck")
            status, log, _ = served.stop()
        assert status == 0
        assert events(log) == ["the worker did not stop in time and is killed"]

    def test_while_it_starts(self, start: Start) -> None:
        served = start("hangs", shutdown_seconds=3600)
        served.wait_for("hanging")
        assert served.stop()[0] == 0


class TestDeath:
    def test_worker_does_not_outlive_its_parent(self, start: Start) -> None:
        served = start()
        worker = os.pidfd_open(int(served.get("/worker")))
        served.process.kill()
        served.process.wait()
        signalled = wait_for_end(worker)
        os.close(worker)
        assert signalled

    def test_parent_ends_with_its_worker(self, start: Start) -> None:
        served = start()
        os.kill(int(served.get("/worker")), signal.SIGKILL)
        assert served.end()[0] == 1


def wait_for_end(pidfd: int) -> bool:
    """Whether the process ended in time; its file becomes readable then (pidfd_open(2))."""
    return bool(select.select([pidfd], [], [], PATIENCE)[0])


class TestAnswers:
    def test_one_that_breaks_off_is_not_taken_for_whole(self, start: Start) -> None:
        with pytest.raises(http.client.IncompleteRead):
            start().get("/broken")

    def test_refusal_reaches_a_client_that_sends_first(self, start: Start) -> None:
        served = start()
        body = b"x" * 900_000
        head = f"POST /closed HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with served.ask(head + body) as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 401")

    @pytest.mark.parametrize(
        "framed",
        [
            pytest.param(b"Content-Length: 100\r\n\r\nabc", id="short"),
            pytest.param(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno number\r\n", id="chunk"),
        ],
    )
    def test_body_without_its_end_is_a_mistake_of_the_client(self, start: Start, framed: bytes) -> None:
        served = start()
        with served.ask(b"POST /held HTTP/1.1\r\nHost: x\r\n" + framed) as connection:
            connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            problem = json.loads(answer.read())
        assert (answer.status, problem["type"]) == (400, ProblemType.INVALID_REQUEST.uri)
        assert served.stop()[2] == ""

    def test_errors_are_logged_once(self, start: Start) -> None:
        served = start()
        with pytest.raises(http.client.IncompleteRead):
            served.get("/broken")
        _, log, errors = served.stop()
        assert [line["event"] for line in log if line["level"] == "error"] == ["the request failed"]
        assert errors == ""
