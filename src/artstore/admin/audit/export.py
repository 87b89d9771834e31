"""The audit trail as a file: JSON Lines, which can be verified, or CSV for people."""

import base64
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from typing import Final

from artstore.admin.audit import repository
from artstore.admin.audit.repository import StoredEntry, Wanted
from artstore.kernel.database import Database

MEDIA_TYPES: Final = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
_AT_ONCE: Final = 500
_COLUMNS: Final = (
    *("index", "at", "action", "outcome", "actor_kind", "actor_id", "actor_name", "address", "request_id"),
    *("subject_kind", "subject_id", "details", "leaf_hash"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def read(database: Database, wanted: Wanted, stop: int) -> AsyncIterator[list[StoredEntry]]:
    """Entries before ``stop``, the oldest first, some at a time: a slow reader holds no transaction open."""
    start = 0
    while True:
        async with database.read() as connection:
            found = await repository.entries(connection, wanted, _AT_ONCE, start=start, stop=stop)
        if found:
            yield found
        if len(found) < _AT_ONCE:
            return
        start = found[-1].entry["index"] + 1


async def as_json_lines(pages: AsyncIterator[list[StoredEntry]]) -> AsyncIterator[str]:
    """An entry on each line, with its ``leaf_hash`` beside the members of the leaf."""
    async for page in pages:
        lines = ({**stored.entry, "leaf_hash": _encoded(stored)} for stored in page)
        yield "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


async def as_csv(pages: AsyncIterator[list[StoredEntry]]) -> AsyncIterator[str]:
    """RFC 4180, with a head. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    yield _rows([_COLUMNS])
    async for page in pages:
        yield _rows(_cells(stored) for stored in page)


def _rows(rows: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _cells(stored: StoredEntry) -> list[str]:
    entry = stored.entry
    actor, subject = entry["actor"], entry["subject"]
    values = [
        *(entry["index"], entry["at"], entry["action"], entry["outcome"]),
        *(actor["kind"], actor["id"], actor["name"], actor["address"], actor["request_id"]),
        *(subject["kind"], subject["id"]),
        json.dumps(entry["details"], ensure_ascii=False, sort_keys=True),
        _encoded(stored),
    ]
    texts = ["" if value is None else str(value) for value in values]
    return [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]


def _encoded(stored: StoredEntry) -> str:
    return base64.b64encode(stored.leaf_hash).decode("ascii")
