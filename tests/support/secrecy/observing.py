"""What a run shows and no file keeps: arguments of processes, metrics, refusals, output of tests."""

import contextlib
import http.client
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import requests

from tests.support.secrecy import meeting
from tests.support.secrecy.ledger import Ledger

_LOOK_EVERY_SECONDS = 2.0
_TIMEOUT_SECONDS = 2.0
_REFUSED = 400
_RECORDS = ("/api/v1/audit", "/api/v1/auth/revocations")
"""Answers that are written down although they refuse nothing: records of what happened."""

_NOT_OURS = {"bash", "sh", "curl"}
"""What a person types: a test of a page does as the page says."""

_at_work: list["Observer"] = []


def heard(name: str, text: str | bytes) -> None:
    """Has something searched that no file keeps: what a command said on its standard error output, say."""
    for observer in _at_work:
        observer.write(name, text)


class Observer:
    """Writes down in ``folder``. ``below`` is where all systems of this run work."""

    def __init__(self, ledger: Ledger, folder: Path, below: Path) -> None:
        self.ledger = ledger
        self._folder = folder
        self._below = below
        self._arguments: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        folder.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        _hook()
        _at_work.append(self)
        looking = threading.Thread(target=self._look_around, name="observer", daemon=True)
        looking.start()
        try:
            with _listening_to_clients(self):
                yield
        finally:
            _at_work.remove(self)
            self._over.set()
            looking.join()

    def write(self, name: str, text: str | bytes) -> None:
        """Adds to the file ``name``."""
        data = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        with self._lock, (self._folder / f"{name}.txt").open("ab") as stream:
            stream.write(data + b"\n")

    def process_starts(self, arguments: object, environment: Mapping[Any, Any] | None) -> None:
        words = (
            [arguments] if isinstance(arguments, str | bytes | os.PathLike) else cast("list[Any]", arguments)
        )
        self._saw([os.fsdecode(word) for word in words])
        if environment is not None:
            told = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
            meeting.in_environment(self.ledger, told)

    def process_is_ended(self, pid: int) -> None:
        """A service counts no more after this."""
        self._read_metrics(Path(f"/proc/{pid}"))

    def exchanged(
        self, request: "httpx.Request | requests.PreparedRequest", sent: bytes, answer: Any
    ) -> None:
        headers = cast("Mapping[str, str]", request.headers)
        for name, value in headers.items():
            meeting.in_header(self.ledger, name, value)
        meeting.in_body(self.ledger, headers.get("Content-Type", ""), sent)
        if answer is None:
            return
        if (cookie := answer.headers.get("Set-Cookie")) is not None:
            meeting.in_header(self.ledger, "Set-Cookie", cookie)
        body: bytes = answer.content
        url = str(request.url)
        if answer.status_code >= _REFUSED or any(path in url for path in _RECORDS):
            self.write(
                "answers", f"{request.method} {meeting.shown(url)} {answer.status_code}\n".encode() + body
            )
        else:
            meeting.in_body(self.ledger, answer.headers.get("Content-Type", ""), body)

    def _saw(self, words: list[str]) -> None:
        command = " ".join(words)
        if Path(words[0]).name not in _NOT_OURS and command not in self._arguments:
            self._arguments.add(command)
            self.write("arguments", command)

    def _look_around(self) -> None:
        while not self._over.wait(_LOOK_EVERY_SECONDS):
            for process in Path("/proc").iterdir():
                if process.name.isdecimal() and (words := self._words(process)):
                    self._saw(words)
                    self._read_metrics(process)

    def _words(self, process: Path) -> list[str]:
        """What a process of this run was started with; nothing for any other, or when it has ended."""
        try:
            if (process / "cwd").readlink().is_relative_to(self._below):
                return (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
        except OSError:
            pass
        return []

    def _read_metrics(self, process: Path) -> None:
        words = self._words(process)
        if "serve" not in words:
            return
        variable = f"ARTSTORE_{words[words.index('serve') - 1].upper()}_PORT="
        try:
            environment = (process / "environ").read_text(errors="replace").split("\0")
            port = next(line for line in environment if line.startswith(variable)).removeprefix(variable)
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_TIMEOUT_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                read = connection.getresponse().read()
        except (OSError, http.client.HTTPException, StopIteration):
            return  # it does not serve at this moment
        (self._folder / f"metrics-{port}.txt").write_bytes(read)


@contextlib.contextmanager
def _listening_to_clients(observer: Observer) -> Iterator[None]:
    """Beside each request of a client of this process. What is streamed is a document, and is left alone."""
    send, send_async, send_requests = httpx.Client.send, httpx.AsyncClient.send, requests.Session.send

    def sent(request: httpx.Request) -> bytes:
        try:
            return request.content
        except httpx.RequestNotRead:
            return b""

    def sending(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = send(client, request, **options)
        observer.exchanged(request, sent(request), None if options.get("stream") else answer)
        return answer

    async def sending_async(
        client: httpx.AsyncClient, request: httpx.Request, **options: Any
    ) -> httpx.Response:
        answer = await send_async(client, request, **options)
        observer.exchanged(request, sent(request), None if options.get("stream") else answer)
        return answer

    def sending_requests(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        answer = send_requests(session, request, **options)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        observer.exchanged(request, body if isinstance(body, bytes) else b"", answer)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.Client, "send", sending)
        patch.setattr(httpx.AsyncClient, "send", sending_async)
        patch.setattr(requests.Session, "send", sending_requests)
        yield


@cache
def _hook() -> None:
    """Once for the process: a hook stays until its end."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Events of the interpreter, of which there are many: most cost no more than two comparisons."""
    if event == "subprocess.Popen":
        for observer in _at_work:
            observer.process_starts(arguments[1], arguments[3])
    elif event == "os.kill" and arguments[1] == signal.SIGTERM:
        for observer in _at_work:
            observer.process_is_ended(arguments[0])
