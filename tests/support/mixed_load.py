"""Many clients at once that store, read, change and delete documents of an element, and write down what they
are told.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from hashlib import sha256

from tests.support.http_connection import Answer, AnswerLost, Connection
from tests.support.load_history import Attempt, History
from tests.support.system import BOUNDARY

CLIENTS = 32
KIB = 1 << 10
_FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
_PAUSE_SECONDS = 0.05

Sizes = Callable[[random.Random], int]
"""Chooses the size of a document."""


def small_and_large(choice: random.Random) -> int:
    """Mostly in the log's record, some around the limit of that, a few of several pieces."""
    few = choice.choice([100 * KIB, 300 * KIB, 1300 * KIB])
    return (
        choice.choice([1, 100, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 64 * KIB + 1])
        if choice.random() < 0.95
        else few
    )


def large(choice: random.Random) -> int:
    return choice.choice([900 * KIB, 1000 * KIB])


class MixedLoad:
    """Each client waits for the answer before it sends its next request, and touches its own documents only.

    A client ends when its connection breaks, unless ``returns`` waits until the element is back. What is
    answered in another way than it should be fails the load, but for the statuses in ``tolerated``.
    """

    def __init__(
        self,
        url: str,
        token: str,
        history: History,
        *,
        sizes: Sizes = small_and_large,
        returns: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.tolerated: set[int] = set()
        self._url = url
        self._token = token
        self._history = history
        self._sizes = sizes
        self._returns = returns
        self._stopping = False
        self._ended = False
        self._moved = asyncio.Condition()

    async def run(self) -> None:
        """Until every client has ended."""
        try:
            async with asyncio.TaskGroup() as clients:
                for number in range(CLIENTS):
                    clients.create_task(self._client(number))
        finally:
            self._ended = True
            await self._tell()

    def stop(self) -> None:
        """Every client ends after its answer."""
        self._stopping = True

    async def acknowledged(self, more: int) -> None:
        """Until so many further changes were acknowledged."""
        goal = self._history.acknowledged + more
        async with self._moved:
            await self._moved.wait_for(lambda: self._ended or self._history.acknowledged >= goal)
        assert self._history.acknowledged >= goal, "every connection broke"

    async def _client(self, number: int) -> None:
        choice = random.Random()
        mine = [attempt for attempt in self._history.attempts.values() if attempt.client == number]
        while not self._stopping:
            try:
                connection = await Connection.open(self._url, self._token)
                try:
                    while not self._stopping:
                        await self._step(connection, choice, number, mine)
                finally:
                    await connection.close()
            except AnswerLost:
                if self._returns is None:
                    return
                await self._returns()

    async def _step(
        self, connection: Connection, choice: random.Random, number: int, mine: list[Attempt]
    ) -> None:
        settled = self._pick(choice, mine)
        match choice.choices(["store", "read", "change", "delete", "break off"], [50, 20, 15, 10, 2])[0]:
            case "read" if settled is not None:
                await self._read(connection, settled)
            case "change" if settled is not None:
                await self._change(connection, settled)
            case "delete" if settled is not None:
                await self._delete(connection, settled)
            case "break off":
                await self._break_off(number, choice)
            case _:
                attempt = self._history.begin_upload(number, self._sizes(choice))
                mine.append(attempt)
                await self._store(connection, attempt)

    def _pick(self, choice: random.Random, mine: list[Attempt]) -> Attempt | None:
        """One of the client's documents, mostly a new one, whose state it knows."""
        for _ in range(3):
            if mine and (attempt := choice.choice(mine[-20:] if choice.random() < 0.8 else mine)).is_settled:
                return attempt
        return None

    async def _store(self, connection: Connection, attempt: Attempt) -> None:
        answer = await connection.request("POST", "/api/v1/files/upload", _FORM, attempt.body)
        if await self._is(answer, 201):
            self._history.stored(attempt, answer.json(), answer.headers["etag"])
            await self._tell()
        else:
            self._history.refused(attempt, answer.problem)

    async def _break_off(self, number: int, choice: random.Random) -> None:
        attempt = self._history.begin_upload(number, self._sizes(choice))
        self._history.refused(attempt, "broken off")
        body = attempt.body
        connection = await Connection.open(self._url, self._token)
        await connection.break_off("POST", "/api/v1/files/upload", _FORM, body, choice.randrange(len(body)))

    async def _read(self, connection: Connection, attempt: Attempt) -> None:
        answer = await connection.request("GET", f"/api/v1/files/{attempt.file_id}/download")
        if await self._is(answer, 200):
            assert sha256(answer.body).digest() == sha256(attempt.content).digest(), (
                f"{attempt} has other bytes"
            )
        answer = await connection.request("GET", f"/api/v1/files/{attempt.file_id}")
        if await self._is(answer, 200):
            assert (answer.json(), answer.headers["etag"]) == (attempt.shown, attempt.revision), (
                f"{attempt}: {answer}"
            )

    async def _change(self, connection: Connection, attempt: Attempt) -> None:
        change = self._history.begin_change(attempt)
        body = json.dumps({"description": change.text}).encode()
        assert attempt.revision is not None, f"nobody knows the revision of {attempt}"
        headers = {"Content-Type": "application/merge-patch+json", "If-Match": attempt.revision}
        answer = await connection.request("PATCH", f"/api/v1/files/{attempt.file_id}/metadata", headers, body)
        if await self._is(answer, 200):
            self._history.updated(attempt, change, answer.json(), answer.headers["etag"])
            await self._tell()
        else:
            self._history.change_refused(attempt, change, answer.problem)

    async def _delete(self, connection: Connection, attempt: Attempt) -> None:
        change = self._history.begin_change(attempt, deletion=True)
        answer = await connection.request("DELETE", f"/api/v1/files/{attempt.file_id}")
        if await self._is(answer, 204):
            self._history.deleted(attempt, change)
            await self._tell()
        else:
            self._history.change_refused(attempt, change, answer.problem)

    async def _is(self, answer: Answer, status: int) -> bool:
        if answer.status == status:
            return True
        assert answer.status in self.tolerated, f"{answer.status}: {answer.body.decode()}"
        await asyncio.sleep(_PAUSE_SECONDS)
        return False

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()
