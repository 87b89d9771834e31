"""Looks whether an element has everything that a history says it has, everywhere, once, and nothing else."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from artstore.wire.events import ENTRY_FIELD, element_stream
from tests.support.element_stand import ElementProcess, ElementStand
from tests.support.http_connection import Connection
from tests.support.load_history import Attempt, History, State
from tests.support.system import eventually

_CONNECTIONS = 8
_PAGE = 1000


class Inspection:
    """Of one element, again and again: each looks at what was touched since the one before.

    The index tells what is there and so settles what was open; events, metadata and bytes must agree with it.
    """

    def __init__(self, stand: ElementStand, element: ElementProcess, history: History) -> None:
        self._stand = stand
        self._element = element
        self._history = history
        self._lsn = 0
        self._puts: dict[int, int] = {}
        """The LSN of the event of each attempt that was stored."""
        self._last: dict[int, tuple[int, dict[str, Any] | None]] = {}
        """The last event of each attempt: LSN and document."""
        self._told: dict[int, list[str | None]] = {}
        """What changes of each attempt the events told of, in order."""

    async def run(self, token: str, *, everything: bool = False, whole_stream: bool = True) -> None:
        """Waits for the followers, then looks. To be called while nobody changes anything.

        ``everything``: also at documents that nobody touched. Without ``whole_stream`` events may be missing,
        because Redis was killed; those that are there must be right all the same.
        """
        history = self._history
        api = await Connection.open(self._element.url, token)
        try:
            last_lsn = await self._caught_up(api)
            rows, deletions_since = await self._rows(api, 0 if everything else self._lsn)
            touched = self._settle(rows, deletions_since)
            if everything:
                active = {file_id for file_id, row in rows.items() if row["document"] is not None}
                assert active == {attempt.file_id for attempt in history.there()}
            await self._check_events(last_lsn, whole_stream)
            if whole_stream:
                self._check_agreement(rows, touched, deletions_since)
            await self._check_room(api)
            await self._check_documents(token, list(history.there()) if everything else touched)
        finally:
            await api.close()
        staging = self._element.root / "staging"
        await eventually(lambda: not any(staging.iterdir()), "something was left in staging")
        history.note("inspected", lsn=last_lsn, documents=sum(1 for _ in history.there()))
        self._lsn = last_lsn

    async def _caught_up(self, api: Connection) -> int:
        """The last LSN, once all who follow the log are there."""
        log: dict[str, Any] = {}

        async def caught_up() -> bool:
            log.update(await _get(api, "/api/v1/wal"))
            if not all(each["lag"] == 0 and each["away"] is None for each in log["followers"].values()):
                return False
            # An index that is rebuilt from the files takes changes beside that, and says 503 until it is done.
            listing = await api.request("GET", f"/api/v1/files?since_lsn={self._lsn}&limit=1")
            assert listing.status in (200, 503), listing
            return listing.status == 200

        await eventually(caught_up, f"followers of {self._element.element_id} do not catch up: {log}")
        # A kill in the middle of writing a batch tears it; nobody was told of what was in it.
        assert {finding["kind"] for finding in log["recovery"]["findings"]} <= {"torn-tail"}, log["recovery"]
        return int(log["last_lsn"])

    async def _rows(self, api: Connection, since: int) -> tuple[dict[str, dict[str, Any]], int]:
        """Rows of the index by file_id, and up to where deletions may have been forgotten."""
        rows: dict[str, dict[str, Any]] = {}
        query = f"since_lsn={since}"
        while True:
            page = await _get(api, f"/api/v1/files?{query}&limit={_PAGE}")
            for row in page["items"]:
                assert row["file_id"] not in rows, f"{row} is in the index twice"
                rows[row["file_id"]] = row
            if page["next_cursor"] is None:
                return rows, int(page["deletions_since"])
            query = f"cursor={page['next_cursor']}"

    def _settle(self, rows: dict[str, dict[str, Any]], deletions_since: int) -> list[Attempt]:
        """The index tells what became of what; gives the documents that were touched.

        A row for each that something was acknowledged of; deletions are forgotten when the index is rebuilt.
        """
        history = self._history
        for file_id, row in rows.items():
            if row["document"] is None:
                history.found_gone(file_id)
            else:
                history.found(row["document"])
        for number in history.promised:
            attempt = history.attempts[number]
            if attempt.file_id not in rows:
                assert attempt.is_gone, f"{attempt} was acknowledged and is not in the index"
                assert deletions_since, f"the index does not tell that {attempt} is gone"
        touched = [history.attempts[number] for number in sorted(history.touched)]
        history.looked()
        return [attempt for attempt in touched if attempt.state is State.DONE]

    async def _check_events(self, last_lsn: int, whole_stream: bool) -> None:
        redis = self._stand.redis()
        try:
            stream = element_stream(self._element.element_id)
            entries: Any = await redis.xrange(stream, min=f"({self._lsn}-{2**64 - 1}")
        finally:
            await redis.aclose()
        lsns = []
        for key, fields in entries:
            event = json.loads(fields[ENTRY_FIELD.encode()])
            assert key.decode() == f"{event['lsn']}-0"
            assert event["element_id"] == self._element.element_id
            lsns.append(event["lsn"])
            self._take_event(event)
        assert lsns == sorted(set(lsns))
        assert not lsns or lsns[-1] == last_lsn, f"the last event is {lsns[-1]} of {last_lsn}"
        if whole_stream:
            assert lsns == list(range(self._lsn + 1, last_lsn + 1)), "events are missing"

    def _take_event(self, event: dict[str, Any]) -> None:
        lsn, kind = event["lsn"], event["kind"]
        document: Any = event.get("document")
        assert kind != "mode", "nobody changed the mode: the element tells by it that records were lost"
        if kind == "delete":
            attempt = self._history.with_id(event["file_id"])
            assert attempt is not None, f"{event} is of a document that nobody has"
        else:
            attempt = self._history.of_document(document)
            assert attempt.state is State.DONE, f"{attempt} is not there, and there is {event}"
            assert attempt.file_id == event["file_id"] == document["file_id"]
            assert attempt.is_as_sent(document), f"{attempt} is {event}"
        number = attempt.number
        if kind == "put":
            assert number not in self._puts, f"{attempt} has two events"
            assert attempt.stored_as in (None, document), f"{attempt} was answered otherwise than {event}"
            self._puts[number] = lsn
        else:
            self._told.setdefault(number, []).append(None if kind == "delete" else document["description"])
        self._last[number] = lsn, document

    def _check_agreement(
        self, rows: dict[str, dict[str, Any]], touched: Iterable[Attempt], deletions_since: int
    ) -> None:
        """Each change has its event, in order, and the last of them is what the index says."""
        for attempt in touched:
            lsn, document = self._last[attempt.number]
            done = [change.text for change in attempt.changes if change.state is State.DONE]
            told = self._told.get(attempt.number, [])
            assert attempt.number in self._puts, f"{attempt} has no event"
            assert told == done, f"{attempt} was changed by {done}, and the events tell of {told}"
            if (row := rows.get(attempt.file_id)) is not None:
                assert row["document"] == document, f"index {row}, event {document}"
                assert row["lsn"] == lsn or lsn < row["lsn"] <= deletions_since, f"index {row}, event {lsn}"

    async def _check_room(self, api: Connection) -> None:
        room: dict[str, Any] = {}

        async def nothing_is_reserved() -> bool:
            room.update(await _get(api, "/api/v1/capacity"))
            return bool(room["reserved_bytes"] == 0)

        await eventually(nothing_is_reserved, "room is kept for what nobody sends any more")
        assert room["documents"] == sum(1 for _ in self._history.there())
        assert room["used_bytes"] == bytes_below(self._element.root / "files")

    async def _check_documents(self, token: str, attempts: Sequence[Attempt]) -> None:
        """Metadata and bytes as a client gets them."""
        async with asyncio.TaskGroup() as group:
            for number in range(_CONNECTIONS):
                group.create_task(self._check_some(token, attempts[number::_CONNECTIONS]))

    async def _check_some(self, token: str, attempts: Sequence[Attempt]) -> None:
        api = await Connection.open(self._element.url, token)
        try:
            for attempt in attempts:
                path = f"/api/v1/files/{attempt.file_id}"
                metadata = await api.request("GET", path)
                content = await api.request("GET", f"{path}/download")
                if attempt.is_gone:
                    assert (metadata.status, content.status) == (404, 404), f"{attempt} is back"
                    continue
                assert metadata.status == content.status == 200, f"{attempt}: {metadata}, {content.status}"
                assert metadata.json() == attempt.shown, f"{attempt} is {metadata.json()}"
                assert attempt.revision in (None, metadata.headers["etag"]), f"{attempt}: {metadata}"
                attempt.revision = metadata.headers["etag"]
                assert content.body == attempt.content, f"{attempt} has other bytes"
        finally:
            await api.close()


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def _get(api: Connection, target: str) -> dict[str, Any]:
    answer = await api.request("GET", target)
    assert answer.status == 200, f"{target}: {answer}"
    body: dict[str, Any] = answer.json()
    return body
