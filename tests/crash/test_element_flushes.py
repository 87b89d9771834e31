"""Flushes of a real element process, counted by strace: before every answer, and few for many.

Counts, never times. This is what notices a flush that is missing or late, which a SIGKILL does not show.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from artstore.engine.options import EngineOptions
from tests.support.element_stand import ElementProcess, ElementStand
from tests.support.http_connection import Connection
from tests.support.system import BOUNDARY, form, part

DOCUMENT = form(part("file", bytes(range(256)) * 64, "16 KiB.bin"))
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
FLUSHES = "fdatasync", "fsync", "syncfs"
WRITES = "write", "writev", "sendto", "sendmsg"
CALL = re.compile(r"\d+ +(?P<at>[\d.]+) (?:<\.\.\. )?(?P<name>\w+)(?P<rest>.*)")


@dataclass(frozen=True)
class Call:
    """A system call, when it returned. ``on`` is what strace shows of its arguments."""

    at: float
    name: str
    on: str

    @property
    def is_flush(self) -> bool:
        return self.name in FLUSHES

    @property
    def is_flush_of_the_log(self) -> bool:
        return self.name == "fdatasync" and "/wal/" in self.on

    @property
    def is_answer(self) -> bool:
        return self.name in WRITES and '"HTTP/1.1 201' in self.on


class Traced:
    """An element under strace."""

    def __init__(self, element: ElementProcess, token: str, trace: Path) -> None:
        self._element = element
        self._token = token
        self._trace = trace

    async def upload(self, *, clients: int, each: int) -> tuple[float, float]:
        """Gives when it began and ended."""
        began = time.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client(each))
        return began, time.time()

    async def _client(self, uploads: int) -> None:
        connection = await Connection.open(self._element.url, self._token)
        try:
            for _ in range(uploads):
                answer = await connection.request("POST", "/api/v1/files/upload", FORM, DOCUMENT)
                assert answer.status == 201, answer
        finally:
            await connection.close()

    def calls(self, began: float, ended: float) -> list[Call]:
        """In the order of their return, once the element has ended."""
        unfinished: dict[str, str] = {}
        calls = []
        for line in self._trace.read_text(errors="replace").splitlines():
            if (found := CALL.match(line)) is None or not began <= float(found["at"]) <= ended:
                continue
            thread, rest = line.split()[0], found["rest"]
            if "<unfinished ...>" in rest:
                unfinished[thread] = rest
                if found["name"] in FLUSHES:
                    continue  # it counts when it is done; an answer is one when it begins
            elif "resumed>" in rest:
                rest = unfinished.pop(thread, "") + rest
                if found["name"] in WRITES:
                    continue
            calls.append(Call(float(found["at"]), found["name"], rest))
        return calls


@asynccontextmanager
async def traced(stand: ElementStand, element_id: str, trace: Path) -> AsyncIterator[Traced]:
    """Ends with the element stopped, so that all of the trace is there."""
    element = stand.element(element_id)
    names = ",".join((*FLUSHES, *WRITES))
    # -D leaves the element a child of its starter. Only the calls that are traced are stopped at (--seccomp-bpf).
    strace = ["strace", "-D", "-f", "--seccomp-bpf", "-ttt", "-y", "-s", "16", "-o", str(trace)]
    await element.start(under=(*strace, "-e", f"trace={names}"))
    try:
        yield Traced(element, await stand.token(), trace)
    finally:
        await element.stop()


async def test_every_answer_comes_after_a_flush_of_its_own(stand: ElementStand, tmp_path: Path) -> None:
    async with traced(stand, "flushes-one", tmp_path / "trace") as element:
        times = await element.upload(clients=1, each=200)

    flushed, answers = False, 0
    for call in element.calls(*times):
        if call.is_flush_of_the_log:
            flushed = True
        elif call.is_answer:
            assert flushed, f"answer {answers + 1} was sent before the log was flushed"
            flushed = False
            answers += 1
    assert answers == 200


async def test_one_flush_serves_many(stand: ElementStand, tmp_path: Path) -> None:
    async with traced(stand, "flushes-many", tmp_path / "trace") as element:
        times = await element.upload(clients=32, each=20)

    calls = element.calls(*times)
    answers = sum(call.is_answer for call in calls)
    assert answers == 640
    of_the_log = sum(call.is_flush_of_the_log for call in calls)
    assert 1 <= of_the_log < 0.3 * answers
    # The files follower flushes so often in a second, however many uploads there are.
    began, ended = times
    batches = (ended - began) / EngineOptions().follow_seconds + 2
    assert sum(call.is_flush for call in calls) - of_the_log < 4 * batches
